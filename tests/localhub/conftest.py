"""A localhub with the people and the App of a small company."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.localhub.harness import Localhub, Receiver

ROLES = {"rita": "read", "tom": "triage", "wendy": "write", "mary": "maintain"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def hub(tmp_path: Path, receiver: Receiver) -> Iterator[Localhub]:
    """acme owns tally; rita reads, tom triages, wendy writes, mary maintains; sam is a stranger."""
    made = Localhub(tmp_path / "localhub")
    try:
        for login in ("acme", *ROLES, "sam"):
            made.user(login)
        files = {"README.md": "# tally\n", "tally/core.py": "def total(numbers):\n    return sum(numbers)\n"}
        made.control("POST", "/repositories", {"owner": "acme", "name": "tally", "files": files})
        for login, role in ROLES.items():
            made.control("POST", "/repositories/acme/tally/collaborators", {"login": login, "role_name": role})
        made.install_app(receiver.url, ["acme/tally"])
        yield made
    finally:
        made.close()
