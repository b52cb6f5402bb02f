"""An older backup is brought back: what was done since is found on GitHub, and nothing of it is done again."""

from pathlib import Path

from click.testing import CliRunner

from bot.entrypoints.cli import main
from tests.stories.conftest import NewWorld
from tests.stories.snapshot import snapshot_of_run
from tests.stories.world import GOOD, World


def types(world: World, *words: str) -> str:
    """A command of the operator."""
    result = CliRunner().invoke(main, [*words, "--dir", str(world.directory)])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_restored_service_repeats_nothing(new_world: NewWorld, tmp_path: Path) -> None:
    world = new_world("sqlite", settings="reconcile_seconds = 1")
    world.builder.writes(GOOD)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.waits_for_quiet()
    types(world, "db", "backup", str(tmp_path / "copy.db"))
    world.approves(issue)
    world.waits_for_the_end(issue)
    before = snapshot_of_run(world, issue)
    world.kill_service()
    world.database.close()
    types(world, "db", "restore", str(tmp_path / "copy.db"))
    assert "run_finished" not in world.kinds(issue)
    world.start_service()
    world.waits_for_the_end(issue)
    after = snapshot_of_run(world, issue)
    # The restored journal does not know who merged, so it says less of that; all else is as it was.
    said = [seen["pull request"].pop("check runs") for seen in (before, after)]
    assert [len(runs) for runs in said] == [1, 1]
    assert after["pull request"] == before["pull request"]
    assert [len(place) for place in after["comments"]] == [len(place) for place in before["comments"]]
    assert len(world.bot_comments(number, ":gate:merge:")) == 1
    assert world.builder.times_paid == 1
    assert "ok" in types(world, "audit", "verify")
    assert types(world, "db", "check").strip() == "ok"
