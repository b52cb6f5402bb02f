"""Making repositories: a bare one on disk with its first commit, and its row."""

import os
import shutil
import time
from pathlib import Path

from bot.localhub.clock import as_made, iso
from bot.localhub.errors import invalid
from bot.localhub.git import Git, Signature
from bot.localhub.hub import Hub
from bot.localhub.labels import add_default_labels
from bot.localhub.records import Repo, User


def create_repository(
    hub: Hub,
    owner: User,
    name: str,
    source: Path,
    default_branch: str,
    description: str | None,
    private: bool,
    take_ignored: bool,
) -> tuple[Repo, str]:
    """A repository whose only commit, by its owner, holds the files of `source`; answers it and the commit."""
    if hub.store.value("SELECT 1 FROM repositories WHERE owner = ? AND name = ?", owner.login, name):
        raise invalid("Repository", "name", "already_exists", "name already exists on this account")
    home = hub.directory / "repos" / owner.login
    final, building = home / f"{name}.git", home / f".{name}.new"
    # Left by a process that was killed before it wrote the row.
    shutil.rmtree(building, ignore_errors=True)
    shutil.rmtree(final, ignore_errors=True)
    git = Git.create(building, default_branch)
    author = Signature(owner.name or owner.login, owner.email, time.time())
    sha = git.commit_directory(source, default_branch, author, "Initial commit", take_ignored)
    os.rename(building, final)
    repo_id = hub.store.new_id()
    hub.store.insert(
        "repositories",
        id=repo_id,
        owner_id=owner.id,
        owner=owner.login,
        name=name,
        description=description,
        private=int(private),
        default_branch=default_branch,
        next_number=1,
        **as_made(),
        pushed_at=iso(),
    )
    repo = hub.repo(repo_id)
    hub.note_ref(repo, f"refs/heads/{default_branch}", sha)
    add_default_labels(hub, repo)
    return repo, sha
