"""A worker as a process of its own, for tests that kill it; prints one JSON object.

python -m tests.adapters.workspaces.worker ROOT URL ACTION START [FIRST_ATTEMPT COUNT]
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from tests.adapters.workspaces.conftest import TALLY, attempt_ref, make

BRANCH = "issuewright/7-killed"
AT = datetime(2026, 3, 1, tzinfo=UTC)


def build(root: Path, url: str, start: str) -> dict[str, str]:
    """One attempt from start to pushed branch."""
    workspaces = make(root, url)
    workspace = workspaces.prepare(attempt_ref(1), TALLY, start=start)
    (Path(workspace.path) / "built.txt").write_text("built\n")
    tree = workspaces.snapshot(workspace).tree
    workspaces.restore(workspace, tree)
    workspaces.keep(attempt_ref(1), workspace, tree)
    commit = workspaces.commit(workspace, tree=tree, parent=start, message="Build\n", at=AT)
    pushed = workspaces.push(workspace, commit, BRANCH, expected=None)
    workspaces.release(attempt_ref(1))
    return {"commit": commit, "pushed": type(pushed).__name__, "tree": tree}


def prepare(root: Path, url: str, start: str, first: int, count: int) -> dict[str, str]:
    """Several attempts at once, each in a thread, each with a change of its own."""
    workspaces = make(root, url)

    def one(number: int) -> tuple[str, str]:
        workspace = workspaces.prepare(attempt_ref(number), TALLY, start=start)
        (Path(workspace.path) / "number.txt").write_text(f"{number}\n")
        tree = workspaces.snapshot(workspace).tree
        kept = workspaces.keep(attempt_ref(number), workspace, tree)
        commit = workspaces.commit(workspace, tree=tree, parent=start, message=f"{number}\n", at=AT)
        workspaces.push(workspace, commit, f"{BRANCH}-{number}", expected=None)
        return str(number), kept

    with ThreadPoolExecutor(count) as pool:
        return dict(pool.map(one, range(first, first + count)))


if __name__ == "__main__":
    root, url, action, start, *numbers = sys.argv[1:]
    if action == "build":
        print(json.dumps(build(Path(root), url, start)))
    else:
        print(json.dumps(prepare(Path(root), url, start, int(numbers[0]), int(numbers[1]))))
