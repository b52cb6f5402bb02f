"""The App's identity: what it asks GitHub for, how often, and what nobody gets to read."""

import json
import logging
from datetime import UTC, datetime, timedelta

import jwt
import pytest
import requests
import responses
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.adapters.github import GitHub
from bot.adapters.github_auth import AppCredentials
from bot.domain.errors import NotFound, Rejected, Transient
from bot.domain.forge import Actor
from tests.adapters.github import payloads
from tests.adapters.github.conftest import TALLY, authorization, sent
from tests.adapters.github.payloads import API, REPO

BOT = Actor(id=99, login="issuewright[bot]", is_bot=True)
MINT = f"{API}/app/installations/5/access_tokens"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(hub: responses.RequestsMock, private_key: str, clock: Clock) -> AppCredentials:
    """An App whose installation gives tokens `ghs_1`, `ghs_2`, …, good for an hour each."""

    def mint(request: object) -> tuple[int, dict[str, str], str]:
        number = sum(call.request.url == MINT for call in hub.calls) + 1
        expires_at = (clock.now + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return 201, {}, json.dumps(payloads.token(f"ghs_{number}", expires_at))

    hub.add_callback("POST", MINT, mint)
    return AppCredentials(API, 1001, private_key, {"acme/tally": 5}, clock)


def github(private_key: str, installation_ids: dict[str, int] | None = None) -> GitHub:
    return GitHub(api_url=API, app_id=1001, private_key=private_key, installation_ids=installation_ids)


def asked(hub: responses.RequestsMock) -> list[str]:
    return [f"{call.request.method} {(call.request.url or '').removeprefix(API)}" for call in hub.calls]


def test_a_token_names_the_permissions_that_it_needs(
    app: AppCredentials, hub: responses.RequestsMock, private_key: str
) -> None:
    assert app.token(5) == "ghs_1"
    (call,) = hub.calls
    assert sent(call) == {"permissions": ALL}
    scheme, _, signed = authorization(call).partition(" ")
    public = load_pem_private_key(private_key.encode(), None).public_key()
    claims = jwt.decode(signed, public, algorithms=["RS256"])  # type: ignore[arg-type]
    assert scheme == "Bearer"
    assert claims["iss"] == "1001"
    assert claims["exp"] - claims["iat"] <= 600


ALL = {
    "actions": "write",
    "checks": "write",
    "contents": "write",
    "deployments": "write",
    "issues": "write",
    "metadata": "read",
    "pull_requests": "write",
}


def grants(hub: responses.RequestsMock, granted: dict[str, str]) -> None:
    """Have the installation refuse a token for more than that, as GitHub does."""

    def mint(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        assert isinstance(request.body, str | bytes)
        wanted = json.loads(request.body)["permissions"]
        levels = ["none", "read", "write", "admin"]
        if any(levels.index(level) > levels.index(granted.get(name, "none")) for name, level in wanted.items()):
            said = {"message": "The permissions requested are not granted to this installation."}
            return 422, {}, json.dumps(said)
        return 201, {}, json.dumps(payloads.token(permissions=wanted))

    hub.add_callback("POST", MINT, mint)
    hub.get(f"{API}/app/installations/5", json=payloads.installation(permissions=granted))


def credentials(private_key: str) -> AppCredentials:
    return AppCredentials(API, 1001, private_key, {"acme/tally": 5})


def test_an_app_without_what_is_optional(
    hub: responses.RequestsMock, private_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Only where a CI workflow deploys there is need to dispatch one."""
    granted = {name: level for name, level in ALL.items() if name != "actions"}
    grants(hub, {**granted, "administration": "write"})
    assert credentials(private_key).token(5)
    assert sent(hub.calls[-1]) == {"permissions": granted}
    assert caplog.text == ""


def test_an_app_that_lacks_what_it_needs_says_so(
    hub: responses.RequestsMock, private_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    granted = {name: level for name, level in ALL.items() if name != "pull_requests"} | {"checks": "read"}
    grants(hub, granted)
    assert credentials(private_key).token(5)
    assert sent(hub.calls[-1]) == {"permissions": granted}
    assert "app 1001 lacks permissions that it needs: checks: write, pull_requests: write" in caplog.text
    assert "http://127.0.0.1:9/settings/installations/5" in caplog.text


def test_another_refusal_of_a_token_is_final(hub: responses.RequestsMock, private_key: str) -> None:
    hub.post(MINT, json={"message": "Validation Failed"}, status=422)
    with pytest.raises(Rejected, match="Validation Failed"):
        credentials(private_key).token(5)
    assert len(hub.calls) == 1


@pytest.mark.parametrize(("minutes", "token"), [(0, "ghs_1"), (54, "ghs_1"), (56, "ghs_2"), (61, "ghs_2")], ids=str)
def test_a_token_is_replaced_before_it_expires(minutes: int, token: str, app: AppCredentials, clock: Clock) -> None:
    app.token(5)
    clock.now += timedelta(minutes=minutes)
    assert app.token(5) == token
    assert app.token(5) == token


def test_a_refused_token_is_not_used_again(app: AppCredentials, clock: Clock) -> None:
    first = app.token(5)
    clock.now += timedelta(minutes=2)
    assert app.forget_token(5, first), "an old token: a new one may do better"
    second = app.token(5)
    assert second == "ghs_2"
    assert app.forget_token(5, first), "another thread was late with the first one"
    assert app.token(5) == second
    assert app.forget_token(5, second), "minted just now: it may not be known everywhere yet"
    assert app.token(5) == second, "another one would not be known any sooner"
    clock.now += timedelta(seconds=20)
    assert not app.forget_token(5, second), "it should be known by now: another one will not help"
    assert app.token(5) == "ghs_3"


def test_a_token_that_is_not_known_everywhere_yet_is_used_again(hub: responses.RequestsMock, private_key: str) -> None:
    hub.post(MINT, json=payloads.token("ghs_1"), status=201)
    hub.get(f"{REPO}/issues/3", json={"message": "Bad credentials"}, status=401)
    hub.get(f"{REPO}/issues/3", json=payloads.issue())
    repository = github(private_key, {"acme/tally": 5}).repository(TALLY)
    with pytest.raises(Transient, match="Bad credentials"):
        repository.issue(3)
    assert repository.issue(3).number == 3
    assert sum(call.request.url == MINT for call in hub.calls) == 1


def test_a_401_in_mid_run_asks_for_another_try(
    hub: responses.RequestsMock, private_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.adapters.github_auth._SPREADS_WITHIN", timedelta(0))
    hub.post(MINT, json=payloads.token("ghs_1"), status=201)
    hub.post(MINT, json=payloads.token("ghs_2"), status=201)
    hub.get(f"{REPO}/issues/3", json={"message": "Bad credentials"}, status=401)
    hub.get(f"{REPO}/issues/3", json=payloads.issue())
    repository = github(private_key, {"acme/tally": 5}).repository(TALLY)
    with pytest.raises(Rejected, match="Bad credentials"):  # refused although it was minted just now
        repository.issue(3)
    assert repository.issue(3).number == 3
    assert [authorization(call) for call in hub.calls if call.request.method == "GET"] == [
        "token ghs_1",
        "token ghs_2",
    ]


def test_a_401_on_an_old_token_is_transient(
    hub: responses.RequestsMock, private_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.adapters.github_auth._YOUNG", timedelta(0))
    monkeypatch.setattr("bot.adapters.github_auth._SPREADS_WITHIN", timedelta(0))
    hub.post(MINT, json=payloads.token("ghs_1"), status=201)
    hub.get(f"{REPO}/issues/3", json={"message": "Bad credentials"}, status=401)
    with pytest.raises(Transient):
        github(private_key, {"acme/tally": 5}).repository(TALLY).issue(3)


def test_a_wrong_key_is_final(hub: responses.RequestsMock, private_key: str, caplog: pytest.LogCaptureFixture) -> None:
    hub.post(MINT, json={"message": "A JSON web token could not be decoded"}, status=401)
    with pytest.raises(Rejected, match="JSON web token") as caught:
        github(private_key, {"acme/tally": 5}).repository(TALLY).issue(3)
    assert "GitHub refuses app 1001" in caplog.text
    assert "check `app_id` and `private_key_file`" in caplog.text
    assert len(hub.calls) == 1
    assert "Bearer" not in repr(caught.value)


def test_the_installation_is_looked_up_once(hub: responses.RequestsMock, private_key: str) -> None:
    hub.get(f"{REPO}/installation", json=payloads.installation())
    hub.post(MINT, json=payloads.token(), status=201)
    hub.get(f"{REPO}/issues/3", json=payloads.issue())
    hub.get(f"{API}/users/issuewright%5Bbot%5D", json=payloads.BOT)
    service = github(private_key)
    service.repository(TALLY).issue(3)
    service.repository(TALLY).issue(3)
    assert service.bot() == BOT
    assert service.bot() == BOT
    assert asked(hub) == [
        "GET /repos/acme/tally/installation",
        "POST /app/installations/5/access_tokens",
        "GET /repos/acme/tally/issues/3",
        "GET /repos/acme/tally/issues/3",
        "GET /users/issuewright%5Bbot%5D",
    ]


def test_an_app_that_was_installed_again(hub: responses.RequestsMock, private_key: str) -> None:
    hub.post(MINT, json={"message": "Not Found"}, status=404)
    hub.get(f"{REPO}/installation", json=payloads.installation(6))
    hub.post(MINT.replace("/5/", "/6/"), json=payloads.token("ghs_six"), status=201)
    repository = github(private_key, {"acme/tally": 5}).repository(TALLY)
    with pytest.raises(NotFound):
        repository.push_token()
    assert repository.push_token() == "ghs_six"


def test_a_repository_without_the_app(hub: responses.RequestsMock, private_key: str) -> None:
    hub.get(f"{REPO}/installation", json={"message": "Not Found"}, status=404)
    with pytest.raises(NotFound, match="not installed on acme/tally"):
        github(private_key).repository(TALLY).push_token()


@pytest.mark.parametrize(
    ("installation_ids", "first"),
    [({"acme/tally": 5}, "GET /app"), (None, "GET /app/installations?per_page=100")],
    ids=["installation known", "nothing known"],
)
def test_who_we_are(
    installation_ids: dict[str, int] | None, first: str, hub: responses.RequestsMock, private_key: str
) -> None:
    hub.get(f"{API}/app", json={"id": 1001, "slug": "issuewright", "name": "Issuewright"})
    hub.get(f"{API}/app/installations", json=[payloads.installation()])
    hub.post(MINT, json=payloads.token(), status=201)
    hub.get(f"{API}/users/issuewright%5Bbot%5D", json=payloads.BOT)
    service = github(private_key, installation_ids)
    assert service.bot() == BOT
    assert service.bot() == BOT
    assert asked(hub) == [first, "POST /app/installations/5/access_tokens", "GET /users/issuewright%5Bbot%5D"]


def test_an_app_that_is_installed_nowhere(hub: responses.RequestsMock, private_key: str) -> None:
    hub.get(f"{API}/app/installations", json=[])
    with pytest.raises(NotFound, match="not installed"):
        github(private_key).bot()


def test_no_token_is_logged(hub: responses.RequestsMock, private_key: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "github")
    hub.post(MINT, json=payloads.token("ghs_secret"), status=201)
    hub.get(f"{REPO}/issues/3", json=payloads.issue())
    github(private_key, {"acme/tally": 5}).repository(TALLY).issue(3)
    assert len(hub.calls) == 2
    assert "ghs_secret" not in caplog.text
    assert "Bearer" not in caplog.text
