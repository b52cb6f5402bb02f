"""Faults, lists that lag, and the log that counts what was asked."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.localhub.harness import Localhub, app_jwt, git, push_change, wait_for


@pytest.fixture(autouse=True)
def _no_trouble_left(hub: Localhub) -> Any:
    yield
    for kind in ("faults", "lag"):
        hub.control("DELETE", f"/{kind}")


def comment(hub: Localhub, body: str) -> httpx.Response:
    return hub.call("POST", "/issues/1/comments", hub.tokens["wendy"], {"body": body})


def comments(hub: Localhub) -> list[str]:
    return [one["body"] for one in hub.by("wendy", "GET", "/issues/1/comments")]


@pytest.fixture
def issue(hub: Localhub) -> None:
    hub.by("wendy", "POST", "/issues", {"title": "t"})


POST_COMMENT = {"method": "POST", "path_regex": r"/issues/\d+/comments$"}


@pytest.mark.usefixtures("issue")
def test_a_limit_before_anything_happens(hub: Localhub) -> None:
    hub.control("POST", "/faults", POST_COMMENT | {"status": 403, "headers": {"Retry-After": "7"}})
    refused = comment(hub, "one")
    assert (refused.status_code, refused.headers["retry-after"]) == (403, "7")
    assert refused.json()["message"].startswith("You have exceeded a secondary rate limit")
    assert comment(hub, "two").status_code == 201
    assert comments(hub) == ["two"]


@pytest.mark.usefixtures("issue")
def test_an_answer_replaced_after_the_effect(hub: Localhub) -> None:
    hub.control("POST", "/faults", POST_COMMENT | {"when": "after", "status": 502, "times": 2})
    assert [comment(hub, text).status_code for text in "abc"] == [502, 502, 201]
    assert comments(hub) == ["a", "b", "c"]


@pytest.mark.usefixtures("issue")
@pytest.mark.parametrize(("when", "left"), [("before", []), ("after", ["lost"])])
def test_a_dropped_connection(hub: Localhub, when: str, left: list[str]) -> None:
    hub.control("POST", "/faults", POST_COMMENT | {"when": when, "kind": "drop"})
    with pytest.raises(httpx.RemoteProtocolError):
        comment(hub, "lost")
    assert comments(hub) == left
    log = hub.control("GET", "/requests")
    dropped = [entry for entry in log if entry.get("fault") == f"{when} drop"][-1]
    assert dropped["status"] == 0


@pytest.mark.usefixtures("issue")
def test_all_connections_are_cut_at_once(hub: Localhub) -> None:
    """Requests under way lose their answers, and take place; whoever asked for the cut is answered."""
    hub.control("POST", "/faults", POST_COMMENT | {"when": "after", "kind": "delay", "seconds": 5.0, "times": 2})
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(_alone, hub, text) for text in ("one", "two")]
        wait_for("both to take place", lambda: len(comments(hub)) == 2)
        assert hub.control("POST", "/connections/cut")["cut"] >= 2
        for asked in waiting:
            with pytest.raises(httpx.RemoteProtocolError):
                asked.result(timeout=4)
    assert sorted(comments(hub)) == ["one", "two"]


def _alone(hub: Localhub, body: str) -> httpx.Response:
    """A comment over a connection of its own."""
    with httpx.Client(timeout=20, trust_env=False) as client:
        headers = {"authorization": f"token {hub.tokens['wendy']}"}
        return client.post(f"{hub.api}/repos/{hub.repository}/issues/1/comments", json={"body": body}, headers=headers)


@pytest.mark.usefixtures("issue")
def test_a_late_answer_and_a_skipped_request(hub: Localhub) -> None:
    hub.control("POST", "/faults", POST_COMMENT | {"when": "after", "kind": "delay", "seconds": 0.5, "skip": 1})
    comment(hub, "at once")
    started = time.monotonic()
    comment(hub, "late")
    assert time.monotonic() - started >= 0.5
    assert comments(hub) == ["at once", "late"]
    written = [entry for entry in hub.control("GET", "/requests") if entry["method"] == "POST"][-2:]
    assert [bool(entry.get("fault")) for entry in written] == [False, True]


@pytest.mark.usefixtures("issue")
def test_a_fault_can_be_the_bots_alone(hub: Localhub) -> None:
    bot = hub.bot_token()
    hub.control("POST", "/faults", {"caller": "installation", "status": 429, "times": None})
    assert comment(hub, "one").status_code == 201
    assert hub.call("GET", "/issues/1", bot).status_code == 429
    assert hub.call("GET", "/issues/1", bot).status_code == 429


def test_a_push_whose_answer_is_lost_has_happened(hub: Localhub, tmp_path: Path) -> None:
    push_change(hub, tmp_path, hub.tokens["wendy"], "topic", "a.txt", "a\n")
    hub.control(
        "POST", "/faults", {"path_regex": "git-receive-pack$", "method": "POST", "when": "after", "kind": "drop"}
    )
    clone = tmp_path / "clone"
    (clone / "a.txt").write_text("b\n")
    git(clone, "commit", "-qam", "b")
    assert git(clone, "push", "-q", "origin", "topic", check=False).returncode != 0
    sha = git(clone, "rev-parse", "HEAD").stdout.strip()
    assert hub.by("wendy", "GET", "/git/ref/heads/topic")["object"]["sha"] == sha


@pytest.mark.usefixtures("issue")
def test_lists_that_lag(hub: Localhub) -> None:
    hub.control("POST", "/lag", {"path_regex": r"/issues/1/comments$", "seconds": 1.0})
    made = comment(hub, "new").json()
    assert comments(hub) == []
    assert hub.by("wendy", "GET", f"/issues/comments/{made['id']}")["body"] == "new", "only lists lag"
    wait_for("the comment in the list", lambda: comments(hub) == ["new"])


def test_the_log_tells_callers_apart(own_hub: Localhub, tmp_path: Path) -> None:
    hub = own_hub  # what an earlier test did not wait for is in no log of this one
    before = len(hub.control("GET", "/requests"))
    hub.call("GET", "//app", app_jwt())
    bot = hub.bot_token()
    hub.call("GET", "/issues?state=all", bot)
    hub.by("rita", "GET", "/issues")
    hub.call("GET", "/issues")
    hub.call("GET", "/issues", "nonsense")
    hub.http.post(
        f"{hub.url}/api/graphql", json={"query": "{viewer{login}}"}, headers={"authorization": f"token {bot}"}
    )
    push_change(hub, tmp_path, hub.tokens["wendy"], "topic", "a.txt", "a\n")
    hub.control("GET", "/healthz")
    entries = hub.control("GET", f"/requests?since={before}")
    seen = [(entry["kind"], entry["as"], entry["login"], entry["status"]) for entry in entries]
    assert seen[:7] == [
        ("rest", "app", "issuewright[bot]", 200),
        ("rest", "app", "issuewright[bot]", 201),
        ("rest", "installation", "issuewright[bot]", 200),
        ("rest", "person", "rita", 200),
        ("rest", "anonymous", None, 200),
        ("rest", "anonymous", None, 401),
        ("graphql", "installation", "issuewright[bot]", 200),
    ]
    assert {entry[0] for entry in seen[7:]} == {"git"}
    assert ("git", "person", "wendy", 200) in seen
    assert entries[2]["query"] == {"state": "all"}
    assert [entry["n"] for entry in entries] == list(range(before + 1, before + 1 + len(entries)))
    assert bot not in (hub.directory / "requests.jsonl").read_text()
