"""Workers that are killed at every git process, and workers that share a mirror."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.adapters.workspaces import Workspaces
from bot.domain.refs import AttemptRef
from tests.adapters.workspaces.conftest import FILES, TALLY
from tests.adapters.workspaces.git_server import GitServer, git
from tests.adapters.workspaces.worker import BRANCH
from tests.adapters.workspaces.wrapper import Wrapper, wrapped_git

PROJECT = Path(__file__).parents[3]
# Every git process of an attempt, in order.
COMMANDS = [
    "init",
    "fetch",
    "worktree",
    "read-tree",
    "ls-files",
    "diff-files",
    "update-index",
    "write-tree",
    "diff-tree",
    "clean",
]
COMMANDS += ["update-ref", "commit-tree", "push"]
Attempt = Callable[[int], AttemptRef]


@pytest.fixture
def wrapper(tmp_path: Path) -> Wrapper:
    return wrapped_git(tmp_path / "bin")


def worker(
    root: Path, server: GitServer, *words: str, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.adapters.workspaces.worker", str(root), server.url, *words]
    return subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def result(process: subprocess.Popen[str]) -> dict[str, str]:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    answer = json.loads(out)
    assert isinstance(answer, dict)
    return answer


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("moment", ["after", "during"])
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_any_git_process_and_repeated(
    root: Path, server: GitServer, start: str, wrapper: Wrapper, command: str, moment: str
) -> None:
    killed = worker(root, server, "build", start, environment=wrapper.environment(command, moment))
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    answer = result(worker(root, server, "build", start))
    assert answer["pushed"] == "Pushed"
    assert server.head("acme/tally", BRANCH) == answer["commit"]
    assert git("log", "--format=%s", BRANCH, cwd=server.repository("acme/tally")) == "Build\nby a person"
    shown = git("ls-tree", "-r", "--name-only", answer["commit"], cwd=server.repository("acme/tally"))
    assert set(shown.splitlines()) == {*FILES, "built.txt"}
    if moment == "during":
        # The worker that repeats waits for what the killed one left running, where both would write.
        until(wrapper.orphan_ended.exists)
        assert server.head("acme/tally", BRANCH) == answer["commit"]
    assert not list((root / "worktrees").glob("[!.]*"))
    assert not list((root / "mirrors").glob("*/worktrees/*"))
    git("fsck", "--connectivity-only", cwd=root / "mirrors/acme--tally.git")


def test_git_killed_in_the_middle_of_a_checkout(
    root: Path, server: GitServer, workspaces: Workspaces, attempt: Attempt
) -> None:
    many: dict[str, str | None] = {f"d{number % 40}/f{number}.txt": f"{number}\n" * 50 for number in range(3000)}
    start = server.create("acme/tally", {"README.md": "# Many\n"})
    # One process writes all blobs: thousands of `hash-object` would take longer than the test.
    stream = b"".join(
        b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(text or ""), (text or "").encode())
        for path, text in many.items()
    )
    head = (
        b"commit refs/heads/main\ncommitter M <m@example.com> 1700000000 +0000\ndata 1\nx\nfrom %s\n" % start.encode()
    )
    git("fast-import", "--quiet", cwd=server.repository("acme/tally"), stdin=head + stream)
    start = git("rev-parse", "main", cwd=server.repository("acme/tally"))
    workspaces.fetch(TALLY)

    killed = subprocess.Popen(
        [sys.executable, "-m", "tests.adapters.workspaces.worker", str(root), server.url, "build", start],
        cwd=PROJECT,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    path = root / "worktrees" / attempt(1).key
    until(lambda: (path / "d1").is_dir())
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert 0 < sum(1 for found in path.rglob("*.txt")) < 3000
    answer = result(worker(root, server, "build", start))
    mirror = root / "mirrors" / "acme--tally.git"
    assert git("diff", "--name-only", start, answer["commit"], cwd=mirror) == "built.txt"


def test_locks_of_the_dead_are_removed(
    root: Path, server: GitServer, start: str, workspaces: Workspaces, attempt: Attempt
) -> None:
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    mirror = root / "mirrors/acme--tally.git"
    head = server.commit("acme/tally", "main", {"new.txt": "new\n"})
    server.commit("acme/tally", "gone", {"gone.txt": "x\n"}, parent=start)
    workspaces.fetch(TALLY, "gone")
    git("update-ref", "-d", "refs/heads/gone", cwd=server.repository("acme/tally"))
    for name in ("packed-refs.lock", "refs/remotes/origin/main.lock", f"issuewright/{attempt(1).key}.index.lock"):
        (mirror / name).write_text("")
    half = mirror / "worktrees" / "half"
    half.mkdir()
    (half / "locked").write_text("initializing")
    assert workspaces.snapshot(workspace).empty
    again = workspaces.prepare(attempt(1), TALLY, start=head)
    assert (Path(again.path) / "new.txt").read_text() == "new\n"
    assert not half.exists()
    assert not list(mirror.rglob("*.lock"))


def test_two_workers_and_their_threads_share_one_mirror(root: Path, server: GitServer, start: str) -> None:
    both = [worker(root, server, "prepare", start, first, "4") for first in ("1", "5")]
    kept = result(both[0]) | result(both[1])
    assert len(set(kept.values())) == 8
    clones = [line for line in server.requests if "upload-pack" in line and line.startswith("GET")]
    assert len(clones) == 1
    mirror = root / "mirrors/acme--tally.git"
    for number, commit in kept.items():
        assert git("show", f"{commit}:number.txt", cwd=mirror) == number
        assert server.head("acme/tally", f"{BRANCH}-{number}")
    git("fsck", "--connectivity-only", cwd=mirror)
