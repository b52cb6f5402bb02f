"""Reads commits in a mirror: differences between two, digests and bytes of files. No worktree takes part, so no
attribute that a tree brings can hide or change what is read."""

import hashlib
from collections.abc import Sequence

from bot.adapters.git import Git
from bot.adapters.mirrors import Mirrors, commit_id
from bot.domain.refs import RepoRef
from bot.domain.trees import path_bytes, path_text

_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_PLAIN = ("--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=none")
_WHOLE = ("-p", "--full-index", "--binary", "--text", "-U3", "--diff-algorithm=myers", "--no-indent-heuristic")
_PREFIXES = ("--src-prefix=a/", "--dst-prefix=b/")


def digest_of_diff(mirrors: Mirrors, repo: RepoRef, base: str, head: str) -> str:
    """SHA-256 (hex) over every byte of the diff from the merge base of both commits to `head`."""
    return hashlib.sha256(_diff(mirrors, repo, base, head)).hexdigest()


def digest_of_files(mirrors: Mirrors, repo: RepoRef, commit: str, *, without: str) -> str:
    """SHA-256 (hex) over all files of a commit but those in the top-level folder `without`."""
    mirror = mirrors.open(repo)
    mirrors.obtain(mirror, commit_id(commit))
    listed = mirror.git.run("ls-tree", "-z", commit).stdout.split(b"\0")
    kept = [line for line in listed if line.partition(b"\t")[2] != path_bytes(without)]
    return hashlib.sha256(b"\0".join(kept)).hexdigest()


def tree_without(mirrors: Mirrors, repo: RepoRef, commit: str, folder: str) -> str:
    """The tree of a commit without one of its folders (and everything in it)."""
    mirror = mirrors.open(repo)
    mirrors.obtain(mirror, commit_id(commit))
    return _without(mirror.git, f"{commit}^{{tree}}", path_bytes(folder).split(b"/")) or _EMPTY_TREE


def _without(git: Git, tree: str, path: list[bytes]) -> str | None:
    """The tree without what is at that path in it; None when nothing is left: git knows no empty folders."""
    kept = []
    for line in git.run("ls-tree", "-z", tree).stdout.split(b"\0")[:-1]:
        about, _, name = line.partition(b"\t")
        mode, kind, named = about.split(b" ")
        if name != path[0] or (path[1:] and kind != b"tree"):
            kept.append(line)
        elif path[1:] and (rest := _without(git, named.decode(), path[1:])):
            kept.append(b"%s tree %s\t%s" % (mode, rest.encode(), name))
    return git.run("mktree", "-z", stdin=b"".join(line + b"\0" for line in kept)).line if kept else None


def files_in(mirrors: Mirrors, repo: RepoRef, commit: str, folder: str) -> dict[str, bytes]:
    """The files below a folder of a commit, by their paths in the repository."""
    mirror = mirrors.open(repo)
    mirrors.obtain(mirror, commit_id(commit))
    listed = mirror.git.run("ls-tree", "-r", "-z", "--name-only", commit, "--", f"{folder}/").stdout
    return contents(mirrors, repo, commit, [path_text(name) for name in listed.split(b"\0") if name])


def contents(mirrors: Mirrors, repo: RepoRef, commit: str, paths: Sequence[str]) -> dict[str, bytes]:
    """The bytes of these files in a commit, in one git process; paths that are no file there are left out."""
    mirror = mirrors.open(repo)
    mirrors.obtain(mirror, commit_id(commit))
    # To git, `commit:./x` is relative to some directory; in a commit no path looks like that.
    paths = [path for path in paths if not path.startswith(("./", "../")) and "\0" not in path]
    names = [f"{commit}:".encode() + path_bytes(path) for path in paths]
    found: dict[str, bytes] = {}
    if not names:
        return found
    output = mirror.git.run("cat-file", "--batch", "-z", stdin=b"\0".join([*names, b""])).stdout
    at = 0
    for path, name in zip(paths, names, strict=True):
        missing = name + b" missing\n"
        if output.startswith(missing, at):
            at += len(missing)
            continue
        end = output.index(b"\n", at)
        _, kind, size = output[at:end].split(b" ")
        if kind == b"blob":
            found[path] = output[end + 1 : end + 1 + int(size)]
        at = end + 1 + int(size) + 1
    return found


def _diff(mirrors: Mirrors, repo: RepoRef, base: str, head: str) -> bytes:
    mirror = mirrors.open(repo)
    mirrors.obtain(mirror, commit_id(base), commit_id(head))
    since = mirror.git.run("merge-base", base, head, statuses=(0, 1)).line or _EMPTY_TREE
    return mirror.git.run("diff-tree", "-r", *_PLAIN, *_WHOLE, *_PREFIXES, since, head).stdout
