"""A git server, a repository with a little content, and workspaces on a directory of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.adapters.workspaces import Workspaces
from bot.domain.refs import AttemptRef, RepoRef
from bot.domain.trees import Identity
from tests.adapters.workspaces.git_server import GitServer, serving

TOKEN = "ghs_S3cretTokenOfTheInstallation"
TALLY = RepoRef(owner="acme", name="tally")
BOT = Identity(name="issuewright[bot]", email="1001+issuewright[bot]@users.noreply.github.com")
FILES: dict[str, str | None] = {
    "README.md": "# Tally\n",
    ".gitignore": "*.pyc\n/build/\n",
    "app/count.py": "".join(f"line_{number} = {number}\n" for number in range(30)),
    "app/names.py": "names = []\n",
    "tests/test_count.py": "def test_count():\n    assert True\n",
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with serving(tmp_path / "server", TOKEN) as running:
        yield running


@pytest.fixture
def start(server: GitServer) -> str:
    """The repository's first commit, on `main`."""
    return server.create("acme/tally", FILES)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def make(root: Path, url: str, token: str = TOKEN) -> Workspaces:
    return Workspaces(root, remote_url=lambda repo: f"{url}/{repo}.git", token=lambda repo: token, author=BOT)


@pytest.fixture
def workspaces(server: GitServer, root: Path) -> Workspaces:
    return make(root, server.url)


def attempt_ref(number: int = 1) -> AttemptRef:
    return AttemptRef(run_id="acme--tally--7", stage="build", number=number)


@pytest.fixture
def attempt() -> Callable[[int], AttemptRef]:
    return attempt_ref
