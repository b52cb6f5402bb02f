"""Workspaces and handoffs against raw git: the same repository, the same server, the same disk."""

import itertools
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from bot.adapters.workspaces import Workspaces
from bot.domain.refs import AttemptRef, RepoRef
from bot.domain.trees import Identity, Pushed
from tests.adapters.workspaces.git_server import GitServer, git, serving
from tests.bench.figures import Figure, Target, interleaved
from tests.bench.setting import Setting

REPO = RepoRef(owner="acme", name="tally")
TOKEN = "ghs_bench"
AT = datetime(2026, 1, 1, tzinfo=UTC)


def measure(setting: Setting) -> list[Figure]:
    """Workspace ready at 1,000 and 20,000 files; commit and push of a handful of changed ones."""
    figures = []
    for files in (50, 200) if setting.quick else (1_000, 20_000):
        directory = setting.directory("git")
        with serving(directory / "server", TOKEN) as server:
            begin = _create(server, files)
            bench = _Bench(directory, server, begin)
            rounds = setting.often(9 if files < 10_000 else 5)
            figures += _ready(bench, files, rounds) + _handoff(bench, files, rounds)
        shutil.rmtree(directory)
    return figures


class _Bench:
    """Our workspaces and raw git beside them, on one server."""

    def __init__(self, directory: Path, server: GitServer, start: str) -> None:
        self.start = start
        self._directory = directory
        self._numbers = itertools.count(1)
        self.url = f"{server.url}/acme/tally.git".replace("http://", f"http://x-access-token:{TOKEN}@")
        self.ours = Workspaces(
            directory / "data",
            remote_url=lambda repo: f"{server.url}/{repo}.git",
            token=lambda repo: TOKEN,
            author=Identity(name="bench", email="bench@example.com"),
        )
        self.raw = directory / "raw.git"
        git("clone", "--quiet", "--bare", self.url, str(self.raw), cwd=directory)
        self.release(self.prepared()[0])

    def prepared(self) -> tuple[AttemptRef, Path, float]:
        """A workspace of ours, and how many milliseconds it took."""
        attempt = AttemptRef(run_id="acme--tally--1", stage="builder", number=next(self._numbers))
        begun = time.perf_counter()
        workspace = self.ours.prepare(attempt, REPO, start=self.start)
        return attempt, Path(workspace.path), _ms(begun)

    def release(self, attempt: AttemptRef) -> None:
        self.ours.release(attempt)

    def worktree(self) -> tuple[Path, float]:
        """A worktree by raw git, and how many milliseconds it took."""
        path = self._directory / f"raw-{next(self._numbers)}"
        begun = time.perf_counter()
        git("worktree", "add", "--quiet", "--detach", str(path), self.start, cwd=self.raw)
        return path, _ms(begun)

    def drop(self, path: Path) -> None:
        git("worktree", "remove", "--force", str(path), cwd=self.raw)

    def clone(self) -> float:
        path = self._directory / f"clone-{next(self._numbers)}"
        begun = time.perf_counter()
        git("clone", "--quiet", self.url, str(path), cwd=self._directory)
        spent = _ms(begun)
        shutil.rmtree(path)
        return spent

    def our_handoff(self) -> float:
        """What an agent's changes cost from files to a branch on the server, in milliseconds."""
        attempt = AttemptRef(run_id="acme--tally--1", stage="builder", number=next(self._numbers))
        workspace = self.ours.prepare(attempt, REPO, start=self.start)
        _change(Path(workspace.path), attempt.number)
        begun = time.perf_counter()
        snapshot = self.ours.snapshot(workspace)
        commit = self.ours.commit(workspace, tree=snapshot.tree, parent=self.start, message="Work\n", at=AT)
        pushed = self.ours.push(workspace, commit, f"ours-{attempt.number}", expected=None)
        spent = _ms(begun)
        assert isinstance(pushed, Pushed)
        self.release(attempt)
        return spent

    def raw_handoff(self) -> float:
        path, _ = self.worktree()
        number = next(self._numbers)
        _change(path, number)
        begun = time.perf_counter()
        git("add", "--all", cwd=path)
        git("commit", "--quiet", "--message=Work", cwd=path)
        git("push", "--quiet", self.url, f"HEAD:refs/heads/raw-{number}", cwd=path)
        spent = _ms(begun)
        self.drop(path)
        return spent


def _ready(bench: _Bench, files: int, rounds: int) -> list[Figure]:
    def ours() -> float:
        attempt, _, spent = bench.prepared()
        bench.release(attempt)
        return spent

    def worktree() -> float:
        path, spent = bench.worktree()
        bench.drop(path)
        return spent

    measures: dict[str, Callable[[], float]] = {"ours": ours, "worktree": worktree, "clone": bench.clone}
    found = interleaved(rounds, measures)
    name, how = f"workspace ready, {files:,} files", "Workspaces.prepare on a mirror that has the commit"
    largest = files >= 20_000
    return [
        Figure("git", name, "ms", found["ours"], "git worktree add", found["worktree"], Target(1.2, of="ratio"), how),
        Figure(
            *("git", f"{name}, to a clone", "ms", found["ours"], "git clone over HTTP", found["clone"]),
            *(Target(0.2, of="ratio") if largest else None, how),
        ),
    ]


def _handoff(bench: _Bench, files: int, rounds: int) -> list[Figure]:
    found = interleaved(rounds, {"ours": bench.our_handoff, "raw": bench.raw_handoff})
    how = "20 changed files: snapshot, commit and push to a new branch over HTTP; raw: git add, commit, push"
    name = f"commit + push, {files:,} files"
    return [Figure("git", name, "ms", found["ours"], "raw git", found["raw"], Target(1.3, of="ratio"), how)]


def _create(server: GitServer, files: int) -> str:
    """A repository of that many files of about 2 kB, in folders of a hundred; its commit."""
    server.create(str(REPO), {"README.md": "bench\n"})
    path = server.repository(str(REPO))
    stream = b"".join(_fast_import(files))
    subprocess.run(["git", "fast-import", "--quiet"], cwd=path, input=stream, check=True, capture_output=True)
    return git("rev-parse", "refs/heads/main", cwd=path)


def _fast_import(files: int) -> Iterator[bytes]:
    yield b"commit refs/heads/main\ncommitter Mona <mona@example.com> 1700000000 +0000\ndata 5\nfiles\n"
    yield b"from refs/heads/main^0\n"
    for number in range(files):
        lines = [f"value_{number}_{line} = {number * 7919 + line * 104729 % 99991}\n" for line in range(60)]
        text = "".join(lines).encode()
        yield (
            f"M 100644 inline folder_{number // 100:03}/file_{number:05}.py\ndata {len(text)}\n".encode() + text + b"\n"
        )


def _change(path: Path, number: int) -> None:
    """What an agent may leave: ten files changed, ten new ones."""
    known = sorted(path.glob("folder_*/*.py"))[:10]
    for file in known:
        file.write_text(file.read_text() + f"changed = {number}\n")
    for new in range(10):
        (path / f"new_{new}.py").write_text(f"new = {number}\n")


def _ms(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000
