"""Merges made in a bare repository: whether two commits merge, and the three ways in which GitHub does it."""

import os
import tempfile

from bot.localhub.git import Git, GitError, Signature, git_version


class Conflict(Exception):
    """The two sides cannot be merged without a person."""


def merged_tree(git: Git, base: str, head: str) -> str | None:
    """The tree of a merge of two commits, None when they conflict."""
    if git_version() >= (2, 38):
        try:
            return git.text("merge-tree", "--write-tree", base, head).split("\n")[0]
        except GitError:
            return None
    ancestor = git.merge_base(base, head)
    return None if ancestor is None else three_way(git, ancestor, base, head)


def three_way(git: Git, ancestor: str, ours: str, theirs: str) -> str | None:
    """The tree of `ours` with the change from `ancestor` to `theirs`, None when they conflict. It works on any
    git and for cherry-picks too, but follows no renames."""
    with tempfile.TemporaryDirectory() as temporary:
        tree = os.path.join(temporary, "tree")
        os.mkdir(tree)
        place = {
            "GIT_DIR": str(git.path.absolute()),
            "GIT_WORK_TREE": tree,
            "GIT_INDEX_FILE": os.path.join(temporary, "index"),
        }
        # merge-one-file is a shell script that wants to stand in a work tree.
        try:
            git.run("read-tree", "-i", "-m", "--aggressive", ancestor, ours, theirs, environment=place)
            git.run("merge-index", "-o", "git-merge-one-file", "-a", environment=place, directory=tree)
            return git.run("write-tree", environment=place).decode().strip()
        except GitError:
            return None


def merge_commit(git: Git, base: str, head: str, message: str, author: Signature, committer: Signature) -> str:
    """A commit with both as parents; raises Conflict."""
    tree = merged_tree(git, base, head)
    if tree is None:
        raise Conflict
    return git.commit_tree(tree, (base, head), message, author, committer)


def squash_commit(git: Git, base: str, head: str, message: str, author: Signature, committer: Signature) -> str:
    """One commit on top of `base` with everything that `head` brings; raises Conflict."""
    tree = merged_tree(git, base, head)
    if tree is None:
        raise Conflict
    return git.commit_tree(tree, (base,), message, author, committer)


def rebased_commit(git: Git, base: str, head: str, committer: Signature) -> str:
    """`head`'s own commits, each again on top of `base`; merges are left out; raises Conflict."""
    tip = base
    for commit in git.commits("--reverse", "--no-merges", f"{base}..{head}"):
        parent = commit.parents[0] if commit.parents else base
        tree = three_way(git, parent, tip, commit.sha)
        if tree is None:
            raise Conflict
        tip = git.commit_tree(tree, (tip,), commit.message, commit.author, committer)
    return tip
