"""Reads what a tree added to a commit: each changed text file, its added lines, all of it bounded, whatever the files
are called and hold."""

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from bot.adapters.git import Git
from bot.domain.checks.work import Contents, TextFile
from bot.domain.trees import path_text

MAX_FILE_BYTES = 1024 * 1024
MAX_BYTES = 16 * 1024 * 1024
MAX_FILES = 2000
_MAX_ARGUMENTS = 100_000
_LINKS_AND_REPOSITORIES = {"120000", "160000"}
_NOTHING = "0" * 40
_BLOBS = re.compile(rb"index ([0-9a-f]{40})\.\.([0-9a-f]{40})")
_HUNK = re.compile(rb"@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")
_PLAIN = ("--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--diff-algorithm=myers", "--text")


class _Changed(NamedTuple):
    """A file that exists now: its name in git and the blobs before (zeros: none) and after."""

    name: bytes
    before: str
    after: str


def read_contents(git: Git, base: str, tree: str, *, without: frozenset[str] = frozenset()) -> Contents:
    """What `tree` added to the commit `base`, but for the paths in `without`. `git` is git on the mirror alone.

    Binary files are left out. Of text, files beyond 1 MiB (before or after), and what comes after 2,000 files or
    16 MiB in all, are told as unread.
    """
    changed = [file for file in _changed(git, base, tree) if path_text(file.name) not in without]
    sizes = _sizes(git, {blob for file in changed for blob in (file.before, file.after) if blob != _NOTHING})
    chosen: list[_Changed] = []
    unread: list[_Changed] = []
    total = 0
    for file in changed:
        size = max(sizes[file.after], sizes.get(file.before, 0))
        if size > MAX_FILE_BYTES or total + size > MAX_BYTES or len(chosen) >= MAX_FILES:
            unread.append(file)
            continue
        chosen.append(file)
        total += size
    blobs = _read(git, [file.after for file in chosen])
    added = _added(git, base, tree, [file for file in chosen if file.before != _NOTHING])
    return Contents(
        texts=tuple(text for file in chosen if (text := _text(file, blobs[file.after], added)) is not None),
        unread=tuple(path_text(file.name) for file in unread),
        sizes={path_text(file.name): sizes[file.after] for file in changed},
        names=_names(git, tree),
    )


def _changed(git: Git, base: str, tree: str) -> Iterator[_Changed]:
    fields = iter(
        git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--abbrev=40", base, tree).stdout.split(b"\0")
    )
    for entry in fields:
        if not entry.startswith(b":"):
            continue
        mode_before, mode, before, after, letter = entry[1:].decode().split(" ")
        name = next(fields)
        if letter != "D" and mode not in _LINKS_AND_REPOSITORIES:
            yield _Changed(name, _NOTHING if mode_before in _LINKS_AND_REPOSITORIES else before, after)


def _sizes(git: Git, blobs: set[str]) -> dict[str, int]:
    """Bytes of each blob."""
    if not blobs:
        return {}
    said = git.run("cat-file", "--batch-check", stdin="".join(f"{blob}\n" for blob in sorted(blobs)).encode()).stdout
    return {blob: int(size) for blob, _, size in (line.split(" ") for line in said.decode().splitlines())}


def _read(git: Git, blobs: list[str]) -> dict[str, bytes]:
    wanted = sorted(set(blobs))
    if not wanted:
        return {}
    output = git.run("cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in wanted).encode()).stdout
    found: dict[str, bytes] = {}
    at = 0
    for blob in wanted:
        end = output.index(b"\n", at)
        size = int(output[at:end].rpartition(b" ")[2])
        found[blob] = output[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
    return found


def _added(git: Git, base: str, tree: str, files: list[_Changed]) -> dict[tuple[str, str], tuple[int, ...]]:
    """Numbers of the added lines, by the blobs before and after: names play no part in reading git's answer."""
    found: dict[tuple[str, str], tuple[int, ...]] = {}
    for names in _portions([os.fsdecode(file.name) for file in files]):
        words = ("diff-tree", "-r", "-p", "-U0", "--full-index", *_PLAIN, base, tree, "--", *names)
        found |= _numbers(git.run(*words).stdout)
    return found


def _portions(names: list[str]) -> Iterator[list[str]]:
    """The names in lists that fit on a command line."""
    portion: list[str] = []
    length = 0
    for name in names:
        if portion and length + len(name) > _MAX_ARGUMENTS:
            yield portion
            portion, length = [], 0
        portion.append(name)
        length += len(os.fsencode(name)) + 1
    if portion:
        yield portion


def _numbers(patch: bytes) -> dict[tuple[str, str], tuple[int, ...]]:
    """Added lines by blobs. A file's own lines cannot pass for headings: each stands behind `+` or `-`."""
    found: dict[tuple[str, str], tuple[int, ...]] = {}
    blobs: tuple[str, str] | None = None
    at = 0
    while at < len(patch):
        end = patch.find(b"\n", at)
        end = len(patch) if end < 0 else end
        line = patch[at : min(end, at + 200)]
        at = end + 1
        if match := _BLOBS.match(line):
            blobs = (match[1].decode(), match[2].decode())
            found[blobs] = ()
        elif blobs is not None and (match := _HUNK.match(line)):
            # A count is left out when it is 1.
            start, count = int(match[1]), 1 if match[2] is None else int(match[2])
            found[blobs] += tuple(range(start, start + count))
    return found


def _text(file: _Changed, data: bytes, added: dict[tuple[str, str], tuple[int, ...]]) -> TextFile | None:
    # As git tells binary files.
    if b"\0" in data[:8000]:
        return None
    lines = tuple(line.removesuffix(b"\r").decode(errors="replace") for line in data.split(b"\n"))
    if lines and lines[-1] == "":
        lines = lines[:-1]
    numbers = range(1, len(lines) + 1) if file.before == _NOTHING else added.get((file.before, file.after), ())
    return TextFile(
        path=path_text(file.name), lines=lines, added=tuple(number for number in numbers if number <= len(lines))
    )


def _names(git: Git, tree: str) -> frozenset[str]:
    """The names of all files and folders, without their endings."""
    listed = git.run("ls-tree", "-r", "-z", "--name-only", tree).stdout.decode(errors="replace")
    parts = {part for path in listed.split("\0") for part in path.split("/")}
    return frozenset(part.partition(".")[0] or part for part in parts if part)
