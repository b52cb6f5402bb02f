"""Writes commits into a mirror: with fixed author and time, so that the same words make the same commit; and the
refs under which failed attempts' files are kept on this machine."""

from collections.abc import Iterable
from datetime import datetime

from bot.adapters.git import Git
from bot.domain.trees import Identity

_KEPT = "refs/issuewright/attempts/"


def commit_tree(git: Git, author: Identity, *, tree: str, parents: tuple[str, ...], message: str, at: datetime) -> str:
    """The new commit's id; no ref names it yet. Raises ValueError when `at` has no time zone."""
    if at.tzinfo is None:
        raise ValueError("a commit's time must say its zone")
    when = f"@{int(at.timestamp())} +0000"
    written = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", author.name), ("EMAIL", author.email), ("DATE", when))
    }
    words = [word for parent in parents for word in ("-p", parent)]
    return git.run("commit-tree", tree, *words, "-F", "-", stdin=message.encode(), environment=written).line


def keep_ref(git: Git, key: str, commit: str) -> None:
    """Hold the commit for the attempt `key`; the caller holds the mirror's lock."""
    git.run("update-ref", f"{_KEPT}{_ref_name(key)}", commit)


def unneeded_refs(git: Git, live: Iterable[str]) -> list[str]:
    """Refs of attempts that are not in `live`, and of commits that were once fetched by their id."""
    lines = git.run("for-each-ref", "--format=%(refname)", _KEPT, "refs/issuewright/wanted/").stdout.decode()
    kept = {f"{_KEPT}{_ref_name(key)}" for key in live}
    return [ref for ref in lines.splitlines() if ref not in kept]


def drop_refs(git: Git, refs: list[str]) -> set[str]:
    """Delete these refs and return the attempts' keys among them; the caller holds the mirror's lock."""
    git.run("update-ref", "--stdin", stdin="".join(f"delete {ref}\n" for ref in refs).encode())
    return {ref.removeprefix(_KEPT).replace("%2E", ".") for ref in refs if ref.startswith(_KEPT)}


def _ref_name(key: str) -> str:
    # All that a key may have and a ref may not is two dots in a row.
    return key.replace("..", ".%2E")
