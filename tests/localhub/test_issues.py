"""Issues: what lists show, what is refused, what leaves a trail."""

import itertools
import time
from typing import Any

import pytest

from bot.localhub.clock import as_made
from tests.localhub.harness import Localhub


def test_limits_on_text(hub: Localhub) -> None:
    hub.by("wendy", "POST", "/issues", {"title": "t", "body": "x" * 65536})
    for path, body in (
        ("/issues", {"title": "t", "body": "x" * 65537}),
        ("/issues", {"body": "no title"}),
        ("/issues", {"title": "x" * 257}),
        ("/issues/1/comments", {"body": "é" * 65537}),
        ("/issues/1/comments", {"body": " "}),
        ("/issues/1/reactions", {"content": "shrug"}),
    ):
        answer = hub.by("wendy", "POST", path, body, status=422)
        assert answer["message"] == "Validation Failed"
        assert answer["errors"]
    assert hub.by("wendy", "POST", "/issues/99/comments", {"body": "x"}, status=404)["message"] == "Not Found"
    raw = hub.http.post(
        f"{hub.api}/repos/{hub.repository}/issues",
        content=b"{",
        headers={"authorization": f"token {hub.tokens['acme']}"},
    )
    assert (raw.status_code, raw.json()["message"]) == (400, "Problems parsing JSON")


def test_lists_filter_sort_and_page(hub: Localhub) -> None:
    for number in range(1, 6):
        labels = ["spec"] if number % 2 else ["Spec", "bug"]
        hub.by("wendy", "POST", "/issues", {"title": f"Issue {number}", "labels": labels})
    hub.by("wendy", "PATCH", "/issues/2", {"state": "closed", "state_reason": "not_planned"})

    def numbers(query: str) -> list[int]:
        return [issue["number"] for issue in hub.by("wendy", "GET", f"/issues?{query}")]

    assert numbers("") == [5, 4, 3, 1]
    assert numbers("state=all&direction=asc") == [1, 2, 3, 4, 5]
    assert numbers("labels=SPEC,bug&state=all") == [4, 2]
    assert numbers("state=closed") == [2]
    assert numbers("creator=sam") == []
    assert numbers("since=2099-01-01T00:00:00Z") == []

    seen, url = [], f"{hub.api}/repos/{hub.repository}/issues?state=all&per_page=2"
    while url:
        page = hub.http.get(url)
        seen += [issue["number"] for issue in page.json()]
        url = page.links.get("next", {}).get("url", "")
    assert seen == [5, 4, 3, 2, 1]


def test_labels_come_in_every_form(hub: Localhub) -> None:
    hub.by("wendy", "POST", "/issues", {"title": "t"})

    def names(answer: Any) -> list[str]:
        return [label["name"] for label in answer]

    assert names(hub.by("wendy", "POST", "/issues/1/labels", {"labels": ["a", "b/c d"]})) == ["a", "b/c d"]
    assert names(hub.by("wendy", "POST", "/issues/1/labels", ["A", "e"])) == ["a", "b/c d", "e"]
    assert names(hub.by("wendy", "DELETE", "/issues/1/labels/b%2Fc%20d")) == ["a", "e"]
    hub.by("wendy", "DELETE", "/issues/1/labels/b%2Fc%20d", status=404)
    assert names(hub.by("wendy", "PUT", "/issues/1/labels", {"labels": ["e", "f"]})) == ["e", "f"]
    trail = [(event["event"], event["label"]["name"]) for event in hub.by("wendy", "GET", "/issues/1/events")]
    assert trail == [
        ("labeled", "a"),
        ("labeled", "b/c d"),
        ("labeled", "e"),
        ("unlabeled", "b/c d"),
        ("unlabeled", "a"),
        ("labeled", "f"),
    ]


def test_reactions_count_once_a_person(hub: Localhub) -> None:
    hub.by("wendy", "POST", "/issues", {"title": "t"})
    comment = hub.by("sam", "POST", "/issues/1/comments", {"body": "hi"})["id"]
    for place in ("/issues/1", f"/issues/comments/{comment}"):
        first = hub.by("wendy", "POST", f"{place}/reactions", {"content": "eyes"}, status=201)
        again = hub.by("wendy", "POST", f"{place}/reactions", {"content": "eyes"}, status=200)
        assert first == again
        hub.by("sam", "POST", f"{place}/reactions", {"content": "eyes"}, status=201)
        assert len(hub.by("sam", "GET", f"{place}/reactions?content=eyes")) == 2
        assert hub.by("sam", "GET", place)["reactions"]["eyes"] == 2
        hub.by("sam", "DELETE", f"{place}/reactions/{first['id']}", status=404)
        hub.by("wendy", "DELETE", f"{place}/reactions/{first['id']}", status=204)
        assert hub.by("sam", "GET", place)["reactions"]["eyes"] == 1


def test_the_timeline_tells_it_in_order(hub: Localhub) -> None:
    hub.by("wendy", "POST", "/issues", {"title": "t", "labels": ["spec"]})
    hub.by("sam", "POST", "/issues/1/comments", {"body": "hi"})
    hub.by("wendy", "PATCH", "/issues/1", {"state": "closed"})
    hub.by("wendy", "PATCH", "/issues/1", {"state": "closed"})
    hub.by("wendy", "PATCH", "/issues/1", {"state": "open"})
    timeline = hub.by("wendy", "GET", "/issues/1/timeline")
    assert [item["event"] for item in timeline] == ["labeled", "commented", "closed", "reopened"]
    issue = hub.by("wendy", "GET", "/issues/1")
    assert (issue["state"], issue["state_reason"], issue["comments"]) == ("open", "reopened", 1)


@pytest.mark.parametrize(("login", "association"), [("acme", "OWNER"), ("wendy", "COLLABORATOR"), ("sam", "NONE")])
def test_author_association(hub: Localhub, login: str, association: str) -> None:
    assert hub.by(login, "POST", "/issues", {"title": "t"})["author_association"] == association


def test_an_unchanged_answer_is_not_sent_again(hub: Localhub) -> None:
    hub.by("wendy", "POST", "/issues", {"title": "t"})
    first = hub.http.get(f"{hub.api}/repos/{hub.repository}/issues/1")
    headers = {"if-none-match": first.headers["etag"]}
    assert hub.http.get(f"{hub.api}/repos/{hub.repository}/issues/1", headers=headers).status_code == 304
    hub.by("sam", "POST", "/issues/1/comments", {"body": "hi"})
    assert hub.http.get(f"{hub.api}/repos/{hub.repository}/issues/1", headers=headers).status_code == 200


def test_deleted_comments_are_gone(hub: Localhub) -> None:
    hub.by("wendy", "POST", "/issues", {"title": "t"})
    kept, gone = (hub.by("sam", "POST", "/issues/1/comments", {"body": text})["id"] for text in "ab")
    hub.by("sam", "DELETE", f"/issues/comments/{gone}", status=204)
    hub.by("sam", "GET", f"/issues/comments/{gone}", status=404)
    assert [comment["id"] for comment in hub.by("sam", "GET", "/issues/1/comments")] == [kept]
    assert [comment["id"] for comment in hub.by("sam", "GET", "/issues/comments")] == [kept]


def test_what_is_new_was_made_and_changed_at_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would look edited where a second ends between the two, and nobody heeds an edited command."""
    seconds = itertools.count(1_000)
    monkeypatch.setattr(time, "time", lambda: next(seconds))
    assert len(set(as_made().values())) == 1
