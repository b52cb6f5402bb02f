"""`issuewright runs rewind`: an attempt that failed within is executed again from one of its steps on."""

import pytest
from click.testing import CliRunner, Result

from bot.entrypoints.cli import main
from tests.stories.conftest import NewWorld
from tests.stories.world import GOOD, World


def types(world: World, *words: str) -> Result:
    return CliRunner().invoke(main, ["runs", "rewind", *words, "--dir", str(world.directory)])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", [None, pytest.param("judge", marks=pytest.mark.slow)], ids=str)
def test_an_attempt_goes_on_from_a_step_and_its_agent_is_not_paid_again(new_world: NewWorld, step: str | None) -> None:
    world = new_world("sqlite")
    world.builder.writes(GOOD)
    world.service.fails_at("attempt.finished")
    world.start_service()
    issue = world.opens_spec("Add a health check")
    failed = "SELECT count(*) FROM workflow_status WHERE workflow_uuid LIKE 'attempt:%' AND status = 'ERROR'"
    world.waits("the attempt to fail within", lambda: world.query(failed)[0][0])
    world.kill_service()
    world.service.is_mended("attempt.finished")

    run = world.run_id(issue)
    assert "there is no step `dance`; the steps so far: `prepare`, `agent`" in types(world, run, "--to", "dance").output
    result = types(world, run, *([] if step is None else ["--to", step]))
    assert result.exit_code == 0, result.output
    again = types(world, run)
    assert (again.exit_code, "is being executed" in again.output) == (2, True)
    seen = len(world.service.points_reached())
    world.start_service()
    world.waits_for_gate(issue)
    assert world.builder.times_paid == 1
    repeated = world.service.points_reached()[seen:]
    assert (f"step.{step or 'agent'}.before" in repeated) == (step is not None)
    assert "step.agent.before" not in repeated


@pytest.mark.slow
def test_what_was_rewound_and_is_over_meanwhile_comes_to_its_end(new_world: NewWorld) -> None:
    world = new_world("sqlite")
    world.comes_to_its_gate()
    rewound = "status = 'ENQUEUED', queue_name = 'rewound'"
    world.executes(f"UPDATE workflow_status SET {rewound} WHERE workflow_uuid LIKE 'attempt:%'")
    world.waits_for_quiet()
    assert world.builder.times_paid == 1


def test_what_is_not_under_way_is_not_rewound(new_world: NewWorld) -> None:
    world = new_world("sqlite")
    world.builder.writes(GOOD)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    for run, why in ((world.run_id(issue), "has no attempt and no deployment under way"), ("nope", "there is no run")):
        result = types(world, run)
        assert (result.exit_code, why in result.output) == (2, True), result.output
