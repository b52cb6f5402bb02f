"""The parts of a process are put together so that each of them knows whether the process may still act."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.entrypoints.settings import load
from bot.entrypoints.wiring import build_services, open_database
from tests.localhub.harness import PRIVATE_PEM
from workflows.services import Services

SETTINGS = """
app_id = 1
private_key_file = "app.pem"
webhook_secret = "a secret"
repositories = ["acme/tally"]
"""


class Ended(Exception):
    """Where a worker's thread would wait for the end of its process."""


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    (tmp_path / "app.pem").write_text(PRIVATE_PEM)
    (tmp_path / "service.toml").write_text(SETTINGS)
    settings = load(tmp_path)
    database = open_database(settings)
    yield build_services(settings, database)
    database.close()


def test_claims_are_good_as_long_as_the_process_can_prove_its_life(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends() -> None:
        raise Ended

    monkeypatch.setattr(services.proof, "_wait", ends)
    claim = services.claims.take("run:1")
    claim.check()
    services.proof.lose()
    with pytest.raises(Ended):
        claim.check()
    with pytest.raises(Ended):
        services.claims.take("run:1")
