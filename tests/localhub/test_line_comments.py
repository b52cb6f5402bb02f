"""Comments on lines of a diff: with a review, alone, answered, and following their line."""

from pathlib import Path
from typing import Any

import pytest

from tests.localhub.harness import Localhub, Receiver, push_change, wait_for

TEXT = "def total(numbers):\n    checked = list(numbers)\n    return sum(checked)\n"


@pytest.fixture
def pull(hub: Localhub, tmp_path: Path) -> dict[str, Any]:
    push_change(hub, tmp_path, hub.tokens["wendy"], "change", "tally/core.py", TEXT)
    made: dict[str, Any] = hub.by("wendy", "POST", "/pulls", {"title": "Change", "head": "change", "base": "main"})
    return made


def note(line: int, body: str = "Why?", **more: object) -> dict[str, object]:
    return {"path": "tally/core.py", "line": line, "side": "RIGHT", "body": body, **more}


def test_a_review_brings_its_comments(hub: Localhub, pull: dict[str, Any]) -> None:
    place = f"/pulls/{pull['number']}"
    wanted = {"event": "REQUEST_CHANGES", "body": "Two things", "comments": [note(2), note(3, "And this?")]}
    review = hub.by("mary", "POST", f"{place}/reviews", wanted)
    comments = hub.by("rita", "GET", f"{place}/comments")
    assert [(said["path"], said["line"], said["body"]) for said in comments] == [
        ("tally/core.py", 2, "Why?"),
        ("tally/core.py", 3, "And this?"),
    ]
    assert {said["pull_request_review_id"] for said in comments} == {review["id"]}
    assert comments[0]["commit_id"] == comments[0]["original_commit_id"] == pull["head"]["sha"]
    assert comments[0]["diff_hunk"].startswith("@@ -1,2 +1,3 @@\n def total")
    assert comments[0]["diff_hunk"].endswith("+    checked = list(numbers)")
    assert comments[0]["html_url"].endswith(f"/pull/{pull['number']}#discussion_r{comments[0]['id']}")
    of_review = hub.by("rita", "GET", f"{place}/reviews/{review['id']}/comments")
    assert [said["id"] for said in of_review] == [said["id"] for said in comments]
    assert hub.by("rita", "GET", place)["review_comments"] == 2


def test_a_removed_line_is_on_the_left(hub: Localhub, pull: dict[str, Any]) -> None:
    place = f"/pulls/{pull['number']}/reviews"
    wanted = {"event": "COMMENT", "comments": [note(2, "It was good", side="LEFT")]}
    review = hub.by("mary", "POST", place, wanted)
    (said,) = hub.by("rita", "GET", f"{place}/{review['id']}/comments")
    assert (said["side"], said["line"], said["diff_hunk"].splitlines()[-1]) == ("LEFT", 2, "-    return sum(numbers)")


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (note(9), "Line could not be resolved"),
        (note(3, side="LEFT"), "Line could not be resolved"),
        (note(1) | {"path": "README.md"}, "Path could not be resolved"),
        (note(2, " "), "Body can't be blank"),
        (note(3, start_line=3), "Start line could not be resolved"),
    ],
)
def test_what_the_diff_does_not_show_is_refused(
    hub: Localhub, pull: dict[str, Any], wanted: dict[str, object], reason: str
) -> None:
    place = f"/pulls/{pull['number']}"
    refused = hub.by("mary", "POST", f"{place}/reviews", {"event": "COMMENT", "comments": [wanted]}, status=422)
    assert refused["errors"] == [reason]
    assert hub.by("mary", "GET", f"{place}/reviews") == []  # nothing is left of it


def test_a_comment_follows_its_line_until_that_changes(hub: Localhub, pull: dict[str, Any], tmp_path: Path) -> None:
    place = f"/pulls/{pull['number']}"
    hub.by("mary", "POST", f"{place}/comments", note(3, commit_id=pull["head"]["sha"]))

    above = '"""Sums."""\n\n\n' + TEXT
    moved = push_change(hub, tmp_path, hub.tokens["wendy"], "change", "tally/core.py", above)
    (said,) = hub.by("rita", "GET", f"{place}/comments")
    assert (said["line"], said["original_line"], said["commit_id"]) == (6, 3, moved)
    assert said["original_commit_id"] == pull["head"]["sha"]

    other = above.replace("sum(checked)", "sum(checked, 0)")
    push_change(hub, tmp_path, hub.tokens["wendy"], "change", "tally/core.py", other)
    (said,) = hub.by("rita", "GET", f"{place}/comments")
    assert (said["line"], said["position"], said["original_line"]) == (None, None, 3)
    assert said["commit_id"] == pull["head"]["sha"]


def test_a_pending_review_is_its_authors_alone(hub: Localhub, pull: dict[str, Any]) -> None:
    place = f"/pulls/{pull['number']}"
    review = hub.by("mary", "POST", f"{place}/reviews", {"comments": [note(2)]})
    assert review["state"] == "PENDING"
    assert hub.by("wendy", "GET", f"{place}/comments") == []
    hub.by("wendy", "GET", f"{place}/reviews/{review['id']}/comments", status=404)
    refused = hub.by("mary", "POST", f"{place}/reviews", {"event": "APPROVE"}, status=422)
    assert refused["errors"] == ["User can only have one pending review per pull request"]
    hub.by("mary", "POST", f"{place}/reviews/{review['id']}/events", {"event": "COMMENT"})
    assert len(hub.by("wendy", "GET", f"{place}/comments")) == 1


def test_an_answer_belongs_to_its_thread(hub: Localhub, pull: dict[str, Any]) -> None:
    place = f"/pulls/{pull['number']}/comments"
    first = hub.by("mary", "POST", place, note(2, commit_id=pull["head"]["sha"]))
    answer = hub.by("wendy", "POST", f"{place}/{first['id']}/replies", {"body": "Because"})
    again = hub.by("mary", "POST", f"{place}/{answer['id']}/replies", {"body": "I see"})
    assert answer["in_reply_to_id"] == again["in_reply_to_id"] == first["id"]
    assert (answer["path"], answer["line"]) == ("tally/core.py", 2)


def test_webhooks_tell_of_the_review_and_of_each_comment(own_hub: Localhub, receiver: Receiver, tmp_path: Path) -> None:
    push_change(own_hub, tmp_path, own_hub.tokens["wendy"], "change", "tally/core.py", TEXT)
    own_hub.by("wendy", "POST", "/pulls", {"title": "Change", "head": "change", "base": "main"})
    wanted = {"event": "REQUEST_CHANGES", "comments": [note(2), note(3)]}
    review = own_hub.by("mary", "POST", "/pulls/1/reviews", wanted)
    created = "pull_request_review_comment.created"
    wait_for("both comments", lambda: len(receiver.named(created)) == 2)
    submitted = wait_for("the review", lambda: receiver.named("pull_request_review.submitted"))
    assert submitted[0].payload["review"]["body"] is None
    comments = [delivered.payload["comment"] for delivered in receiver.named(created)]
    assert {said["pull_request_review_id"] for said in comments} == {review["id"]}
    assert sorted(said["line"] for said in comments) == [2, 3]
