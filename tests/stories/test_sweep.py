"""Workflows that fail without a reason that anybody could name are tried again a few times; then a person is asked."""

import pytest

from bot.domain.entries import AttemptStarted, HeadMoved
from tests.stories.conftest import NewWorld
from tests.stories.world import GOOD, World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def started(new_world: NewWorld, point: str) -> World:
    world = new_world("sqlite")
    world.builder.writes(GOOD)
    world.service.fails_at(point)
    world.start_service()
    return world


@pytest.mark.parametrize("point", ["drive.OpenPullRequest.claimed", "step.make.before"])
def test_a_move_that_always_fails_is_parked_and_helped(new_world: NewWorld, point: str) -> None:
    world = started(new_world, point)
    issue = world.opens_spec("Add a health check")
    world.waits("the run to ask for help", lambda: "run_parked" in world.kinds(issue), seconds=120)
    assert world.bot_comments(issue.number, f"failpoint {point}") or world.waits(
        "the reason to be told", lambda: world.bot_comments(issue.number, f"failpoint {point}")
    )
    world.service.is_mended(point)
    world.comments(issue, "/retry", by="acme")
    world.waits_for_gate(issue)
    assert world.builder.times_paid == 1


@pytest.mark.parametrize("point", ["step.prepare.before", "step.judge.after", "attempt.finished"])
def test_an_attempt_that_cannot_be_ended_is_parked_and_nothing_else_is_started(new_world: NewWorld, point: str) -> None:
    world = started(new_world, point)
    issue = world.opens_spec("Add a health check")
    world.waits("the run to ask for help", lambda: "run_parked" in world.kinds(issue), seconds=120)
    world.waits_for_quiet()
    assert world.kinds(issue) == ["run_started", "attempt_started", "run_parked", "attempt_finished"]
    assert world.builder.times_paid == (0 if point == "step.prepare.before" else 1)
    spent = world.query("SELECT cost_usd FROM runs")[0][0]
    assert spent == world.query("SELECT sum(settled_usd) FROM reservations")[0][0]
    assert (spent > 0) == (point != "step.prepare.before"), "what a lost attempt has cost stays spent"
    world.service.is_mended(point)
    world.comments(issue, "/retry", by="acme")
    world.waits_for_gate(issue)


def test_a_claim_whose_answer_was_lost_is_taken_up(new_world: NewWorld) -> None:
    """The row says that a living process executes it, and the process has never heard so: whatever else is to happen
    to the run waits behind it."""
    world = started(new_world, "nowhere")
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    world.waits_for_quiet()
    [(executor,)] = world.query("SELECT executor_id FROM workers WHERE declared_dead_at IS NULL")
    claimed = f"SET status = 'PENDING', executor_id = '{executor}'"
    world.executes(f"UPDATE workflow_status {claimed} WHERE workflow_uuid LIKE 'timer:%' AND status = 'DELAYED'")
    world.approves(issue)
    world.waits_for_the_end(issue)


def test_work_that_a_lost_attempt_left_on_the_branch_is_gone_on_from(new_world: NewWorld) -> None:
    """The journal has never heard of that commit: the next attempt's own work does not fit on it."""
    world = started(new_world, "attempt.finished")
    world.builder.writes({"app/health.py": "HEALTH = 2\n"})
    issue = world.opens_spec("Add a health check")
    world.waits("the run to ask for help", lambda: "run_parked" in world.kinds(issue), seconds=120)
    world.waits_for_entry(issue, "attempt_finished")
    world.service.is_mended("attempt.finished")
    world.comments(issue, "/retry", by="acme")
    number = world.waits_for_gate(issue)
    left, ours = (commit["sha"] for commit in world.sees(f"/pulls/{number}/commits"))
    assert [moved.head for moved in world.entries(issue, HeadMoved)] == [left]
    assert world.entries(issue, AttemptStarted)[-1].start_commit == left
    assert world.git("show", f"{ours}:app/health.py") == "HEALTH = 2\n"


def test_a_publisher_that_fails_after_the_end_is_repeated(new_world: NewWorld) -> None:
    world = started(new_world, "nowhere")
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    world.waits_for_quiet()
    world.service.fails_at("step.publish.before")
    world.approves(issue)
    world.waits_for_entry(issue, "run_finished")
    live = "SELECT 1 FROM workflow_status WHERE name = 'publish' AND status IN ('PENDING', 'ENQUEUED', 'DELAYED')"
    world.waits("every publisher to fail", lambda: not world.query(live))
    assert not world.bot_comments(issue.number, "Merged.")
    world.service.is_mended("step.publish.before")
    world.waits("the end to be shown", lambda: world.bot_comments(issue.number, "Merged."))
    world.waits_for_quiet()


def test_a_publisher_that_vanished_is_sent_again_also_after_the_end(new_world: NewWorld) -> None:
    world = started(new_world, "nowhere")
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    world.approves(issue)
    world.waits_for_the_end(issue)
    status = next(c for c in world.conversation(issue.number) if ":status -->" in c["body"])
    world.hub.by("acme", "DELETE", f"/issues/comments/{status['id']}")
    world.executes("UPDATE runs SET publisher = 'publish:gone'")
    world.executes("DELETE FROM surfaces")
    world.waits("the end to be shown again", lambda: world.bot_comments(issue.number, "Merged."))
