"""GitHub's time: learnt from its answers, kept by a clock that nobody sets, and what requests are signed with."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import jwt
import pytest
import responses
from requests import PreparedRequest

from bot.adapters import github_clock
from bot.adapters.github_auth import AppCredentials
from bot.adapters.github_clock import Clock
from bot.domain.errors import Rejected
from tests.adapters.github import payloads
from tests.adapters.github.payloads import API

MINT = f"{API}/app/installations/5/access_tokens"


class OurClock(datetime):
    """The clock of this machine, as far ahead as it is set."""

    ahead = timedelta()

    @classmethod
    def now(cls, tz=None) -> datetime:  # type: ignore[no-untyped-def, override]
        return datetime.now(tz) + cls.ahead


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> type[OurClock]:
    monkeypatch.setattr(github_clock, "datetime", OurClock)
    monkeypatch.setattr(OurClock, "ahead", timedelta())
    return OurClock


def told(at: datetime) -> dict[str, object]:
    return {"date": format_datetime(at.astimezone(UTC), usegmt=True)}


def about(at: datetime) -> object:
    return pytest.approx(at.timestamp(), abs=20)


def test_until_github_has_told_it_is_the_machines_time(machine: type[OurClock]) -> None:
    machine.ahead = timedelta(days=1)
    assert Clock().now().timestamp() == about(datetime.now(UTC) + timedelta(days=1))


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1), timedelta(minutes=2)], ids=str)
def test_setting_the_machines_clock_does_not_change_it(machine: type[OurClock], jump: timedelta) -> None:
    clock = Clock()
    assert not clock.hear(told(datetime.now(UTC))), "they agreed"
    machine.ahead = jump
    assert clock.now().timestamp() == about(datetime.now(UTC))


@pytest.mark.parametrize("ahead", [timedelta(days=1), timedelta(days=-1)], ids=str)
def test_a_wrong_clock_is_noticed_and_put_right(machine: type[OurClock], ahead: timedelta) -> None:
    machine.ahead = ahead
    clock = Clock()
    assert clock.hear(told(datetime.now(UTC)))
    assert clock.now().timestamp() == about(datetime.now(UTC))
    assert not clock.hear(told(datetime.now(UTC)))


def test_answers_without_a_time_tell_nothing() -> None:
    clock = Clock()
    for headers in (None, {}, {"date": "tomorrow"}):
        assert not clock.hear(headers)
    assert clock.now().timestamp() == about(datetime.now(UTC))


@pytest.mark.parametrize("hours", [30, -30])
def test_a_request_that_was_signed_with_the_wrong_time_is_signed_again(
    hub: responses.RequestsMock, private_key: str, hours: int
) -> None:
    """For GitHub it is another time than here: it refuses what we sign, until we sign it with its own time."""
    theirs = datetime.now(UTC) + timedelta(hours=hours)

    def mint(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        signed = str(request.headers["Authorization"]).rpartition(" ")[2]
        issued = datetime.fromtimestamp(jwt.decode(signed, options={"verify_signature": False})["iat"], UTC)
        headers = {"date": format_datetime(theirs, usegmt=True)}
        if abs(issued - theirs) > timedelta(minutes=5):
            return 401, headers, json.dumps({"message": "'Issued at' claim ('iat') must be an Integer"})
        expires = (theirs + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return 201, headers, json.dumps(payloads.token("ghs_1", expires))

    hub.add_callback("POST", MINT, mint)
    app = AppCredentials(API, 1001, private_key, {"acme/tally": 5})
    assert app.token(5) == "ghs_1"
    assert app.token(5) == "ghs_1", "and it is known to be good for an hour"
    assert len(hub.calls) == 2


def test_a_key_that_is_refused_at_the_right_time_is_refused(hub: responses.RequestsMock, private_key: str) -> None:
    headers = {"date": format_datetime(datetime.now(UTC), usegmt=True)}
    hub.add("POST", MINT, status=401, json={"message": "A JSON web token could not be decoded"}, headers=headers)
    with pytest.raises(Rejected):
        AppCredentials(API, 1001, private_key, {"acme/tally": 5}).token(5)
    assert len(hub.calls) == 1
