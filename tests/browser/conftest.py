"""A Chromium for each test, at two sizes."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import DESKTOP, PHONE, Browser, chromium
from tests.localhub.harness import Localhub

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def shared_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localhub]:
    made = Localhub(tmp_path_factory.mktemp("hub") / "localhub")
    yield made
    made.close()


@pytest.fixture
def hub(shared_hub: Localhub) -> Localhub:
    """A process shared by these tests, with a repository of this one's own."""
    shared_hub.found_company(f"acme/tally-{next(_NUMBERS)}")
    shared_hub.install_app(None, [shared_hub.repository])
    return shared_hub


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def browser(request: pytest.FixtureRequest, hub: Localhub, tmp_path: Path) -> Iterator[Browser]:
    """A browser of its own, as wide as a desktop's window and then as a phone."""
    with chromium(hub.url, tmp_path / "profile", request.param) as opened:
        yield opened
