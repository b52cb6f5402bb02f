"""A move that was claimed by somebody who died: it is made by whoever comes next, if it still is one to make."""

import pytest

from bot.domain.decisions import Accepted
from bot.domain.entries import HeadMoved
from bot.domain.events import MoveMade, ReviewWasDismissed
from bot.domain.facts import Facts
from bot.domain.forge import Actor
from bot.domain.refs import IssueRef, RepoRef
from tests.stories.conftest import NewWorld
from tests.stories.world import GOOD, OWNER, Issue, World
from workflows import operator
from workflows.clock import now
from workflows.journal import Journal
from workflows.runtime import connect_client
from workflows.wake import Waker

NOBODY = Actor(id=0, login="nobody")


def dies_before_the_gate_is_shown(world: World, point: str = "drive.OpenGate.claimed") -> Issue:
    world.builder.writes(GOOD)
    world.service.dies_at(point)
    world.service.spawn()
    issue = world.opens_spec("Add a health check")
    world.waits_without_a_service("its death", lambda: world.service.exit_code() is not None)
    return issue


def journal(world: World) -> Journal:
    return Journal(world.database, Waker(connect_client(world.database)))


def test_a_gate_that_a_push_has_closed_is_not_shown(new_world: NewWorld, database: str) -> None:
    world = new_world(database)
    issue = dies_before_the_gate_is_shown(world)
    number = world.pull_request(issue)["number"]
    pushed = world.pushes(issue, "docs/by-hand.md", "By hand\n")
    # Another worker hears of it meanwhile.
    heard = MoveMade(entry=HeadMoved(head=pushed), cause="head:heard-elsewhere")
    journal(world).decide(heard, Facts(now=now(), bot=NOBODY), of=world.run_id(issue))
    world.start_service()
    world.waits_for_gate(issue, round=2)
    world.waits_for_quiet()
    (asked,) = world.bot_comments(number, ":gate:merge:")
    assert pushed in asked
    assert len(world.requests("POST", "/requested_reviewers$")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("point", ["effect.gate-comment.after-call", "effect.review-request.before-call"])
def test_what_was_begun_of_a_closed_gate_comes_to_its_end(new_world: NewWorld, point: str) -> None:
    world = new_world("sqlite")
    issue = dies_before_the_gate_is_shown(world, point)
    operator.command(journal(world), world.run_id(issue), "cancel")
    world.start_service()
    world.waits_for_the_end(issue)
    world.waits_for_quiet()
    assert world.query("SELECT key FROM effects WHERE done_at IS NULL") == []


def test_a_gate_of_a_run_that_was_cancelled_is_not_shown(new_world: NewWorld, database: str) -> None:
    world = new_world(database)
    issue = dies_before_the_gate_is_shown(world)
    number = world.pull_request(issue)["number"]
    operator.command(journal(world), world.run_id(issue), "cancel")
    world.start_service()
    world.waits_for_the_end(issue)
    world.waits_for_quiet()
    assert not world.bot_comments(number, ":gate:merge:")
    assert not world.requests("POST", "/requested_reviewers$")


def test_an_approval_that_is_taken_back_before_the_merge_is_made_merges_nothing(
    new_world: NewWorld, database: str
) -> None:
    world = new_world(database)
    world.builder.writes(GOOD)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.service.dies_at("drive.Merge.claimed")
    world.approves(issue)
    world.waits_without_a_service("its death", lambda: world.service.exit_code() is not None)
    (review,) = world.sees(f"/pulls/{number}/reviews")
    world.hub.by(OWNER, "PUT", f"/pulls/{number}/reviews/{review['id']}/dismissals", {"message": "Not yet"})
    # Another worker hears of it meanwhile.
    pull = IssueRef(repo=RepoRef(owner="acme", name="tally"), number=number)
    heard = ReviewWasDismissed(pull=pull, review_id=review["id"])
    decision = journal(world).decide(heard, Facts(now=now(), bot=NOBODY), of=world.run_id(issue))
    assert isinstance(decision, Accepted)
    world.start_service()
    world.waits_for_gate(issue, round=2)
    world.waits_for_quiet()
    assert not world.requests("PUT", f"/pulls/{number}/merge$"), "GitHub was not even asked"
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]
