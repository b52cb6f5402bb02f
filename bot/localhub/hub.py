"""The hub: its database, its repositories on disk, and what every operation shares."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bot.localhub.clock import iso
from bot.localhub.errors import not_found
from bot.localhub.git import ZERO, Git, GitError
from bot.localhub.limits import Allowances
from bot.localhub.records import App, Installation, Repo, User
from bot.localhub.store import Store

Found = TypeVar("Found")
_REMEMBERED = 2000


class Hub:
    """Everything kept in one directory. `base_url` is where it is served, known once it listens."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory = directory
        self.store = Store(directory / "hub.db")
        self.base_url = "http://127.0.0.1"
        self.allowances = Allowances()
        self.wake_courier: Callable[[], None] = lambda: None
        self._ref_locks: dict[str, asyncio.Lock] = {}
        self._memory: OrderedDict[tuple[object, ...], Any] = OrderedDict()

    def git(self, repo: Repo) -> Git:
        """The bare repository behind `repo`."""
        return Git(self.directory / "repos" / repo.owner / f"{repo.name}.git")

    def ref_lock(self, owner: str, name: str) -> asyncio.Lock:
        """Held while a repository's refs change, by a push or by the API. Take it before a transaction, never
        inside one: a push that waits for the database holds it."""
        return self._ref_locks.setdefault(f"{owner}/{name}".lower(), asyncio.Lock())

    def remember(self, key: tuple[object, ...], find: Callable[[], Found]) -> Found:
        """What `find` answers, asked once a key: for facts about commits, which never change."""
        if key not in self._memory:
            self._memory[key] = find()
            while len(self._memory) > _REMEMBERED:
                self._memory.popitem(last=False)
        found: Found = self._memory[key]
        return found

    def user(self, user_id: int) -> User:
        """A user that is known to exist."""
        user = self.store.one(User, "SELECT * FROM users WHERE id = ?", user_id)
        assert user is not None, user_id
        return user

    def user_named(self, login: str) -> User | None:
        """The user with that login, in whatever case."""
        return self.store.one(User, "SELECT * FROM users WHERE login = ?", login)

    def repo(self, repo_id: int) -> Repo:
        """A repository that is known to exist."""
        repo = self.store.one(Repo, "SELECT * FROM repositories WHERE id = ?", repo_id)
        assert repo is not None, repo_id
        return repo

    def repo_named(self, owner: str, name: str) -> Repo:
        """A repository by its name; 404 when there is none."""
        repo = self.store.one(Repo, "SELECT * FROM repositories WHERE owner = ? AND name = ?", owner, name)
        if repo is None:
            raise not_found()
        return repo

    def app(self, app_id: int) -> App:
        """An App that is known to exist."""
        app = self.store.one(App, "SELECT * FROM apps WHERE id = ?", app_id)
        assert app is not None, app_id
        return app

    def installations_on(self, repo: Repo) -> list[Installation]:
        """The installations that can see `repo`."""
        return self.store.all(
            Installation,
            "SELECT i.* FROM installations i JOIN installation_repositories r ON r.installation_id = i.id"
            " WHERE r.repo_id = ? ORDER BY i.id",
            repo.id,
        )

    def head(self, repo: Repo, branch: str) -> str | None:
        """The commit that a branch is at, None when there is no such branch."""
        sha = self.store.value("SELECT sha FROM refs WHERE repo_id = ? AND name = ?", repo.id, f"refs/heads/{branch}")
        return None if sha is None else str(sha)

    def move_ref(self, repo: Repo, name: str, old: str, new: str) -> None:
        """Move a ref (ZERO: absent) in the database now and in git as soon as that is durable. The caller holds
        the repository's `ref_lock` and has written the objects."""
        update = self.store.new_id()
        self.store.insert("ref_updates", id=update, repo_id=repo.id, name=name, old=old, new=new)
        self.note_ref(repo, name, new)
        self.store.after_commit(lambda: self._finish_ref_update(update, repo, name, old, new))

    def note_ref(self, repo: Repo, name: str, sha: str) -> None:
        """Record where a ref is (ZERO: gone)."""
        if sha == ZERO:
            self.store.run("DELETE FROM refs WHERE repo_id = ? AND name = ?", repo.id, name)
        else:
            self.store.run("INSERT OR REPLACE INTO refs VALUES (?, ?, ?)", repo.id, name, sha)

    def finish_ref_updates(self) -> None:
        """Do what a killed process had promised: every ref that the database moved and git did not."""
        for row in self.store.rows("SELECT * FROM ref_updates ORDER BY id"):
            self._finish_ref_update(row["id"], self.repo(row["repo_id"]), row["name"], row["old"], row["new"])

    def _finish_ref_update(self, update: int, repo: Repo, name: str, old: str, new: str) -> None:
        git = self.git(repo)
        try:
            git.move_ref(name, new, old)
        except GitError:
            # Killed between the two: git had moved the ref already. Anything else is a real error.
            if git.refs(name).get(name, ZERO) != new:
                raise
        self.store.run("DELETE FROM ref_updates WHERE id = ?", update)

    def touch(self, repo: Repo, pushed: bool = False) -> None:
        """Note that a repository changed now."""
        self.store.update("repositories", repo.id, **({"pushed_at": iso()} if pushed else {"updated_at": iso()}))
