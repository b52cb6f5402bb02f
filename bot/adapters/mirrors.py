"""One bare mirror a repository and machine: made once, fetched into when something is missing, shared by all."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bot.adapters.flocks import locked
from bot.adapters.git import COMMIT_ID, Git, Output, Remote
from bot.domain.errors import IssuewrightError, NotFound
from bot.domain.refs import RepoRef

# Longer than git waits for a silent server, so that whoever holds the lock has ended by then.
_WAIT_SECONDS = 600.0

_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\tlogallrefupdates = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""


@dataclass(frozen=True)
class Mirror:
    """A repository's bare mirror. `private` is ours alone inside it: the indexes that agents never see."""

    repo: RepoRef
    path: Path
    git: Git

    @property
    def private(self) -> Path:
        """Directory of the orchestrator's own indexes, one file an attempt."""
        return self.path / "issuewright"


class Mirrors:
    """The mirrors under `directory`. `remote` tells where a repository lives and opens it, asked before each use,
    because tokens live for an hour."""

    def __init__(self, directory: Path, *, remote: Callable[[RepoRef], Remote], protocols: str = "http:https") -> None:
        self._directory = directory
        self._remote = remote
        self._protocols = protocols

    def open(self, repo: RepoRef) -> Mirror:
        """The mirror of `repo`, cloned first if this machine has none."""
        mirror = self.mirror(repo)
        if not mirror.path.is_dir():
            with self.lock(mirror) as held:
                if not mirror.path.is_dir():
                    self._clone(mirror, held)
        _mend_config(mirror.path)
        return mirror

    def mirror(self, repo: RepoRef) -> Mirror:
        """Where the mirror of `repo` is or will be."""
        # `--` may occur in an old owner's name; `+` in none, so that two repositories never share a mirror.
        between = "+" if "--" in repo.owner else "--"
        path = self._directory / f"{repo.owner}{between}{repo.name}.git"
        return Mirror(repo, path, Git(path, protocols=self._protocols))

    def existing(self) -> Iterator[tuple[Path, Git]]:
        """Every mirror on this machine with git on it."""
        for path in sorted(self._directory.glob("*.git")):
            _mend_config(path)
            yield path, Git(path, protocols=self._protocols)

    def compact(self, *, every_seconds: float, unused_seconds: float) -> int:
        """Pack what fetches and attempts have left in mirrors that were not packed lately; how many that were.

        Where nobody is at work, what no ref has named for so long goes, too: judged trees have no name before they are
        committed and pushed.
        """
        done = 0
        for path, git in self.existing():
            packed = path / "issuewright" / "packed"
            if packed.exists() and time.time() - packed.stat().st_mtime < every_seconds:
                continue
            if not any(path.glob("worktrees/*")):
                git.run("gc", "--quiet", f"--prune={int(unused_seconds)}.seconds.ago")
            else:
                git.run("repack", "--quiet", "-d", "--geometric=2")
            packed.touch()
            done += 1
        return done

    @contextmanager
    def lock(self, mirror: Mirror) -> Iterator[Git]:
        """Hold the mirror's lock, which guards its refs and registrations; yields git that works under it."""
        with self.lock_path(mirror.path) as descriptor:
            yield replace(mirror.git, holding=(descriptor,), mends=True)

    @contextmanager
    def lock_path(self, path: Path) -> Iterator[int]:
        """The same lock by the mirror's path; yields the descriptor for child processes."""
        with locked(path.with_suffix(".lock"), wait_seconds=_WAIT_SECONDS) as descriptor:
            yield descriptor

    def over_network(self, mirror: Mirror, git: Git, *arguments: str, statuses: tuple[int, ...] = (0,)) -> Output:
        """Run git against the repository on GitHub, called `origin` for the time of this one process."""
        return git.run(*arguments, remote=self._remote(mirror.repo), statuses=statuses)

    def ask(self, repo: RepoRef, *arguments: str) -> Output:
        """Run git against the repository on GitHub from outside of any repository: nothing of it need be here."""
        self._directory.mkdir(parents=True, exist_ok=True)
        remote = replace(self._remote(repo), has_branches=False)
        with _naming(repo):
            return Git(self._directory, protocols=self._protocols).run(*arguments, remote=remote)

    def fetch(self, mirror: Mirror, *refs: str) -> None:
        """Bring the mirror up to date: all branches, or these branches, full refs or commit ids."""
        with self.lock(mirror) as held:
            self._fetch(mirror, held, *refs)

    def obtain(self, mirror: Mirror, *commits: str) -> None:
        """Have these commits here: no process at the remote's end for those that are. Raises NotFound."""
        missing = _missing(mirror.git, commits)
        if not missing:
            return
        with self.lock(mirror) as held:
            # Whoever held the lock before us may have brought them.
            if _missing(held, missing):
                self._fetch(mirror, held)
            for commit in _missing(held, missing):
                self._fetch(mirror, held, commit)

    def _fetch(self, mirror: Mirror, git: Git, *refs: str) -> None:
        words = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--refmap="]
        specs = [_refspec(ref) for ref in refs] or ["+refs/heads/*:refs/remotes/origin/*"]
        # A branch that is gone must not stand in the way of another beneath its name.
        prune = [] if refs else ["--prune"]
        with _naming(mirror.repo):
            self.over_network(mirror, git, *words, *prune, "origin", *specs)

    def _clone(self, mirror: Mirror, held: Git) -> None:
        fresh = mirror.path.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        git = replace(held, directory=fresh)
        git.run("init", "--quiet", "--bare", "--template=", str(fresh))
        _mend_config(fresh)
        try:
            self._fetch(mirror, git)
        except IssuewrightError:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        (fresh / "issuewright").mkdir()
        fresh.rename(mirror.path)


@contextmanager
def _naming(repo: RepoRef) -> Iterator[None]:
    """What is not found says of which repository that is."""
    try:
        yield
    except NotFound as error:
        raise NotFound(f"{repo}: {error.message}", error.status) from None


def commit_id(text: str) -> str:
    """`text` if it is a full commit id; ValueError otherwise, so that no name or option reaches git's argv."""
    if not COMMIT_ID.match(text):
        raise ValueError(f"not a full commit id: {text!r}")
    return text


def _refspec(ref: str) -> str:
    if COMMIT_ID.match(ref):
        return f"+{ref}:refs/issuewright/wanted/{ref}"
    if ref.startswith("refs/") and not ref.startswith("refs/heads/"):
        return f"+{ref}:refs/remotes/origin-{ref.removeprefix('refs/')}"
    branch = ref.removeprefix("refs/heads/")
    return f"+{branch_ref(branch)}:{tracking_ref(branch)}"


def tracking_ref(branch: str) -> str:
    """Where a mirror keeps the branch as it last saw it; ValueError as for `branch_ref`."""
    return branch_ref(branch).replace("refs/heads/", "refs/remotes/origin/", 1)


def branch_ref(branch: str) -> str:
    """`refs/heads/<branch>`; ValueError for what git would not take as a branch's name (or as one name only)."""
    parts = branch.split("/")
    if (
        any(character in " ~^:?*[\\\x7f" or character < " " for character in branch)
        or any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
        or branch.startswith("-")
        or branch.endswith(".")
        or ".." in branch
        or "@{" in branch
    ):
        raise ValueError(f"not a branch's name: {branch!r}")
    return f"refs/heads/{branch}"


def _missing(git: Git, commits: tuple[str, ...]) -> tuple[str, ...]:
    names = "".join(f"{commit}^{{tree}}\n" for commit in commits).encode()
    lines = git.run("cat-file", "--batch-check=%(objecttype)", stdin=names).stdout.decode().splitlines()
    return tuple(commit for commit, line in zip(commits, lines, strict=True) if line != "tree")


def _mend_config(path: Path) -> None:
    # An agent's own `git config` in its worktree lands in these files, where it could name programs to run,
    # hide files or change what a diff shows.
    for name in ("config.worktree", "info/attributes", "info/exclude", "info/grafts"):
        (path / name).unlink(missing_ok=True)
    config = path / "config"
    if config.is_file() and not config.is_symlink() and config.read_text(errors="replace") == _CONFIG:
        return
    fresh = path / f"config.{os.getpid()}.{threading.get_ident()}.new"
    fresh.write_text(_CONFIG)
    fresh.replace(config)
