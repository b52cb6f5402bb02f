"""An older backup is brought back: what was done since is found on GitHub, and nothing of it is done again."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.entrypoints.cli import main
from tests.stories.conftest import NewWorld
from tests.stories.snapshot import snapshot_of_run
from tests.stories.world import GOOD, REPAIRED, Issue, World
from workflows.database import Database
from workflows.maintenance import check_database

OBEYED = "SELECT 1 FROM attempts WHERE mode = 'work' AND number > 1 AND finished_at IS NOT NULL"


def types(world: World, *words: str) -> str:
    """A command of the operator."""
    result = CliRunner().invoke(main, [*words, "--dir", str(world.directory)])
    assert result.exit_code == 0, result.output
    return result.output


def backed_up_at_work(new_world: NewWorld, copy: Path) -> tuple[World, Issue]:
    """A world whose backup is of the time when its agent was at work."""
    world = new_world("sqlite", settings="reconcile_seconds = 1")
    world.builder.writes(GOOD, holds=True)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_for_agent()
    types(world, "db", "backup", str(copy))
    world.builder.is_let_go()
    world.waits_for_gate(issue)
    return world, issue


def is_restored(world: World, copy: Path) -> None:
    """The service is gone, and its database that of the backup."""
    world.kill_service()
    world.database.close()
    types(world, "db", "restore", str(copy))


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
    is_restored(world, tmp_path / "copy.db")
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


@pytest.mark.slow
def test_work_that_was_under_way_in_the_backup_is_found_and_not_paid_again(new_world: NewWorld, tmp_path: Path) -> None:
    world, issue = backed_up_at_work(new_world, tmp_path / "copy.db")
    world.waits_for_quiet()
    before, commits = snapshot_of_run(world, issue), world.git("log", "--format=%H %an", world.branch(issue))
    is_restored(world, tmp_path / "copy.db")
    assert world.kinds(issue)[-1] == "attempt_started"
    world.start_service()
    world.waits_for_gate(issue)
    world.waits_for_quiet()
    after = snapshot_of_run(world, issue)
    assert world.git("log", "--format=%H %an", world.branch(issue)) == commits, "the very same commit"
    assert after["pull request"] == before["pull request"]
    assert [len(place) for place in after["comments"]] == [len(place) for place in before["comments"]]
    assert "run_parked" not in world.kinds(issue)
    assert world.builder.times_paid == 1
    assert "ok" in types(world, "audit", "verify")
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.builder.times_paid == 1


@pytest.mark.slow
def test_a_run_that_was_merged_since_the_backup_ends_as_merged(new_world: NewWorld, tmp_path: Path) -> None:
    world, issue = backed_up_at_work(new_world, tmp_path / "copy.db")
    world.approves(issue)
    world.waits_for_the_end(issue)
    main = world.git("log", "--format=%H", "main")
    is_restored(world, tmp_path / "copy.db")
    world.start_service()
    world.waits_for_the_end(issue)
    assert world.kinds(issue)[-2:] == ["pull_request_merged", "run_finished"]
    assert world.git("log", "--format=%H", "main") == main
    assert len(world.sees("/pulls?state=all")) == 1
    assert world.issue(issue)["state"] == "closed"
    assert world.builder.times_paid == 1


@pytest.mark.slow
@pytest.mark.parametrize("slowly", [False, True], ids=["as it comes", "after its answer was heard of"])
def test_work_that_began_after_the_backup_is_asked_for_once_more(
    new_world: NewWorld, tmp_path: Path, slowly: bool
) -> None:
    world = new_world("sqlite", settings="reconcile_seconds = 1")
    world.builder.writes(GOOD).writes(REPAIRED).writes(REPAIRED)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.waits_for_quiet()
    types(world, "db", "backup", str(tmp_path / "copy.db"))
    world.comments(number, "/reject Tell how it feels")
    world.waits_for_gate(issue, round=2)
    world.waits_for_quiet()
    head = world.pull_request(issue)["head"]["sha"]
    is_restored(world, tmp_path / "copy.db")
    if slowly:
        world.service.fails_at("step.claim.before")
    world.start_service()
    if slowly:
        world.waits_for_entry(issue, "rejected")
        world.waits_for_entry(issue, "head_moved")
        world.service.is_mended("step.claim.before")
    world.waits("the rejection to be obeyed again", lambda: world.query(OBEYED))
    world.waits("a gate", lambda: world.query("SELECT 1 FROM gates WHERE state = 'open'"))
    world.waits_for_quiet()
    assert world.pull_request(issue)["head"]["sha"] == head, "what was there is not there twice"
    assert "run_parked" not in world.kinds(issue)
    # What answered the rejection may be there already when its agent begins, which then finds nothing to change.
    assert world.builder.times_paid <= 3
    world.approves(issue)
    world.waits_for_the_end(issue)


@pytest.mark.slow
def test_backups_of_a_service_at_work_are_sound(new_world: NewWorld, tmp_path: Path) -> None:
    world = new_world("sqlite")
    world.builder.writes(GOOD)
    world.start_service()
    issues = [world.opens_spec(f"Add health check {number}") for number in range(3)]
    taken: list[Path] = []

    def all_wait() -> bool:
        taken.append(tmp_path / f"copy-{len(taken)}.db")
        types(world, "db", "backup", str(taken[-1]))
        return len(world.query("SELECT 1 FROM gates WHERE state = 'open'")) == len(issues)

    world.waits("the gates to open", all_wait)
    assert len(taken) > 3
    seen = set()
    for copy in taken:
        database = Database(f"sqlite:///{copy}")
        assert list(check_database(database)) == []
        with database.read() as connection:
            seen.add(connection.exec_driver_sql("SELECT count(*) FROM entries").scalar_one())
        database.close()
    assert len(seen) > 3, "they are of different moments"
