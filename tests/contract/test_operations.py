"""Every request, every answer and every webhook is as GitHub describes it."""

import re

import pytest

from bot.localhub.api import Route
from bot.localhub.rest import ROUTES
from tests.contract.conftest import Recordings
from tests.contract.description import github
from tests.contract.recordings import REST
from tests.contract.waivers import unexcused

pytestmark = pytest.mark.timeout(240)  # the recordings are made in the first test that needs them
SERVED = [route for routes in ROUTES for route in routes.all]


def _pattern(route: Route) -> re.Pattern[str]:
    """The paths that localhub's router gives to a route."""
    kinds = {"path": ".*", "int": "[0-9]+", "": "[^/]+"}
    pattern = re.sub(r"\{\w+:?(\w*)\}", lambda found: kinds[found[1]], re.sub(r"([.+])", r"\\\1", route.path))
    return re.compile(REST + pattern)


def _route_of(method: str, path: str) -> Route | None:
    """The first route that fits, as in localhub."""
    return next((route for route in SERVED if route.method == method and _pattern(route).fullmatch(path)), None)


@pytest.mark.parametrize("name", ["demo", "adapter", "direct"])
def test_everything_said_is_as_described(recordings: Recordings, name: str) -> None:
    problems = unexcused(recordings[name].problems())
    assert not problems, "\n".join(map(str, problems))


def test_the_recordings_hold_what_they_should(recordings: Recordings) -> None:
    for recording in (recordings["demo"], recordings["adapter"]):
        bots = [entry for entry in recording.exchanges if entry["login"] == "issuewright[bot]"]
        assert {"POST", "GET", "PATCH", "PUT"} <= {entry["method"] for entry in bots}
    assert len(recordings["demo"].deliveries) > 20
    sent = {entry["headers"]["x-github-event"] for entry in recordings["direct"].deliveries}
    assert sent >= {
        "check_run",
        "create",
        "delete",
        "issue_comment",
        "issues",
        "pull_request",
        "pull_request_review",
        "push",
    }


def test_recordings_hold_no_secret(recordings: Recordings) -> None:
    for recording in recordings.all():
        text = recording.path.read_text()
        assert "ghs_redacted" in text  # tokens were minted
        assert not re.search(r"gh[a-z]_(?!redacted)\w|PRIVATE KEY|[Bb]earer |eyJ", text)
        assert recording.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("route", SERVED, ids=lambda route: f"{route.method} {route.path}")
def test_each_operation_of_localhub_was_called(recordings: Recordings, route: Route) -> None:
    """An operation that nothing calls is one that nothing compares: add it to tests/contract/drive.py."""
    statuses = {
        entry["status"]
        for entry in recordings["direct"].exchanges
        if entry["method"] == route.method and _route_of(entry["method"], entry["path"]) is route
    }
    assert any(status < 300 for status in statuses), f"no success among {statuses or 'no calls'}"


@pytest.mark.parametrize("route", SERVED, ids=lambda route: f"{route.method} {route.path}")
def test_each_operation_says_which_of_githubs_it_is(route: Route) -> None:
    """The first line of a handler's documentation names the operation that is at this place in the description."""
    named = re.match(r"GitHub's `([\w/-]+)`", route.handler.__doc__ or "")
    path = re.sub(r"\{\w+(:\w+)?\}", "1", route.path)
    described = github().operation(route.method, path)
    if named is None or described is None:
        # One handler for several places, or a place that GitHub serves without describing it.
        assert "/reactions" in route.path or route.path.endswith("/git/refs")
    else:
        assert named[1] == described.id
