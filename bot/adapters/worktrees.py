"""Worktrees as files on this machine: registered, filled, set back and removed, whatever state a crash left."""

import os
import re
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from bot.adapters.git import Git
from bot.adapters.git_errors import GitFailed
from bot.adapters.mirrors import Mirror
from bot.domain.errors import UserError

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}\Z")


def checked_key(key: str) -> str:
    """An attempt's key that is one file name; ValueError otherwise."""
    if not _KEY.match(key):
        raise ValueError(f"not usable as a file's name: {key!r}")
    return key


def index_of(mirror: Mirror, key: str) -> Path:
    """The orchestrator's own index of an attempt: what git believes about the worktree comes from here alone."""
    return mirror.private / f"{key}.index"


def register(git: Git, path: Path, start: str) -> None:
    """An empty detached worktree of the mirror at `path`, so that an agent's own git works in it."""
    git.run("worktree", "add", "--quiet", "--detach", "--no-checkout", "--", str(path), start)


def fill(git: Git, tree: str) -> None:
    """Make index and files those of `tree` (a commit will do): files that git knows, whatever happened to them."""
    git.run("read-tree", "--reset", "-u", "--no-recurse-submodules", tree)


def lend_index(git: Git, mirror: Mirror, path: Path) -> None:
    """Give the agent's git a copy of our index, so that its `git status` starts clean and fast."""
    assert git.index is not None
    for registration, worktree in registered_paths(mirror.path).items():
        if worktree == path:
            shutil.copy2(git.index, registration / "index")


def set_back(git: Git, tree: str) -> None:
    """Files exactly as in `tree`; what it ignores stays. If git cannot get there, all is laid out anew."""
    assert git.work_tree is not None
    assert git.index is not None
    with suppress(GitFailed):
        fill(git, tree)
        git.run("clean", "--quiet", "-ffd")
        if not changed_names(git):
            return
    for entry in list(os.scandir(git.work_tree)):
        if entry.name != ".git":
            discard(Path(entry.path), git.work_tree.parent)
    git.index.unlink(missing_ok=True)
    fill(git, tree)


def changed_names(git: Git) -> list[bytes]:
    """Names that the index does not have as they lie in the work tree: new, gone, or touched (maybe for nothing).

    Submodules are compared by their commit alone: looking inside would obey the configuration that lies there.
    """
    new = git.run("ls-files", "-z", "--others", "--exclude-standard").stdout
    touched = git.run("diff-files", "-z", "--name-only", "--ignore-submodules=dirty").stdout
    return [name for name in dict.fromkeys((new + touched).split(b"\0")) if name]


def require_directory(path: Path) -> None:
    """UserError when the worktree is gone or was replaced by a link to somewhere else."""
    if path.is_symlink() or not path.is_dir():
        raise UserError("The workspace's directory was removed or replaced during the attempt: retry the stage.")


def unregister(mirror_path: Path, path: Path) -> None:
    """Make the mirror forget the worktree at `path`, and any that a killed process began to register.

    The caller holds the mirror's lock, so that no registration is being written by the living.
    """
    for registration, worktree in registered_paths(mirror_path).items():
        if worktree in (path, None):
            shutil.rmtree(registration, ignore_errors=True)


def remove_files(mirror_path: Path, path: Path, key: str) -> None:
    """Take away an attempt's files and our index of them."""
    for name in (f"{key}.index", f"{key}.index.lock"):
        (mirror_path / "issuewright" / name).unlink(missing_ok=True)
    discard(path, path.parent)


def discard(path: Path, trash_parent: Path) -> None:
    """Remove a file, link or directory, however it is locked; its name is free at once."""
    if not os.path.lexists(path):
        return
    trash = trash_parent / ".trash"
    trash.mkdir(exist_ok=True)
    grave = trash / secrets.token_hex(8)
    path.rename(grave)
    bury(grave)


def bury(grave: Path) -> None:
    """Delete what `discard` moved away, or what a kill left of it."""
    if grave.is_symlink() or not grave.is_dir():
        grave.unlink(missing_ok=True)
        return
    shutil.rmtree(grave, ignore_errors=True)
    if grave.exists():
        grave.chmod(0o700)
        for directory, _, _ in os.walk(grave):
            for entry in os.scandir(directory):
                if entry.is_dir(follow_symlinks=False):
                    os.chmod(entry.path, 0o700)
        shutil.rmtree(grave, ignore_errors=True)


def registered_paths(mirror_path: Path) -> dict[Path, Path | None]:
    """Each registration directory in the mirror with the worktree that it names, None if it names none (yet)."""
    found: dict[Path, Path | None] = {}
    for registration in sorted(mirror_path.glob("worktrees/*")):
        text = ""
        with suppress(OSError, UnicodeDecodeError):
            text = (registration / "gitdir").read_text().strip()
        found[registration] = Path(text).parent if text else None
    return found
