"""From whatever PyGithub, requests or GitHub's own answers throw to the few errors of `bot.domain.errors`."""

import json
import time
from collections.abc import Callable, Mapping
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import requests
from github import BadAttributeException, GithubException
from pydantic import ValidationError

from bot.adapters.github_clock import time_of
from bot.adapters.github_connection import Moved
from bot.domain.errors import ForgeError, NotFound, Rejected, TooSoon, Transient

LONGEST_MESSAGE = 500
SECONDARY_LIMIT_SECONDS = 60.0  # what GitHub asks for when a limit names no time
LONGEST_WAIT_SECONDS = 3900.0  # a spent quota is full again within the hour

# What GitHub says (422) of a commit or branch that was pushed a moment ago, and of one that is not there.
_NOT_THERE = ("no commit found for sha", "no commits between", "no ref found for")

# GitHub (or a proxy) answered something that is not what its API describes; PyGithub asserts that all URLs in
# an answer are of the host that was asked.
_UNREADABLE = (BadAttributeException, ValidationError, AssertionError)
_FAILURES = (GithubException, Moved, requests.RequestException, json.JSONDecodeError, *_UNREADABLE)

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


class Caller(Protocol):
    """Whose methods `forge_errors` wraps; its text names the place in messages."""

    def token_refused(self) -> bool:
        """GitHub answered 401: drop the token in use; True when a fresh one may do better."""


_Self = TypeVar("_Self", bound=Caller)
_Method = Callable[Concatenate[_Self, _Arguments], _Answer]


def forge_errors(method: _Method[_Self, _Arguments, _Answer]) -> _Method[_Self, _Arguments, _Answer]:
    """Make a method raise ForgeError, and nothing else, for GitHub's and the network's failures."""

    @wraps(method)
    def call(self: _Self, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Answer:
        try:
            return method(self, *args, **kwargs)
        except _FAILURES as error:
            failure = forge_error(error, f"{method.__name__} on {self}")
        if failure.status == 401 and self.token_refused():
            failure = Transient(failure.message, failure.status)
        # Raised outside the handler: the original would come along and holds the Authorization header.
        raise failure

    return call


def forge_error(error: Exception, doing: str) -> ForgeError:
    """The domain's word for `error`; `doing` opens the message, and no header or token is part of it."""
    if isinstance(error, GithubException):
        return _from_answer(error, doing)
    if isinstance(error, _UNREADABLE):
        return Rejected(f"{doing}: GitHub's answer is not of the documented form ({type(error).__name__})")
    if isinstance(error, Moved):
        return Rejected(f"{doing}: {error}: correct the repository's name, or the API's address, in the settings")
    # Also an answer that breaks off in the middle: the request itself may well have been carried out.
    return Transient(f"{doing}: no complete answer from GitHub ({type(error).__name__})")


def answer_text(error: GithubException) -> str:
    """GitHub's own explanation, with the details of a 422, cut to a line that fits in a comment."""
    data = error.data if isinstance(error.data, dict) else {}
    said = filter(None, [data.get("message"), *map(_detail, _errors(data))])
    text = ": ".join(map(str, said)) or error.message or "no explanation"
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"


class MissingIsFine:
    """`with MissingIsFine():` passes over GitHub's 404 and 410, and over what else means there is nothing."""

    def __init__(self, *also: int) -> None:
        self._statuses = (404, 410, *also)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return isinstance(error, GithubException) and error.status in self._statuses


def _from_answer(error: GithubException, doing: str) -> ForgeError:
    status, headers = error.status, error.headers or {}
    message = f"{doing}: GitHub answered {status}: {answer_text(error)}"
    if status == 429 or (status == 403 and _is_limit(error, headers)) or _is_graphql_limit(error):
        return Transient(message, status, _retry_after(headers) or SECONDARY_LIMIT_SECONDS)
    if status >= 500 or status == 408 or _is_graphql_trouble(error):
        return Transient(message, status, _retry_after(headers))
    if _is_too_soon(error):
        return TooSoon(message, status)
    if status in (404, 410):
        return NotFound(message, status)
    return Rejected(message + _permissions(status, headers), status)


def _is_too_soon(error: GithubException) -> bool:
    errors = [each for each in _errors(error.data if isinstance(error.data, dict) else {}) if isinstance(each, dict)]
    if error.status != 422:
        return any(each.get("type") == "NOT_FOUND" for each in errors)  # GraphQL's own word
    unknown_head = any(each.get("field") == "head" and each.get("code") == "invalid" for each in errors)
    return unknown_head or any(words in answer_text(error).lower() for words in _NOT_THERE)


def _permissions(status: int, headers: Mapping[str, str]) -> str:
    """What GitHub says it would have taken, where it refused for want of a permission."""
    needed = headers.get("x-accepted-github-permissions")
    return f" (the App needs the permission {needed})" if status == 403 and needed else ""


def _is_limit(error: GithubException, headers: Mapping[str, str]) -> bool:
    # GitHub says 403 both to "slow down" and to "you may not": only a limit carries one of these.
    spent = headers.get("x-ratelimit-remaining") == "0"
    return spent or "retry-after" in headers or "rate limit" in answer_text(error).lower()


def _is_graphql_limit(error: GithubException) -> bool:
    data = error.data if isinstance(error.data, dict) else {}
    return any(isinstance(each, dict) and each.get("type") == "RATE_LIMITED" for each in _errors(data))


def _is_graphql_trouble(error: GithubException) -> bool:
    """GraphQL answers 200 to what would be a 5xx elsewhere, in these words."""
    return "something went wrong while executing your query" in answer_text(error).lower()


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: `Retry-After`, else what is left to a spent quota's `X-RateLimit-Reset` (epoch)."""
    wait = headers.get("retry-after", "")
    if wait.isdecimal():
        return min(float(wait), LONGEST_WAIT_SECONDS)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        answered = time_of(headers)  # this machine's clock may be wrong
        now = time.time() if answered is None else answered.timestamp()
        return min(max(1.0, float(reset) - now), LONGEST_WAIT_SECONDS)
    return None


def _errors(data: Mapping[str, Any]) -> list[Any]:
    errors = data.get("errors")
    return errors if isinstance(errors, list) else []


def _detail(error: object) -> str:
    if isinstance(error, dict):
        known = error.get("message") or " ".join(str(error[key]) for key in ("field", "code") if key in error)
        return str(known)
    return str(error)
