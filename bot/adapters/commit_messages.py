"""Reads commits' messages in a mirror on this machine, without asking GitHub."""

from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from bot.adapters.git import Git
from bot.adapters.mirrors import Mirrors, commit_id, tracking_ref
from bot.domain.errors import NotFound
from bot.domain.refs import RepoRef


def local_mirror(directory: Path, repo: RepoRef) -> Git | None:
    """git on the mirror of `repo` in the directory of mirrors; None when this machine has none."""
    mirrors = Mirrors(directory, remote=_nowhere)
    return mirrors.open(repo).git if mirrors.mirror(repo).path.is_dir() else None


def messages(git: Git, commits: Iterable[str]) -> dict[str, str]:
    """The messages of those of the commits that are here."""
    found: dict[str, str] = {}
    for commit in dict.fromkeys(commits):
        shown = git.run("cat-file", "commit", commit_id(commit), statuses=(0, 128))
        if shown.status == 0:
            found[commit] = shown.stdout.partition(b"\n\n")[2].decode(errors="replace")
    return found


def parents(git: Git, commit: str) -> int:
    """How many parents a commit has that is here."""
    header = git.run("cat-file", "commit", commit_id(commit)).stdout.partition(b"\n\n")[0]
    return sum(line.startswith(b"parent ") for line in header.split(b"\n"))


def commits_on(git: Git, branch: str, *, since: str) -> list[str]:
    """The commits of a branch, as the mirror last saw it, that `since` does not contain; none when it is gone."""
    ref = tracking_ref(branch)
    for name in (ref, since):
        if git.run("rev-parse", "--quiet", "--verify", f"{name}^{{commit}}", statuses=(0, 1, 128)).status:
            return []
    return git.run("rev-list", ref, f"^{since}").stdout.decode().split()


def _nowhere(repo: RepoRef) -> NoReturn:
    raise NotFound(f"{repo} is not asked about")
