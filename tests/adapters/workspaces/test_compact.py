"""Mirrors stay small, and lose nothing that somebody works on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.adapters.git_errors import GitFailed
from bot.adapters.workspaces import Workspaces
from bot.domain.refs import AttemptRef
from tests.adapters.workspaces.conftest import TALLY
from tests.adapters.workspaces.git_server import GitServer, git
from tests.adapters.workspaces.test_story import write


def test_a_mirror_is_packed_and_what_nothing_names_goes_when_nobody_is_at_work(
    workspaces: Workspaces, server: GitServer, start: str, attempt: Callable[[int], AttemptRef], root: Path
) -> None:
    for number in range(4):
        server.commit("acme/tally", "main", {f"docs/{number}.md": f"{number}\n"})
        workspaces.fetch(TALLY)
    (mirror,) = (root / "mirrors").glob("*.git")

    def packs() -> int:
        return len(list(mirror.glob("objects/pack/*.pack")))

    assert packs() > 2
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    write(workspace, "app/health.py", "OK = 200\n")
    judged = workspaces.snapshot(workspace).tree
    kept = workspaces.keep(attempt(1), workspace, judged)
    write(workspace, "app/health.py", "OK = 201\n")
    unnamed = workspaces.snapshot(workspace).tree
    assert workspaces.compact(unused_seconds=0) == 1
    assert packs() <= 2
    workspaces.restore(workspace, unnamed)
    assert workspaces.compact(unused_seconds=0) == 0, "it was packed just now"
    workspaces.release(attempt(1))
    assert workspaces.compact(every_seconds=0, unused_seconds=0) == 1
    assert git("cat-file", "-t", kept, cwd=mirror) == "commit"
    assert git("fsck", "--connectivity-only", cwd=mirror) == ""
    again = workspaces.prepare(attempt(2), TALLY, start=start)
    with pytest.raises(GitFailed):
        workspaces.restore(again, unnamed)
