"""What a workspace holds, as a git tree: taken with plumbing that runs nothing, refused if a checkout of it
could reach outside."""

import os
import re
from functools import cache
from pathlib import PurePosixPath

from bot.adapters.git import Git
from bot.adapters.worktrees import changed_names
from bot.domain.errors import UserError
from bot.domain.trees import ChangedFile, FileStatus, Snapshot, path_text

_GITLINK = "160000"
_SYMLINK = "120000"
_STATUS: dict[str, FileStatus] = {"A": "added", "M": "modified", "D": "deleted", "T": "retyped"}


def take(git: Git, plain: Git, base: str) -> Snapshot:
    """The files in `git`'s work tree (but for ignored ones) as a tree, compared with the commit `base`.

    `plain` is git on the mirror alone: comparing there, no `.gitattributes` of the tree can hide a change.
    Raises UserError with the path for nested repositories, names like `.git`, and links that lead outside.
    """
    # Not `git add -A`: it would run `git status` inside submodules, by the configuration that lies there.
    names = changed_names(git)
    for name in names:
        _refuse_name(name)
    # What lies behind a link is not in the repository, even if a file of the same name was: git only says so.
    behind = _behind_links(git, names)
    _update(git, "--force-remove", names=[name for name in names if name in behind])
    _update(git, "--add", "--remove", "--replace", names=[name for name in names if name not in behind])
    tree = git.run("write-tree").line
    return compare(plain, base, tree)


def compare(plain: Git, base: str, tree: str) -> Snapshot:
    """The difference between two trees, refused if it holds what must not be committed."""
    output = plain.run("diff-tree", "-r", "-z", "--no-renames", "--raw", "--numstat", base, tree).stdout
    changed, modes = _parse(output)
    links: list[tuple[bytes, str]] = []
    for name, (mode, blob) in modes.items():
        if mode == _GITLINK:
            raise UserError(_nested(name))
        if mode == _SYMLINK:
            links.append((name, blob))
    for name, blob in links:
        _refuse_link(name, plain.run("cat-file", "blob", blob).stdout)
    return Snapshot(base=base, tree=tree, changed=changed)


def _parse(output: bytes) -> tuple[tuple[ChangedFile, ...], dict[bytes, tuple[str, str]]]:
    """What `git diff --raw --numstat -z --no-renames` said: the files, and mode and blob of each by its name."""
    statuses: dict[bytes, FileStatus] = {}
    modes: dict[bytes, tuple[str, str]] = {}
    counts: dict[bytes, tuple[int | None, int | None]] = {}
    fields = iter(output.split(b"\0"))
    for entry in fields:
        if entry.startswith(b":"):
            _, mode, _, blob, letter = entry.decode().split(" ")
            name = next(fields)
            statuses[name] = _STATUS[letter]
            modes[name] = (mode, blob)
        elif entry:
            added, removed, name = entry.split(b"\t", 2)
            counts[name] = (_count(added), _count(removed))
    changed = tuple(
        ChangedFile(path=path_text(name), status=status, added=counts[name][0], removed=counts[name][1])
        for name, status in statuses.items()
    )
    return changed, modes


def _count(text: bytes) -> int | None:
    return None if text == b"-" else int(text)


def _update(git: Git, *words: str, names: list[bytes]) -> None:
    if not names:
        return
    said = git.run("update-index", "-z", *words, "--stdin", stdin=b"\0".join([*names, b""])).stderr
    if found := re.search(r"Ignoring path (.*)", said, re.DOTALL):
        raise UserError(f"git will not store the path {found[1].strip()!r}: rename or remove it.")


def _behind_links(git: Git, names: list[bytes]) -> set[bytes]:
    assert git.work_tree is not None
    root = os.fsencode(git.work_tree)

    @cache
    def linked(directory: bytes) -> bool:
        above = os.path.dirname(directory)
        return directory != b"" and (linked(above) or os.path.islink(os.path.join(root, directory)))

    return {name for name in names if linked(os.path.dirname(name))}


def _refuse_name(name: bytes) -> None:
    if name.endswith(b"/"):
        raise UserError(_nested(name.rstrip(b"/")))
    if b".git" in name.lower().split(b"/"):
        raise UserError(f"The path {path_text(name)!r} has git's own name in it: rename or remove it.")


def _refuse_link(name: bytes, target: bytes) -> None:
    # Going up only before the first name keeps the rule true whatever other links stand on the way.
    depth = len(PurePosixPath(name.decode("latin-1")).parts) - 1
    steps = [step for step in target.split(b"/") if step not in (b"", b".")]
    ups = next((number for number, step in enumerate(steps) if step != b".."), len(steps))
    inside = not target.startswith(b"/") and ups <= depth and b".." not in steps[ups:]
    if not inside or b".git" in target.lower().split(b"/"):
        raise UserError(
            f"The symbolic link {path_text(name)!r} leads to {path_text(target)!r}, which may be outside of the "
            "repository: point it to a file inside, going up (`..`) only at its beginning."
        )


def _nested(name: bytes) -> str:
    return (
        f"{path_text(name)!r} is a git repository of its own, which cannot be committed as files: "
        "remove its `.git`, or ignore the directory."
    )
