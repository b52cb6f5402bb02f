"""Deliveries that are lost, late, doubled or out of order cost time only."""

import json
from typing import Any

import httpx
import pytest

from tests.stories.conftest import NewWorld
from tests.stories.world import GOOD, MAINTAINER, REPAIRED, World
from tests.support.webhooks import signature

OFTEN = "reconcile_seconds = 0.3"


def lose(world: World, event: str, action: str | None = None, do: str = "drop", **rule: Any) -> None:
    world.hub.control("POST", "/webhook-rules", {"event": event, "action": action, "do": do, "times": None, **rule})


def started(new_world: NewWorld, database: str, settings: str = OFTEN) -> World:
    world = new_world(database, settings=settings)
    world.start_service()
    return world


def test_every_delivery_is_lost_and_the_run_goes_its_way(new_world: NewWorld, database: str) -> None:
    world = started(new_world, database)
    world.builder.writes(GOOD).writes(REPAIRED)
    world.hub.control("POST", "/webhook-rules", {"do": "drop", "times": None})
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    question, rejection = world.comments(number, "/status"), world.comments(number, "/reject Tell how it feels")
    world.waits_for_reaction(question, "+1")
    world.waits_for_reaction(rejection, "+1")
    world.waits_for_gate(issue, round=2)
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]
    assert world.builder.times_paid == 2
    assert len(world.bot_comments(number, ":reply -->")) == 1


def test_a_merge_and_a_push_by_hand_whose_deliveries_are_lost(new_world: NewWorld, database: str) -> None:
    world = started(new_world, database)
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    lose(world, "pull_request")
    world.pushes(issue, "docs/by-hand.md", "By hand\n")
    world.waits_for_gate(issue, round=2)
    world.hub.by("maintainer", "PUT", f"/pulls/{number}/merge", {})
    world.waits_for_the_end(issue)
    assert world.kinds(issue)[-2:] == ["pull_request_merged", "run_finished"]


def test_every_delivery_comes_twice(new_world: NewWorld, database: str) -> None:
    world = started(new_world, database, "")
    world.builder.writes(GOOD).writes(REPAIRED)
    world.hub.control("POST", "/webhook-rules", {"do": "duplicate", "times": None})
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.waits_for_reaction(world.comments(number, "/status"), "+1")
    world.waits_for_reaction(world.comments(number, "/reject Tell how it feels"), "+1")
    world.waits_for_gate(issue, round=2)
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.kinds(issue).count("rejected") == world.kinds(issue).count("run_started") == 1
    assert len(world.bot_comments(number, ":reply -->")) == 1
    assert world.builder.times_paid == 2


def test_deliveries_and_the_reconciler_at_once_answer_once(new_world: NewWorld, database: str) -> None:
    """Both find every question at about the same moment, again and again."""
    world = started(new_world, database, "reconcile_seconds = 0.05")
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    questions = [world.comments(number, "/status") for _ in range(12)]
    for question in questions:
        world.waits_for_reaction(question, "+1")
    world.waits("all answers", lambda: len(world.bot_comments(number, ":reply -->")) >= len(questions))
    world.waits_for_quiet()
    assert len(world.bot_comments(number, ":reply -->")) == len(questions)


def test_an_edit_of_a_review_runs_nothing_and_nothing_twice(new_world: NewWorld, database: str) -> None:
    """GitHub does not tell of a review in its lists that it was edited: what its delivery brought is what counts."""
    world = started(new_world, database)
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    asked = world.reviews(issue, "COMMENT", "/status")
    world.waits("the status", lambda: world.bot_comments(number, ":reply -->"))
    said = world.reviews(issue, "COMMENT", "Looks fine")
    world.waits_for_quiet()
    world.hub.by(MAINTAINER, "PUT", f"/pulls/{number}/reviews/{asked}", {"body": "How does it stand?\n/status"})
    world.hub.by(MAINTAINER, "PUT", f"/pulls/{number}/reviews/{said}", {"body": "/approve"})
    answer = "please repeat `/approve` in a new comment"
    world.waits("the edit to be answered", lambda: world.bot_comments(number, answer))
    looks_again(world, number)
    assert "approved" not in world.kinds(issue)
    assert len(world.bot_comments(number, ":reply -->")) == 2, "one for each review"


def test_a_command_in_a_review_whose_delivery_is_lost_has_to_be_repeated(new_world: NewWorld) -> None:
    """Nobody knows any more whether it was there from the beginning; whoever gave it is told so once."""
    world = started(new_world, "sqlite")
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    lose(world, "pull_request_review")
    world.reviews(issue, "COMMENT", "/reject Tell how it feels")
    answer = "please repeat `/reject` in a new comment"
    world.waits("it to be found", lambda: world.bot_comments(number, answer))
    looks_again(world, number)
    assert "rejected" not in world.kinds(issue)
    assert len(world.bot_comments(number, ":reply -->")) == 1
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"], "a verdict cannot be edited"


def looks_again(world: World, number: int) -> None:
    """Until the reconciler has read the pull request's reviews twice more, and all is done that came of it."""

    def looks() -> int:
        return len(world.requests("GET", f"/pulls/{number}/reviews$"))

    before = looks()
    world.waits("the reviews to be read again", lambda: looks() > before + 2)
    world.waits_for_quiet()


@pytest.mark.parametrize("late", ["/approve", "/reject Too late"])
def test_a_word_that_comes_after_the_end_changes_nothing(new_world: NewWorld, late: str) -> None:
    world = started(new_world, "sqlite", "")
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    lose(world, "issue_comment", do="hold")
    comment = world.comments(number, late)
    world.approves(issue)
    world.waits_for_the_end(issue)
    journal = world.kinds(issue)
    world.hub.control("DELETE", "/webhook-rules")
    world.hub.control("POST", "/deliveries/release", {"order": "fifo"})
    world.waits_for_reaction(comment, "confused")
    world.waits_for_quiet()
    assert world.kinds(issue) == journal


def test_a_redelivery_of_what_was_read_does_nothing(world: World) -> None:
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.waits_for_reaction(world.comments(number, "/status"), "+1")
    world.waits_for_quiet()
    before = world.kinds(issue)
    for delivery in world.hub.control("GET", "/deliveries"):
        answer = world.hub.control("POST", f"/deliveries/{delivery['guid']}/redeliver")
        assert answer["attempts"][-1]["status"] == 202
    world.waits_for_quiet()
    assert world.kinds(issue) == before
    assert len(world.bot_comments(number, ":reply -->")) == 1


def test_the_same_event_under_another_delivery_id_does_nothing(world: World) -> None:
    """The id is not signed: whoever could replay a delivery under a new one gains nothing."""
    world.builder.writes(GOOD).writes(REPAIRED)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.waits_for_reaction(world.comments(number, "/reject Tell how it feels"), "+1")
    world.waits_for_gate(issue, round=2)
    world.waits_for_quiet()
    before = world.kinds(issue)
    for index, delivery in enumerate(world.hub.control("GET", "/deliveries")):
        payload = world.hub.control("GET", f"/deliveries/{delivery['guid']}")["payload"]
        body = json.dumps(payload).encode()
        headers = {
            "content-type": "application/json",
            "x-hub-signature-256": signature(body),
            "x-github-delivery": f"replayed-{index}",
            "x-github-event": delivery["event"],
        }
        url = f"http://127.0.0.1:{world.service.port}/webhook"
        assert httpx.post(url, content=body, headers=headers, trust_env=False).status_code == 202
    world.waits_for_quiet()
    assert world.kinds(issue) == before
    assert world.builder.times_paid == 2


def test_a_delivery_whose_reading_fails_is_read_again_when_it_comes_again(new_world: NewWorld) -> None:
    world = started(new_world, "sqlite", "")
    world.builder.writes(GOOD)
    fault = {"path_regex": "/issues/[0-9]+/events$", "caller": "installation", "status": 418, "times": None}
    world.hub.control("POST", "/faults", fault)
    issue = world.opens_spec("Add a health check")
    world.waits("the failure to be noted", lambda: _failed(world))
    assert world.kinds(issue) == []
    world.hub.control("DELETE", "/faults")
    world.hub.control("POST", f"/deliveries/{_failed(world)[0]}/redeliver")
    world.waits_for_gate(issue)
    assert world.builder.times_paid == 1


def _failed(world: World) -> list[str]:
    return [row[0] for row in world.query("SELECT id FROM deliveries WHERE status = 'failed'")]
