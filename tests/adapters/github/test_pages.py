"""Lists longer than a page: all of it is read, and of the events no more than is needed."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from bot.adapters.github import Repository
from tests.adapters.github import payloads
from tests.adapters.github.payloads import REPO, SHA


def serve_pages(hub: responses.RequestsMock, path: str, items: Sequence[Any], key: str | None = None) -> None:
    """Answer as GitHub does: pages of `per_page`, with the others in the `Link` header."""

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        url = urlsplit(request.url or "")
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        size, page = int(query.pop("per_page")), int(query.pop("page", 1))
        last = -(-len(items) // size)
        others = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        ends = {"next", "last"} if page == last else {"prev", "first"} if page == 1 else set()
        rest = "".join(f"&{name}={value}" for name, value in query.items())
        link = ", ".join(
            f'<{REPO}{path}?per_page={size}&page={number}{rest}>; rel="{relation}"'
            for relation, number in others.items()
            if relation not in ends
        )
        found = list(items[(page - 1) * size : page * size])
        body = found if key is None else {"total_count": len(items), key: found}
        return 200, {"Link": link} if last > 1 else {}, json.dumps(body)

    hub.add_callback("GET", re.compile(re.escape(REPO + path) + r"(\?.*)?$"), answer)


LISTS: list[tuple[str, str, Callable[[Repository], list[Any]], list[Any], str | None]] = [
    ("issues", "/issues", lambda r: r.open_issues_labelled("spec"), [payloads.issue(n) for n in range(1, 251)], None),
    ("comments", "/issues/3/comments", lambda r: r.comments(3), [payloads.comment(n) for n in range(1, 251)], None),
    (
        "marked comments",
        "/issues/3/comments",
        lambda r: r.find_comment(3, "Hello", 7),
        [payloads.comment(n) for n in range(1, 251)],
        None,
    ),
    ("reviews", "/pulls/4/reviews", lambda r: r.reviews(4), [payloads.review(n) for n in range(1, 251)], None),
    (
        "line comments of a review",
        "/pulls/4/reviews/7/comments",
        lambda r: r.review_comments(4, 7),
        [{"body": "off by one", "path": "app.py", "line": n} for n in range(1, 251)],
        None,
    ),
    (
        "check runs",
        f"/commits/{SHA}/check-runs",
        lambda r: r.find_check_runs(SHA, "x"),
        [payloads.check_run(n, "x") for n in range(1, 251)],
        "check_runs",
    ),
]


@pytest.mark.parametrize(("name", "path", "call", "items", "key"), LISTS, ids=[row[0] for row in LISTS])
def test_every_page_is_read_once(
    name: str,
    path: str,
    call: Callable[[Repository], list[Any]],
    items: list[Any],
    key: str | None,
    repository: Repository,
    hub: responses.RequestsMock,
) -> None:
    serve_pages(hub, path, items, key)
    assert len(call(repository)) == 250
    assert len(hub.calls) == 3


def labels_and_noise(total: int, *labelled: int) -> list[payloads.Payload]:
    return [payloads.event(n) if n in labelled else payloads.event(n, "renamed", None) for n in range(1, total + 1)]


@pytest.mark.parametrize(
    ("total", "labelled", "newest", "asked"),
    [
        (0, (), None, 1),
        (100, (1, 60), 60, 1),
        (101, (1, 101), 101, 2),
        (350, (1, 340), 340, 2),
        (350, (1, 205), 205, 3),
        (350, (50,), 50, 4),
        (350, (), None, 4),
    ],
)
def test_events_are_read_from_the_newest(
    total: int,
    labelled: tuple[int, ...],
    newest: int | None,
    asked: int,
    repository: Repository,
    hub: responses.RequestsMock,
) -> None:
    serve_pages(hub, "/issues/3/events", labels_and_noise(total, *labelled))
    found = repository.latest_label(3, "spec")
    assert (found and found.event_id) == newest
    assert len(hub.calls) == asked
