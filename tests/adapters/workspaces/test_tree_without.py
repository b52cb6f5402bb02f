"""A tree without one of its folders, against git's own index."""

from pathlib import Path

import pytest

from bot.adapters.git_contents import tree_without
from bot.adapters.workspaces import Workspaces
from tests.adapters.workspaces.conftest import TALLY
from tests.adapters.workspaces.git_server import GitServer, git

FILES: dict[str, str | None] = {
    "specs/7-a/spec.md": "s\n",
    "specs/7-a/deep/x": "x\n",
    "specs/8-b/spec.md": "t\n",
    "specs/é \t": "y\n",
}


@pytest.mark.parametrize("folder", ["specs/7-a", "specs/7-a/deep", "specs", "specs/none", "specs/8-b/spec.md/none"])
@pytest.mark.usefixtures("start")
def test_it_is_what_gits_index_makes_of_it(
    workspaces: Workspaces, server: GitServer, root: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = server.commit("acme/tally", "main", FILES)
    workspaces.fetch(TALLY)
    (mirror,) = (root / "mirrors").glob("*.git")
    made = tree_without(workspaces._mirrors, TALLY, commit, folder)
    monkeypatch.setenv("GIT_INDEX_FILE", str(root / "an index"))
    git("read-tree", commit, cwd=mirror)
    git("rm", "-r", "-q", "--cached", "--ignore-unmatch", "--", folder, cwd=mirror)
    assert made == git("write-tree", cwd=mirror)
