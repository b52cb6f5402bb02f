"""Real deliveries, and real ones changed where the examples have holes, read as the table says."""

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.domain.decisions import Ignored
from bot.domain.errors import UserError
from bot.domain.events import CommandGiven, IssueLabelled, PullRequestChanged, ReviewSubmitted
from bot.domain.payloads import Parsed, read_delivery, shown_issue
from tests.contract.deliveries import NO_EVENT_OF_OURS, READ, UNREAD
from tests.contract.description import github
from tests.contract.examples import Json, example, examples, name_of
from tests.contract.waivers import ALWAYS_SENT

NAMES = sorted({name_of(event, payload) for event, payload in examples()})
Place = tuple[str | int, ...]


def test_there_are_as_many_examples_as_there_should_be() -> None:
    assert len(examples()) == 329
    assert len({event for event, _ in examples()}) == 58


def test_the_table_lists_each_event_and_action_once_and_no_other() -> None:
    assert sorted([*READ, *UNREAD]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_example_is_read_as_the_table_says(name: str) -> None:
    unread = Ignored(why=NO_EVENT_OF_OURS.format(event=name.partition(".")[0]))
    expected = READ.get(name, unread)
    for event, payload in examples():
        if name_of(event, payload) == name:
            found = read_delivery(event, payload, bot_id=None)
            if isinstance(expected, Ignored):
                assert found == expected
            else:
                assert isinstance(found, tuple)
                assert {type(each) for each in found} == {expected}


def test_what_the_bot_did_itself_is_passed_over() -> None:
    for event, payload in examples():
        if name_of(event, payload) in READ:
            assert read_delivery(event, payload, payload["sender"]["id"]) == Ignored(why="our own doing")


# -- holes in the examples --------------------------------------------------------------------------------------


def changed(name: str, **changes: Any) -> Json:
    """An example with other values; `a__b` reaches into `a`. It must be as well described as it was."""
    event = name.partition(".")[0]
    payload = example(name)
    before = _faults(event, payload)
    for place, value in changes.items():
        *folders, field = place.split("__")
        inside = payload
        for folder in folders:
            inside = inside[folder]
        inside[field] = value
    after = github().webhook_problems(event, payload)
    new = [problem for problem in after if (problem.at, problem.fault) not in before]
    assert not new, "GitHub would not send this: " + "\n".join(str(problem) for problem in new)
    return payload


def one(parsed: Parsed) -> Any:
    assert isinstance(parsed, tuple)
    (event,) = parsed
    return event


@pytest.mark.parametrize("state", ["approved", "changes_requested"])
def test_a_review_that_decides(state: str) -> None:
    payload = changed("pull_request_review.submitted", review__state=state, review__body=None)
    event = one(read_delivery("pull_request_review", payload, None))
    assert isinstance(event, ReviewSubmitted)
    assert event.review.state == state.upper()
    assert event.review.id == payload["review"]["id"]
    assert event.review.commit_id == payload["review"]["commit_id"]
    assert event.review.author.id == payload["review"]["user"]["id"]
    assert event.pull.number == payload["pull_request"]["number"]
    assert str(event.pull.repo) == payload["repository"]["full_name"]


def test_a_command_in_a_review() -> None:
    body = "Looks fine, but:\n/retry builder"
    payload = changed("pull_request_review.submitted", review__state="commented", review__body=body)
    event = one(read_delivery("pull_request_review", payload, None))
    assert isinstance(event, CommandGiven)
    assert (event.source, event.source_id, event.verb, event.line) == ("review", payload["review"]["id"], "retry", 2)


LINKS = {
    f"{kind}url": f"https://api.github.com/repos/Codertocat/Hello-World/pulls/1{kind}"
    for kind in ("", "html_", "diff_", "patch_")
}


@pytest.mark.parametrize("links", [None, LINKS], ids=["issue", "pull request"])
@pytest.mark.parametrize(("action", "edited"), [("created", False), ("edited", True)])
def test_a_command_in_a_comment(links: Json | None, action: str, edited: bool) -> None:
    where = {"issue__pull_request": links} if links else {}
    payload = changed(f"issue_comment.{action}", comment__body="Fine!\n/approve plan", **where)
    event = one(read_delivery("issue_comment", payload, None))
    assert isinstance(event, CommandGiven)
    assert (event.verb, event.argument, event.line, event.edited) == ("approve", "plan", 2, edited)
    assert (event.source, event.source_id) == ("comment", payload["comment"]["id"])
    assert event.issue.number == payload["issue"]["number"]
    assert event.by.id == payload["comment"]["user"]["id"]


def test_a_label_on_an_issue_and_on_a_pull_request() -> None:
    payload = changed("issues.labeled", label__name="spec")
    event = one(read_delivery("issues", payload, None))
    assert isinstance(event, IssueLabelled)
    assert (event.label, event.issue.number) == ("spec", payload["issue"]["number"])
    payload = changed("issues.labeled", issue__pull_request=LINKS)
    assert isinstance(read_delivery("issues", payload, None), Ignored)


def test_a_label_comes_with_the_issue_as_it_was() -> None:
    payload = changed("issues.labeled", issue__title="One", issue__body="Two", issue__updated_at="2026-01-02T03:04:05Z")
    shown = shown_issue(payload)
    assert shown is not None
    assert shown.at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (shown.issue.title, shown.issue.body, shown.issue.state) == ("One", "Two", "open")
    assert shown.issue.author.login == payload["issue"]["user"]["login"]
    assert shown.issue.labels == tuple(label["name"] for label in payload["issue"]["labels"])
    for field in ("title", "user", "labels", "updated_at"):
        assert shown_issue({**payload, "issue": {**payload["issue"], field: {}}}) is None
    assert shown_issue({**payload, "issue": None}) is None


def test_an_issue_that_is_closed_starts_nothing() -> None:
    payload = changed(
        "issues.reopened",
        action="closed",
        issue__state="closed",
        issue__state_reason="completed",
        issue__closed_at="2026-01-02T03:04:05Z",
    )
    assert isinstance(read_delivery("issues", payload, None), Ignored)


def test_a_pull_request_that_is_edited() -> None:
    payload = changed("pull_request.ready_for_review", action="edited", changes={"title": {"from": "Old"}})
    assert isinstance(read_delivery("pull_request", payload, None), Ignored)


def test_a_merge_by_a_person() -> None:
    payload = changed("pull_request.closed", pull_request__merged=True)
    event = one(read_delivery("pull_request", payload, None))
    assert isinstance(event, PullRequestChanged)
    assert event.by is not None
    assert event.by.id == payload["sender"]["id"]


# -- what GitHub may leave out ----------------------------------------------------------------------------------


def variants(payload: Json) -> Iterator[tuple[Place, Json]]:
    """The payload with each of its values null or gone, one at a time."""

    def places(value: Any, here: Place) -> Iterator[Place]:
        inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, part in inside:
            yield (*here, key)
            yield from places(part, (*here, key))

    for place in list(places(payload, ())):
        for gone in (False, True):
            poorer = copy.deepcopy(payload)
            inside: Any = poorer
            for step in place[:-1]:
                inside = inside[step]
            if gone:
                del inside[place[-1]]
            else:
                inside[place[-1]] = None
            yield place, poorer


def refusals(name: str) -> Iterator[str]:
    """The places in an example which GitHub may leave empty, and without which we cannot read it."""
    event = name.partition(".")[0]
    payload = example(name)
    before = _faults(event, payload)
    for place, poorer in variants(payload):
        try:
            read_delivery(event, poorer, None)
        except UserError:
            if not _faults(event, poorer) - before:
                yield ".".join(map(str, place))


def _faults(event: str, payload: Json) -> set[tuple[str, str]]:
    return {(problem.at, problem.fault) for problem in github().webhook_problems(event, payload)}


@pytest.mark.parametrize("name", READ)
def test_only_what_github_always_sends_is_needed(name: str) -> None:
    """A field that its description lets be null or absent must not make a delivery unreadable."""
    assert set(refusals(name)) == set(ALWAYS_SENT.get(name, {}))
