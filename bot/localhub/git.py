"""Git plumbing on a bare repository: what the hub reads from commits, and the merges it makes."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ZERO = "0" * 40


class GitError(Exception):
    """git refused; the text is its own."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who, and when (seconds since the epoch, UTC)."""

    name: str
    email: str
    at: float


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit object, its message without the last newline."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a diff; `status` in GitHub's words; `patch` is None for binary files."""

    path: str
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str | None
    previous: str | None = None


def git_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for the hub's git: nobody's configuration, no prompts, English messages."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    fixed = {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
        "HOME": os.devnull,
    }
    return {**kept, **fixed, **(extra or {})}


@cache
def git_version() -> tuple[int, int]:
    """Major and minor version of the installed git."""
    words = subprocess.run(["git", "version"], capture_output=True, text=True, check=True).stdout.split()
    major, minor = words[2].split(".")[:2]
    return int(major), int(minor)


class Git:
    """One bare repository."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
        directory: str | None = None,
    ) -> bytes:
        """Run `git arguments…` on this repository; answers stdout, raises GitError when it fails."""
        done = subprocess.run(
            ["git", f"--git-dir={self.path.absolute()}", *arguments],
            cwd=directory,
            input=b"" if stdin is None else stdin,
            capture_output=True,
            env=git_environment(environment),
        )
        if done.returncode:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()
            raise GitError(said or f"git {arguments[0]} failed")
        return done.stdout

    def text(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Like `run`, decoded and without the last newline."""
        return self.run(*arguments, stdin=stdin).decode(errors="replace").rstrip("\n")

    @classmethod
    def create(cls, path: Path, default_branch: str) -> "Git":
        """An empty bare repository with the hub's settings."""
        path.mkdir(parents=True)
        git = cls(path)
        git.run("init", "-q", "--bare")
        git.run("symbolic-ref", "HEAD", f"refs/heads/{default_branch}")
        for name, value in (
            ("http.receivepack", "true"),
            ("receive.hideRefs", "refs/pull"),
            ("receive.autogc", "false"),
            ("gc.auto", "0"),
            ("uploadpack.allowFilter", "true"),
            ("uploadpack.allowAnySHA1InWant", "true"),
        ):
            git.run("config", name, value)
        return git

    def commit_directory(self, directory: Path, branch: str, author: Signature, message: str, ignored: bool) -> str:
        """Make a branch's first commit from the files of a directory; `ignored` takes ignored files too."""
        with tempfile.TemporaryDirectory() as temporary:
            place = {"GIT_WORK_TREE": str(directory.absolute()), "GIT_INDEX_FILE": f"{temporary}/index"}
            everything = ["-f"] if ignored else []
            self.run("add", "-A", *everything, ".", environment=place, directory=str(directory))
            tree = self.run("write-tree", environment=place).decode().strip()
        sha = self.commit_tree(tree, (), message, author, author)
        self.move_ref(f"refs/heads/{branch}", sha, ZERO)
        return sha

    def refs(self, *prefixes: str) -> dict[str, str]:
        """Every ref under the prefixes and the object it names."""
        lines = self.text("for-each-ref", "--format=%(refname) %(objectname)", *prefixes).splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def move_ref(self, name: str, new: str, old: str) -> None:
        """Set a ref that is at `old` (ZERO: absent) to `new` (ZERO: delete it); GitError if it is elsewhere."""
        if new == ZERO:
            self.run("update-ref", "-d", name, old)
        else:
            self.run("update-ref", name, new, old)

    def commit_id(self, name: str) -> str | None:
        """The commit that a SHA (prefixes too), branch or tag names; None when there is none."""
        if not name or name.startswith("-") or ".." in name or "@{" in name:
            return None
        candidates = (name,) if name.startswith("refs/") else (f"refs/heads/{name}", f"refs/tags/{name}", name)
        for candidate in candidates:
            try:
                return self.text("rev-parse", "-q", "--verify", "--end-of-options", f"{candidate}^{{commit}}")
            except GitError:
                continue
        return None

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether `descendant` contains `ancestor`."""
        try:
            self.run("merge-base", "--is-ancestor", ancestor, descendant)
        except GitError:
            return False
        return True

    def merge_base(self, one: str, other: str) -> str | None:
        """Their best common ancestor, None for unrelated histories."""
        try:
            return self.text("merge-base", one, other).split("\n")[0]
        except GitError:
            return None

    def count(self, excluded: str, included: str) -> int:
        """Number of commits in `included` that are not in `excluded`."""
        return int(self.text("rev-list", "--count", f"{excluded}..{included}"))

    def commits(self, *range_and_options: str) -> list[Commit]:
        """The commits of a `git log` range, newest first unless told otherwise."""
        form = "%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B%x00%x01"
        raw = self.run("log", f"--format={form}", *range_and_options).decode(errors="replace")
        found = []
        for entry in raw.split("\x00\x01"):
            if not entry.strip():
                continue
            sha, tree, parents, an, ae, at, cn, ce, ct, message = entry.lstrip("\n").split("\x00", 9)
            found.append(
                Commit(
                    sha,
                    tree,
                    tuple(parents.split()),
                    Signature(an, ae, float(at)),
                    Signature(cn, ce, float(ct)),
                    message.rstrip("\n"),
                )
            )
        return found

    def commit(self, sha: str) -> Commit:
        """One commit by its full id."""
        return self.commits("-1", sha)[0]

    def commit_tree(
        self, tree: str, parents: tuple[str, ...], message: str, author: Signature, committer: Signature
    ) -> str:
        """Write a commit object; no ref moves."""
        who = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_AUTHOR_DATE": f"{int(author.at)} +0000",
            "GIT_COMMITTER_NAME": committer.name,
            "GIT_COMMITTER_EMAIL": committer.email,
            "GIT_COMMITTER_DATE": f"{int(committer.at)} +0000",
        }
        chain = [word for parent in parents for word in ("-p", parent)]
        return self.run("commit-tree", tree, *chain, stdin=message.encode(), environment=who).decode().strip()

    def directory(self, commit: str, path: str) -> list[tuple[str, str, str, int]]:
        """The entries of a directory in a commit: path, kind (blob, tree, commit), object, size (0 unless a blob)."""
        return self._list(commit, f"{path}/" if path else "")

    def entry(self, commit: str, path: str) -> tuple[str, str, str, int] | None:
        """One file, directory or submodule in a commit, None when there is none."""
        found = self._list(commit, path)
        return found[0] if found and found[0][0] == path else None

    def _list(self, commit: str, path: str) -> list[tuple[str, str, str, int]]:
        arguments = ["ls-tree", "-z", "-l", "--full-tree", commit]
        raw = self.run("--literal-pathspecs", *arguments, *(["--", path] if path else [])).decode(errors="replace")
        found = []
        for line in raw.split("\0"):
            if line:
                facts, name = line.split("\t", 1)
                _, kind, sha, size = facts.split()
                found.append((name, kind, sha, 0 if size == "-" else int(size)))
        return found
