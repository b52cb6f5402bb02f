"""Talking to localhub over HTTP: its control surface, and GitHub's REST API under a person's token."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from bot.domain.errors import ForgeError

_PATIENCE = 60.0  # Seconds for which localhub may be away (killed, restarted) before we give up.
_PAUSE = 0.3
_NO_REUSE = httpx.Limits(max_keepalive_connections=0)  # Localhub may be killed between any two requests.
_AGAIN = {429, 500, 502, 503, 504}


class Control:
    """Localhub's control surface: users, repositories, the App. No authentication; loopback only."""

    def __init__(self, hub_url: str) -> None:
        self._client = httpx.Client(base_url=f"{hub_url}/_localhub", timeout=30.0, trust_env=False, limits=_NO_REUSE)

    def is_up(self) -> bool:
        """Whether localhub answers at this moment."""
        try:
            return self._client.get("/healthz", timeout=2.0).is_success
        except httpx.TransportError:
            return False

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """POST JSON and return JSON; raises ForgeError with localhub's reason."""
        return _read(self._client.post(path, json=body))

    def requests(self) -> list[dict[str, Any]]:
        """Localhub's log: one record a request, oldest first."""
        answer: list[dict[str, Any]] = _patiently(lambda: self._client.get("/requests", params={"since": 0}))
        return answer


class Person:
    """Somebody with a token. Reads are repeated while localhub is away; writes look before they repeat."""

    def __init__(self, api_url: str, login: str, token: str) -> None:
        self.login = login
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
        self._client = httpx.Client(base_url=api_url, headers=headers, timeout=30.0, trust_env=False, limits=_NO_REUSE)

    def get(self, path: str, **query: str | int) -> Any:
        """GET JSON. A 404 raises ForgeError at once, an answer that may change with time is waited for."""
        return _patiently(lambda: self._client.get(path, params=query))

    def items(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        """All pages of a list."""
        found: list[dict[str, Any]] = []
        for page in range(1, 100):
            batch = self.get(path, per_page=100, page=page, **query)
            found += batch
            if len(batch) < 100:
                break
        return found

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """POST JSON once, whatever happens; raises ForgeError or httpx.TransportError."""
        return _read(self._client.post(path, json=body))

    def comment(self, repository: str, issue: int, body: str) -> Any:
        """Comment on an issue or pull request: exactly once, even if the answer is lost on the way."""
        path = f"/repos/{repository}/issues/{issue}/comments"
        return self._post_once(path, {"body": body}, lambda item: item["body"] == body)

    def review(self, repository: str, pull: int, commit: str, event: str, body: str) -> Any:
        """Submit a review of a commit: exactly once, even if the answer is lost on the way."""
        path = f"/repos/{repository}/pulls/{pull}/reviews"
        payload = {"commit_id": commit, "event": event, "body": body}
        return self._post_once(path, payload, lambda item: item["commit_id"] == commit and item["body"] == body)

    def _post_once(self, path: str, body: dict[str, Any], is_it: Callable[[dict[str, Any]], bool]) -> Any:
        before = {item["id"] for item in self.items(path)}
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                return self.post(path, body)
            except (httpx.TransportError, ForgeError) as problem:
                if not _may_pass(problem) or time.monotonic() > give_up:
                    raise
            time.sleep(_PAUSE)
            for item in self.items(path):  # The answer may have been lost after the deed.
                if item["id"] not in before and item["user"]["login"] == self.login and is_it(item):
                    return item


def _patiently(request: Callable[[], httpx.Response]) -> Any:
    give_up = time.monotonic() + _PATIENCE
    while True:
        try:
            return _read(request())
        except (httpx.TransportError, ForgeError) as problem:
            if not _may_pass(problem) or time.monotonic() > give_up:
                raise
        time.sleep(_PAUSE)


def _may_pass(problem: Exception) -> bool:
    return not isinstance(problem, ForgeError) or problem.status in _AGAIN


def _read(response: httpx.Response) -> Any:
    if response.is_success:
        return response.json()
    try:
        reason = response.json().get("message", "")
    except (ValueError, AttributeError):
        reason = ""
    request = response.request
    # A limit may come as 403 too; GitHub then says when to come back.
    status = 429 if "Retry-After" in response.headers else response.status_code
    raise ForgeError(f"{request.method} {request.url.path}: {response.status_code} {reason}".strip(), status)
