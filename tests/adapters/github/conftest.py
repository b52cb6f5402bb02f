"""A GitHub of prepared answers, which counts what it is asked."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import responses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.adapters.github import GitHub, Repository
from bot.domain.refs import RepoRef
from tests.adapters.github import payloads

TALLY = RepoRef(owner="acme", name="tally")


def sent(call: responses.Call) -> Any:
    """The JSON that a request carried; None for none."""
    return json.loads(call.request.body) if isinstance(call.request.body, str | bytes) else None


def authorization(call: responses.Call) -> str:
    return str(call.request.headers["Authorization"])


@pytest.fixture(scope="session")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL)
    return key.private_bytes(*form, serialization.NoEncryption()).decode()


@pytest.fixture
def hub() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as hub:
        yield hub


@pytest.fixture
def repository(hub: responses.RequestsMock, private_key: str) -> Repository:
    """A repository whose installation is known and whose token is minted: what follows is the method's own."""
    hub.post(f"{payloads.API}/app/installations/5/access_tokens", json=payloads.token(), status=201)
    github = GitHub(api_url=payloads.API, app_id=1001, private_key=private_key, installation_ids={"acme/tally": 5})
    repository = github.repository(TALLY)
    repository.push_token()
    hub.calls.reset()
    return repository
