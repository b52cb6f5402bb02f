"""A localhub with the people and the App of a small company."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.localhub.harness import Localhub, Receiver

_NUMBERS = itertools.count(1)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="session")
def shared_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localhub]:
    made = Localhub(tmp_path_factory.mktemp("hub") / "localhub")
    yield made
    made.close()


@pytest.fixture
def hub(shared_hub: Localhub) -> Localhub:
    """A process shared by many tests, with a repository and an installed App (no webhooks) for this one."""
    shared_hub.found_company(f"acme/tally-{next(_NUMBERS)}")
    shared_hub.install_app(None, [shared_hub.repository])
    return shared_hub


@pytest.fixture
def own_hub(tmp_path: Path, receiver: Receiver) -> Iterator[Localhub]:
    """A process of the test's own, whose App sends its webhooks to `receiver`."""
    made = Localhub(tmp_path / "localhub")
    try:
        made.found_company("acme/tally")
        made.install_app(receiver.url, ["acme/tally"])
        yield made
    finally:
        made.close()
