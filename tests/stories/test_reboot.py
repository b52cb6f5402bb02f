"""The machine loses its power with gates open and agents at work, and is started again: everything goes on."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.stories import machines
from tests.stories.conftest import NewWorld
from tests.stories.world import GOOD, World
from tests.support import needs
from tests.support.scripted_model import ScriptedModel, Turn, hands_in, uses, writes

pytestmark = [
    needs.claude(),
    pytest.mark.skipif(not machines.may_change_boots(), reason="a view of /proc of one's own needs root; run as root"),
]
MOOD = {"app/mood.py": "def mood() -> str:\n    return 'good'\n"}


def works_with_claude(world: World, model: ScriptedModel) -> None:
    """All agents are real ones, whose model says what `model` says."""
    (world.directory / "claude-key").write_text("sk-ant-scripted\n")
    settings = world.directory / "service.toml"
    text = settings.read_text().replace('default = "command"', 'default = "claude"')
    claude = {"unsafe_no_sandbox": True, "api_key_file": "claude-key", "base_url": model.url}
    lines = [f"{name} = {json.dumps(value)}" for name, value in claude.items()]
    settings.write_text("\n".join([text, "[agents.settings.claude]", *lines, ""]))


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"])
def test_a_reboot_with_a_gate_open_and_an_agent_at_work(new_world: NewWorld, database: str, tmp_path: Path) -> None:
    world = new_world(database)
    begun = world.directory / "begun"

    def turns(workspace: Path) -> list[Turn]:
        if "acme--tally--1.builder" in str(workspace):
            return [writes(GOOD), hands_in("Health.")]
        sleeps = uses("Bash", command=f"touch '{begun}'; sleep 600", description="wait")
        return [writes({"app/first.py": "one = 1\n"}), sleeps, writes(MOOD), hands_in("Mood.")]

    with ScriptedModel(tmp_path / "model.jsonl") as model:
        model.improvises(turns)
        works_with_claude(world, model)
        machines.boots(world)
        world.start_service()
        waiting = world.opens_spec("Add a health check")
        number = world.waits_for_gate(waiting)
        at_work = world.opens_spec("Add a mood")
        world.waits("the second agent to be in the middle of it", begun.exists)

        machines.loses_power(world)
        world.approves(waiting)
        machines.boots(world)
        world.start_service()
        world.waits_for_entry(waiting, "run_finished")
        other = world.waits_for_gate(at_work)
        world.approves(at_work)
        world.waits_for_the_end(at_work)

        lives = world.directory / "data" / "attempts" / f"{world.run_id(at_work)}.builder.1"
        boots = [json.loads(file.read_text())["boot_id"] for file in lives.glob("**/agent.json")]
        assert len(boots) == len(set(boots)) == 2, "the agent went on, after another boot"
        asked = Counter((request["conversation"], request["turn"]) for request in model.requests)
        assert set(asked.values()) == {1}, asked
        assert len(asked) == 6
    for issue, pull in ((waiting, number), (at_work, other)):
        assert world.pull_request(issue)["merged"]
        assert world.kinds(issue).count("attempt_started") == 1
        assert len(world.bot_comments(pull, ":gate:merge:1 -->")) == 1
        assert len(world.bot_comments(pull, ":stage:builder")) <= 1
    assert {"app/first.py", "app/mood.py", "app/health.py"} <= {*world.files_on("main")}
    assert not world.processes_of_supervisors()
