"""Workspaces of attempts: from a commit to a directory of files, and back to a commit on GitHub's branch."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bot.adapters import commit_messages, git_contents, snapshots, worktrees
from bot.adapters.diffs import read_contents
from bot.adapters.flocks import forget, locked
from bot.adapters.git import Git, Output, Remote
from bot.adapters.git_commits import commit_tree, drop_refs, keep_ref, unneeded_refs
from bot.adapters.git_errors import GitFailed
from bot.adapters.git_push import deletion_result, push_result
from bot.adapters.mirrors import Mirror, Mirrors, branch_ref, commit_id, tracking_ref
from bot.domain.checks.work import Contents
from bot.domain.errors import NotFound, Transient
from bot.domain.refs import AttemptRef, RepoRef
from bot.domain.trees import (
    Conflict,
    HeadMoved,
    Identity,
    Pushed,
    Snapshot,
    Workspace,
    path_text,
)

_WAIT_SECONDS = 300.0
_FIXED_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class Workspaces:
    """Worktrees under `root/worktrees`, one an attempt, over bare mirrors under `root/mirrors`.

    Any number of threads and processes of one machine may share `root`. Every method may be repeated after a
    kill at any moment. Errors: NotFound, Rejected, Transient from the remote; UserError for what a person or an
    agent did to the files; GitFailed (a bug or a broken disk) otherwise. `protocols` is git's allow-list.
    """

    def __init__(
        self,
        root: Path,
        *,
        remote_url: Callable[[RepoRef], str],
        token: Callable[[RepoRef], str],
        author: Identity,
        protocols: str = "http:https",
    ) -> None:
        root = root.resolve()
        self._worktrees = root / "worktrees"
        self._author = author
        self._mirrors = Mirrors(
            root / "mirrors", remote=lambda repo: Remote(remote_url(repo), token(repo)), protocols=protocols
        )

    # -- the remote ---------------------------------------------------------------------------------------------

    def fetch(self, repo: RepoRef, *refs: str) -> None:
        """Bring the mirror up to date: all branches, or the given branches, full refs or commit ids."""
        self._mirrors.fetch(self._mirrors.open(repo), *refs)

    def remote_head(self, repo: RepoRef, branch: str) -> str | None:
        """The commit that the branch points to on GitHub now; None when it does not exist."""
        return self._remote_head(self._mirrors.open(repo), branch)

    def head_without_mirror(self, repo: RepoRef, branch: str) -> str | None:
        """The same, for who needs nothing else of the repository on this machine yet."""
        ref = branch_ref(branch)
        return _head_in(self._mirrors.ask(repo, "ls-remote", "--quiet", "origin", ref), ref)

    def push(self, place: Workspace | RepoRef, sha: str, branch: str, *, expected: str | None) -> Pushed | HeadMoved:
        """Move the branch from `expected` (None: create it) to `sha`, which must contain `expected`.

        Already there counts as pushed. Raises Rejected, with the server's words, when its rules refuse.
        """
        mirror = self._mirrors.open(place if isinstance(place, RepoRef) else place.repo)
        ref = branch_ref(branch)
        if expected is not None and not self._contains(mirror, commit_id(sha), commit_id(expected)):
            raise ValueError(f"{sha} does not contain {expected}: pushing it would drop commits from {branch}")
        output = self._mirrors.over_network(
            mirror,
            mirror.git,
            *("push", "--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no"),
            *(f"--force-with-lease={ref}:{expected or ''}", "origin", f"{commit_id(sha)}:{ref}"),
            statuses=(0, 1),
        )
        return push_result(output, sha, head=lambda: self._remote_head(mirror, branch))

    def delete_branch(self, repo: RepoRef, branch: str, *, expected: str) -> bool:
        """Delete the branch on GitHub if it still points to `expected`; whether it is gone. What somebody has pushed
        to, or the server's rules keep, stays."""
        mirror = self._mirrors.open(repo)
        ref = branch_ref(branch)
        lease = f"--force-with-lease={ref}:{commit_id(expected)}"
        words = ("push", "--porcelain", "--no-verify", lease, "origin", f":{ref}")
        output = self._mirrors.over_network(mirror, mirror.git, *words, statuses=(0, 1))
        gone = deletion_result(output, head=lambda: self._remote_head(mirror, branch))
        if gone:
            # What was on it last stays known here: a database that comes back from a backup asks for it.
            mirror.git.run("update-ref", tracking_ref(branch), expected, statuses=(0, 128))
        return gone

    def publish_ref(self, repo: RepoRef, sha: str, ref: str) -> None:
        """Have a ref outside the branches (`refs/issuewright/…`) point to a commit on GitHub, whatever it was."""
        if not ref.startswith("refs/issuewright/"):
            raise ValueError(f"not a ref of ours: {ref}")
        mirror = self._mirrors.open(repo)
        words = ("push", "--porcelain", "--no-verify", "--force", "origin", f"{commit_id(sha)}:{ref}")
        self._mirrors.over_network(mirror, mirror.git, *words)

    def messages(self, repo: RepoRef, branch: str, *, since: str) -> dict[str, str]:
        """The messages of the branch's commits, as GitHub has it now, that `since` does not contain."""
        with suppress(NotFound):
            self.fetch(repo, branch)
        git = self._mirrors.open(repo).git
        return commit_messages.messages(git, commit_messages.commits_on(git, branch, since=since))

    # -- an attempt's files -------------------------------------------------------------------------------------

    def prepare(self, attempt: AttemptRef, repo: RepoRef, *, start: str, carry: str | None = None) -> Workspace:
        """A fresh worktree at the commit `start`, detached; whatever an earlier execution left is removed first.

        `carry`, a commit from `keep` on the same start, is laid into it as uncommitted files if it is still here.
        """
        key, path = self._place(attempt)
        mirror = self._mirrors.open(repo)
        with self._locked(mirror, key) as git:
            worktrees.remove_files(mirror.path, path, key)
            try:
                self._register(mirror, git, path, start)
            except GitFailed:
                self._mirrors.obtain(mirror, start)
                self._register(mirror, git, path, start)
            worktrees.fill(git, start)
            worktrees.lend_index(git, mirror, path)
            carried = carry if carry and self._carried(mirror, git, carry, start) else None
        return Workspace(attempt=attempt, repo=repo, path=str(path), start=start, carried=carried)

    def place(self, attempt: AttemptRef) -> Path:
        """Where the attempt's worktree is or will be on this machine."""
        return self._place(attempt)[1]

    def snapshot(self, workspace: Workspace, *, base: str | None = None) -> Snapshot:
        """All files (but for ignored ones) as a tree, and what changed since `base` (default: the start)."""
        mirror = self._mirrors.open(workspace.repo)
        with self._at_work(mirror, workspace) as git:
            return snapshots.take(git, mirror.git, commit_id(base or workspace.start))

    def contents(self, workspace: Workspace, snapshot: Snapshot, *, without: frozenset[str] = frozenset()) -> Contents:
        """What a snapshot's changed files hold and which lines were added, bounded, but for the paths in `without`."""
        return read_contents(self._mirrors.open(workspace.repo).git, snapshot.base, snapshot.tree, without=without)

    def restore(self, workspace: Workspace, tree: str) -> None:
        """Set files back to a snapshot's tree after tests dirtied them; what the tree ignores stays."""
        mirror = self._mirrors.open(workspace.repo)
        with self._at_work(mirror, workspace) as git:
            worktrees.set_back(git, commit_id(tree))

    def replay(self, workspace: Workspace, commit: str, onto: str) -> Snapshot | Conflict:
        """Lay our commit's change on a person's new head, into the worktree; nothing is touched on a conflict."""
        mirror = self._mirrors.open(workspace.repo)
        self._mirrors.obtain(mirror, commit_id(commit), commit_id(onto))
        # The new head's files as a child of our commit's parent: so the merge's base is that parent, always.
        standing = self._commit_tree(mirror, f"{onto}^{{tree}}", (f"{commit}^",), "replay", _FIXED_TIME)
        words = ("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", standing, commit)
        merged = mirror.git.run(*words, statuses=(0, 1))
        tree, *paths = (field for field in merged.stdout.split(b"\0") if field)
        if merged.status == 1:
            return Conflict(paths=tuple(path_text(path) for path in dict.fromkeys(paths)))
        snapshot = snapshots.compare(mirror.git, onto, tree.decode().strip())
        with self._at_work(mirror, workspace) as git:
            worktrees.set_back(git, snapshot.tree)
        return snapshot

    def release(self, attempt: AttemptRef) -> None:
        """Remove the attempt's worktree and everything kept beside it; a commit from `keep` stays."""
        self._release(*self._place(attempt))

    def leftovers(self, live: set[str], *, older_than_seconds: float = 60.0) -> set[str]:
        """Release every attempt whose key is not in `live` and drop its kept commit; returns their keys.

        What is younger may belong to an attempt that began after `live` was read, and waits for the next call.
        """
        for grave in self._worktrees.glob(".trash/*"):
            worktrees.bury(grave)
        released: set[str] = set()
        for key in sorted(self._keys_on_disk() - live):
            if self._age(key) >= older_than_seconds:
                # A lock that is held means that somebody is at work there after all.
                with suppress(Transient):
                    self._release(key, self._worktrees / key, wait_seconds=0.0)
                    released.add(key)
        for mirror_path, git in self._mirrors.existing():
            if refs := unneeded_refs(git, live):
                with self._mirrors.lock_path(mirror_path) as descriptor:
                    released |= drop_refs(replace(git, holding=(descriptor,), mends=True), refs)
        return released

    def compact(self, *, every_seconds: float = 86_400.0, unused_seconds: float = 14 * 86_400.0) -> int:
        """Keep this machine's mirrors small; see `Mirrors.compact`. How many were packed."""
        return self._mirrors.compact(every_seconds=every_seconds, unused_seconds=unused_seconds)

    # -- commits ------------------------------------------------------------------------------------------------

    def commit(self, workspace: Workspace, *, tree: str, parent: str, message: str, at: datetime) -> str:
        """The commit's id: the same for the same arguments, so that repeating it changes nothing. `at` is aware."""
        mirror = self._mirrors.open(workspace.repo)
        return self._commit_tree(mirror, commit_id(tree), (commit_id(parent),), message, at)

    def commit_without(self, repo: RepoRef, parent: str, folder: str, *, message: str, at: datetime) -> str:
        """A commit on top of `parent` that removes one folder; the same for the same arguments, like `commit`."""
        tree = git_contents.tree_without(self._mirrors, repo, parent, folder)
        git = self._mirrors.open(repo).git
        return commit_tree(git, self._author, tree=tree, parents=(parent,), message=message, at=at)

    def keep(self, attempt: AttemptRef, workspace: Workspace, tree: str) -> str:
        """Save a failed attempt's tree as a commit on this machine, for `prepare(carry=…)`; returns its id."""
        key, _ = self._place(attempt)
        mirror = self._mirrors.open(workspace.repo)
        kept = self._commit_tree(mirror, commit_id(tree), (workspace.start,), f"Kept: {key}", _FIXED_TIME)
        with self._mirrors.lock(mirror) as git:
            keep_ref(git, key, kept)
        return kept

    def diff_digest(self, repo: RepoRef, base: str, head: str) -> str:
        """SHA-256 (hex) over the diff from the merge base of both commits to `head`, every byte of it, whatever
        attributes or configuration say."""
        return git_contents.digest_of_diff(self._mirrors, repo, base, head)

    def file_digests(self, repo: RepoRef, commit: str, paths: Iterable[str]) -> dict[str, str]:
        """SHA-256 (hex) of each file in a commit; paths that are no file there are left out."""
        contents = git_contents.contents(self._mirrors, repo, commit, list(paths))
        return {path: hashlib.sha256(data).hexdigest() for path, data in contents.items()}

    def files_digest(self, repo: RepoRef, commit: str, *, without: str) -> str:
        """SHA-256 (hex) over all files of a commit but those in the top-level folder `without`."""
        return git_contents.digest_of_files(self._mirrors, repo, commit, without=without)

    def files_in(self, repo: RepoRef, commit: str, folder: str) -> dict[str, bytes]:
        """The files below a folder of a commit, by their paths in the repository."""
        return git_contents.files_in(self._mirrors, repo, commit, folder)

    # -- within -------------------------------------------------------------------------------------------------

    def _place(self, attempt: AttemptRef) -> tuple[str, Path]:
        key = worktrees.checked_key(attempt.key)
        return key, self._worktrees / key

    @contextmanager
    def _locked(self, mirror: Mirror, key: str, wait_seconds: float = _WAIT_SECONDS) -> Iterator[Git]:
        self._worktrees.mkdir(parents=True, exist_ok=True)
        mirror.private.mkdir(exist_ok=True)
        with locked(self._lock_file(key), wait_seconds=wait_seconds) as descriptor:
            index = worktrees.index_of(mirror, key)
            yield replace(mirror.git, work_tree=self._worktrees / key, index=index, holding=(descriptor,))

    @contextmanager
    def _at_work(self, mirror: Mirror, workspace: Workspace) -> Iterator[Git]:
        key, path = self._place(workspace.attempt)
        with self._locked(mirror, key) as git:
            worktrees.require_directory(path)
            worktrees.index_of(mirror, key).with_name(f"{key}.index.lock").unlink(missing_ok=True)
            yield git

    def _lock_file(self, key: str) -> Path:
        return self._worktrees / f".{key}.lock"

    def _register(self, mirror: Mirror, ours: Git, path: Path, start: str) -> None:
        with self._mirrors.lock(mirror) as git:
            worktrees.unregister(mirror.path, path)
            # It writes in the mirror and in the attempt's directory: should we die, both stay locked until it ends.
            worktrees.register(replace(git, holding=git.holding + ours.holding), path, commit_id(start))

    def _release(self, key: str, path: Path, wait_seconds: float = _WAIT_SECONDS) -> None:
        if not self._worktrees.is_dir():
            return
        lock_file = self._lock_file(key)
        with locked(lock_file, wait_seconds=wait_seconds):
            for mirror_path, _ in self._mirrors.existing():
                worktrees.remove_files(mirror_path, path, key)
                if path in worktrees.registered_paths(mirror_path).values():
                    with self._mirrors.lock_path(mirror_path):
                        worktrees.unregister(mirror_path, path)
            worktrees.discard(path, self._worktrees)
            forget(lock_file)

    def _keys_on_disk(self) -> set[str]:
        names = {path.name for path in self._worktrees.glob("*")}
        keys = {name for name in names if not name.startswith(".")}
        keys |= {name[1:].removesuffix(".lock") for name in names if name.startswith(".") and name.endswith(".lock")}
        for mirror_path, _ in self._mirrors.existing():
            keys |= {path.name.removesuffix(".index") for path in mirror_path.glob("issuewright/*.index")}
            worktree_paths = worktrees.registered_paths(mirror_path).values()
            keys |= {path.name for path in worktree_paths if path and path.parent == self._worktrees}
        return keys

    def _age(self, key: str) -> float:
        paths = [path for path in (self._lock_file(key), self._worktrees / key) if os.path.lexists(path)]
        return time.time() - max((path.lstat().st_mtime for path in paths), default=0.0)

    def _remote_head(self, mirror: Mirror, branch: str) -> str | None:
        ref = branch_ref(branch)
        return _head_in(self._mirrors.over_network(mirror, mirror.git, "ls-remote", "--quiet", "origin", ref), ref)

    def _contains(self, mirror: Mirror, commit: str, ancestor: str) -> bool:
        # 128: we never fetched the ancestor, so nothing of ours can contain it.
        return mirror.git.run("merge-base", "--is-ancestor", ancestor, commit, statuses=(0, 1, 128)).status == 0

    def _carried(self, mirror: Mirror, git: Git, kept: str, start: str) -> bool:
        try:
            if mirror.git.run("rev-parse", "--verify", "--quiet", f"{commit_id(kept)}^1").line == start:
                worktrees.fill(git, kept)
                return True
        except GitFailed:
            # Dropped from the mirror, or kept on another machine: the attempt starts as if it were the first.
            worktrees.set_back(git, start)
        return False

    def _commit_tree(self, mirror: Mirror, tree: str, parents: tuple[str, ...], message: str, at: datetime) -> str:
        return commit_tree(mirror.git, self._author, tree=tree, parents=parents, message=message, at=at)


def _head_in(listed: Output, ref: str) -> str | None:
    # The server matches the end of names: `refs/heads/x` also finds `refs/heads/refs/heads/x`.
    lines = [line.split("\t") for line in listed.stdout.decode().splitlines()]
    return next((sha for sha, name in lines if name == ref), None)
