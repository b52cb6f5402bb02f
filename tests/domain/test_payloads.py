"""GitHub's webhook payloads, read into events; made by hand here, in GitHub's shape and no longer than needed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.decisions import Ignored
from bot.domain.errors import UserError
from bot.domain.events import CommandGiven, IssueLabelled, PullRequestChanged, ReviewSubmitted, ReviewWasDismissed
from bot.domain.forge import Actor, Comment, Review
from bot.domain.payloads import commands_in_comment, events_of_review, read_delivery, thread_of
from tests.domain.samples import BOT, HUBOT, ISSUE, MONA, ONE, PULL, T0

REPOSITORY = {"id": 1, "name": "tally", "full_name": "acme/tally", "private": False, "owner": {"login": "acme"}}
WHEN = "2026-11-20T10:00:00Z"


def user(actor: Actor = MONA) -> dict[str, Any]:
    return {"id": actor.id, "login": actor.login, "type": "Bot" if actor.is_bot else "User", "site_admin": False}


def payload(action: str, sender: Actor = MONA, **more: Any) -> dict[str, Any]:
    installation = {"id": 99, "node_id": "I_99"}
    return {"action": action, "repository": REPOSITORY, "sender": user(sender), "installation": installation, **more}


def labelled(label: str = "spec", *, on_pull: bool = False, sender: Actor = MONA) -> dict[str, Any]:
    issue: dict[str, Any] = {"id": 700, "number": 7, "title": "Add a health check", "state": "open", "user": user()}
    if on_pull:
        issue["pull_request"] = {"url": "https://api.github.com/repos/acme/tally/pulls/7"}
    return payload("labeled", sender, issue=issue, label={"id": 5, "name": label, "color": "ededed"})


def commented(body: str | None, action: str = "created", by: Actor = MONA, number: int = 7) -> dict[str, Any]:
    comment = {"id": 42, "user": user(by), "body": body, "created_at": WHEN, "updated_at": WHEN, "node_id": "IC_42"}
    return payload(action, by, issue={"number": number, "state": "open"}, comment=comment)


def reviewed(state: str = "approved", body: str | None = None, action: str = "submitted") -> dict[str, Any]:
    review = {"id": 77, "user": user(), "body": body, "state": state, "commit_id": ONE, "submitted_at": WHEN}
    return payload(action, pull_request={"number": 8, "draft": False}, review=review)


def read(event: str, body: dict[str, Any]) -> Any:
    return read_delivery(event, body, BOT.id)


def without(body: dict[str, Any], path: str) -> dict[str, Any]:
    """The payload without that field."""
    first, _, rest = path.partition(".")
    if not rest:
        return {name: value for name, value in body.items() if name != first}
    return {**body, first: without(body[first], rest)}


def test_a_label_is_an_event_and_who_put_it_there_is_read_from_github() -> None:
    assert read("issues", labelled()) == (IssueLabelled(issue=ISSUE, label="spec"),)


def test_a_command_comes_with_who_where_and_when() -> None:
    (event,) = read("issue_comment", commented("Fine.\r\n\r\n/approve merge\r\nthanks", by=HUBOT))
    assert event == CommandGiven(
        issue=ISSUE,
        source="comment",
        source_id=42,
        line=3,
        verb="approve",
        argument="merge",
        text="thanks",
        by=HUBOT,
        at=T0,
        edited=False,
        explicit=False,
    )
    assert event.cause == "comment:42:3"


def test_a_comment_on_a_pull_request_is_read_like_one_on_an_issue() -> None:
    (event,) = read("issue_comment", commented("/cancel", number=8))
    assert event.issue == PULL


def test_every_line_of_a_comment_may_be_a_command_of_its_own() -> None:
    events = read("issue_comment", commented("/reject a\nb\n/status"))
    assert [(event.verb, event.text, event.cause) for event in events] == [
        ("reject", "b", "comment:42:1"),
        ("status", "", "comment:42:3"),
    ]


def test_an_edited_comment_says_so() -> None:
    (event,) = read("issue_comment", commented("/approve", action="edited"))
    assert event.edited


def test_a_short_form_of_another_bot_is_left_to_it_and_the_long_form_is_not() -> None:
    assert isinstance(read("issue_comment", commented("/assign @mona\n/deploy now")), Ignored)
    (event,) = read("issue_comment", commented("/issuewright assign @mona"))
    assert (event.verb, event.argument) == ("assign", "@mona")


def test_the_reconciler_reads_a_comment_like_the_webhook() -> None:
    comment = Comment(id=42, issue_number=7, author=MONA, body="/retry builder", created_at=T0, updated_at=T0)
    assert commands_in_comment(ISSUE, comment, edited=False) == read("issue_comment", commented("/retry builder"))


@pytest.mark.parametrize("state", ["approved", "changes_requested"])
def test_a_review_is_its_verdict_and_what_it_repeats_is_not_counted_twice(state: str) -> None:
    verdict, command = read("pull_request_review", reviewed(state, "/approve\n/reject x\n/status"))
    assert isinstance(verdict, ReviewSubmitted)
    assert (verdict.pull, verdict.review.state, verdict.review.commit_id) == (PULL, state.upper(), ONE)
    assert (command.verb, command.source, command.cause) == ("status", "review", "review:77:3")


def test_a_review_without_a_verdict_may_still_give_commands() -> None:
    (command,) = read("pull_request_review", reviewed("commented", "/approve"))
    assert (command.verb, command.source) == ("approve", "review")
    assert isinstance(read("pull_request_review", reviewed("commented", None)), Ignored)


def test_commands_in_a_review_may_be_those_of_an_edit_and_its_verdict_is_not() -> None:
    values = {"id": 77, "pull_number": 8, "author": MONA, "body": "/reject x\n/status", "commit_id": ONE}
    given = Review.model_validate({**values, "state": "CHANGES_REQUESTED", "submitted_at": T0})
    verdict, command = events_of_review(PULL, given, edited=True)
    assert verdict == ReviewSubmitted(pull=PULL, review=given)
    assert isinstance(command, CommandGiven)
    assert (command.verb, command.edited) == ("status", True)
    dismissed = given.model_copy(update={"state": "DISMISSED"})
    assert events_of_review(PULL, dismissed, edited=True) == (command,), "what it decided is out of force"


def test_a_dismissed_review_is_an_event() -> None:
    dismissed = read("pull_request_review", reviewed("dismissed", action="dismissed"))
    assert dismissed == (ReviewWasDismissed(pull=PULL, review_id=77, by=MONA),)


@pytest.mark.parametrize("action", ["synchronize", "closed"])
def test_a_pull_request_that_changed_is_an_event(action: str) -> None:
    body = payload(action, HUBOT, pull_request={"number": 8, "head": {"sha": ONE}})
    assert read("pull_request", body) == (PullRequestChanged(pull=PULL, by=HUBOT),)


def test_a_completed_check_run_may_let_its_pull_requests_be_merged() -> None:
    check_run = {"id": 1, "status": "completed", "pull_requests": [{"number": 8, "url": "x"}]}
    # A matrix of two hundred jobs is two hundred deliveries: only a run that waits for one looks.
    changed = PullRequestChanged(pull=PULL, only_a_check=True)
    assert read("check_run", payload("completed", check_run=check_run)) == (changed,)
    assert isinstance(read("check_run", payload("completed", check_run={"pull_requests": []})), Ignored)
    assert isinstance(read("check_run", payload("created", check_run=check_run)), Ignored)


@pytest.mark.parametrize(
    ("event", "body"),
    [
        ("issues", payload("opened", issue={"number": 7})),
        ("issues", payload("closed", issue={"number": 7})),
        ("issues", {**labelled(), "action": "unlabeled"}),
        ("issues", labelled(on_pull=True)),
        ("issue_comment", commented("/approve", action="deleted")),
        ("issue_comment", commented("no command")),
        ("issue_comment", commented(None)),
        ("issue_comment", commented("> /approve")),
        ("pull_request", payload("opened", pull_request={"number": 8})),
        ("pull_request_review", reviewed(action="edited")),
        ("star", {"action": "created"}),
        ("ping", {"zen": "Design for failure."}),
        ("", {}),
    ],
)
def test_what_we_do_not_act_on_is_passed_over_with_a_reason(event: str, body: dict[str, Any]) -> None:
    parsed = read(event, body)
    assert isinstance(parsed, Ignored)
    assert parsed.why


@pytest.mark.parametrize(
    ("event", "body"),
    [
        ("issues", labelled(sender=BOT)),
        ("issue_comment", commented("/approve", by=BOT)),
        ("pull_request", payload("synchronize", BOT, pull_request={"number": 8})),
    ],
)
def test_our_own_doing_says_nothing_new_but_another_bots_does(event: str, body: dict[str, Any]) -> None:
    assert read_delivery(event, body, BOT.id) == Ignored(why="our own doing")
    assert not isinstance(read_delivery(event, body, BOT.id + 1), Ignored)
    assert not isinstance(read_delivery(event, body, None), Ignored)


@pytest.mark.parametrize("kind", ["Bot", "Organization", "Mannequin"])
def test_only_a_user_is_a_person(kind: str) -> None:
    body = commented("/approve")
    body["comment"]["user"]["type"] = kind
    (event,) = read("issue_comment", body)
    assert event.by.is_bot


def test_the_author_of_a_comment_counts_and_not_who_edited_it() -> None:
    body = {**commented("/approve", action="edited", by=MONA), "sender": user(HUBOT)}
    (event,) = read("issue_comment", body)
    assert event.by == MONA


def test_an_author_who_is_gone_is_githubs_ghost() -> None:
    body = commented("/approve")
    body["comment"]["user"] = None
    (event,) = read("issue_comment", body)
    assert event.by.login == "ghost"
    review = reviewed()
    review["review"]["user"] = None
    (verdict,) = read("pull_request_review", review)
    assert verdict.review.author == event.by


@pytest.mark.parametrize(
    ("event", "body", "missing"),
    [
        ("issues", labelled(), "repository"),
        ("issues", labelled(), "repository.full_name"),
        ("issues", labelled(), "sender"),
        ("issues", labelled(), "sender.id"),
        ("issues", labelled(), "issue"),
        ("issues", labelled(), "issue.number"),
        ("issues", labelled(), "label.name"),
        ("issue_comment", commented("/approve"), "comment"),
        ("issue_comment", commented("/approve"), "comment.id"),
        ("issue_comment", commented("/approve"), "comment.created_at"),
        ("pull_request", payload("closed", pull_request={"number": 8}), "pull_request.number"),
        ("pull_request_review", reviewed(), "review.state"),
        ("pull_request_review", reviewed(), "review.submitted_at"),
    ],
)
def test_a_payload_without_what_github_always_sends_is_refused_by_name(
    event: str, body: dict[str, Any], missing: str
) -> None:
    with pytest.raises(UserError) as caught:
        read(event, without(body, missing))
    assert str(caught.value).startswith(f"`{event}` delivery not understood: {missing}: ")


@pytest.mark.parametrize("name", ["acme", "acme/../x", "../tally", "a b/c", "acme/tally\n", "/x", "x/"])
def test_a_repository_whose_name_is_none_is_refused(name: str) -> None:
    body = {**labelled(), "repository": {**REPOSITORY, "full_name": name}}
    with pytest.raises(UserError):
        read("issues", body)


def test_a_review_in_a_state_that_github_does_not_have_is_refused() -> None:
    with pytest.raises(UserError):
        read("pull_request_review", reviewed("applauded"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["issues", "issue_comment", "pull_request", "pull_request_review", "check_run"])
fields = st.sampled_from(["action", "issue", "label", "comment", "review", "pull_request", "check_run", "sender"])


@given(names, st.dictionaries(fields, json_values))
def test_any_payload_is_events_or_nothing_or_a_problem_that_is_named(event: str, body: dict[str, Any]) -> None:
    try:
        parsed = read(event, {**payload("created"), **body})
    except UserError as error:
        parsed = Ignored(why=str(error))
    assert parsed


@pytest.mark.parametrize("odd", ["half \ud83d a pair", "nothing \x00 at all"])
def test_what_cannot_be_stored_is_shown_as_unreadable(odd: str) -> None:
    """Nobody can type it, but JSON can hold it: one such comment must not stop what reads all of them."""
    (command,) = read("issue_comment", commented(f"/reject {odd}"))
    assert "\ufffd" in command.argument
    (review, *_) = read("pull_request_review", reviewed("changes_requested", odd))
    for event in (command, review):
        assert type(event).model_validate_json(event.model_dump_json()) == event
        assert "\x00" not in event.model_dump_json()
    thread_of({"repository": {"full_name": odd}, "issue": {"number": odd}}).encode()


def test_a_dismissed_review_may_have_lost_its_commit_and_its_time() -> None:
    """GitHub says null of a commit that a forced push has removed."""
    body = reviewed("dismissed", action="dismissed")
    body["review"] |= {"commit_id": None, "submitted_at": None}
    assert read("pull_request_review", body) == (ReviewWasDismissed(pull=PULL, review_id=77, by=MONA),)


def test_a_comment_on_a_commit_that_is_gone_still_gives_commands() -> None:
    body = reviewed("commented", "/status")
    body["review"]["commit_id"] = None
    (command,) = read("pull_request_review", body)
    assert command.verb == "status"
