"""Users, their tokens and their roles on repositories."""

import secrets
from enum import IntEnum

from bot.localhub.clock import iso
from bot.localhub.errors import invalid
from bot.localhub.hub import Hub
from bot.localhub.records import Repo, User


class Role(IntEnum):
    """A person's level on a repository, ordered; the names are GitHub's `role_name`s."""

    NONE = 0
    READ = 1
    TRIAGE = 2
    WRITE = 3
    MAINTAIN = 4
    ADMIN = 5

    @property
    def role_name(self) -> str:
        """The exact word: read, triage, write, maintain, admin; none."""
        return self.name.lower()

    @property
    def permission(self) -> str:
        """The older, coarser word: maintain counts as write, triage as read."""
        return {Role.MAINTAIN: "write", Role.TRIAGE: "read"}.get(self, self.role_name)


def noreply(user_id: int, login: str) -> str:
    """The address under which GitHub attributes commits without showing a real one."""
    return f"{user_id}+{login}@users.noreply.github.com"


def add_user(hub: Hub, login: str, name: str | None = None, token: str | None = None) -> tuple[User, str]:
    """A person and their token; asking again for the same login changes name or token and keeps the id."""
    user = hub.user_named(login)
    if user is None:
        user_id = hub.store.new_id()
        hub.store.insert(
            "users",
            id=user_id,
            login=login,
            name=name,
            email=noreply(user_id, login),
            type="User",
            created_at=iso(),
        )
        user = hub.user(user_id)
    elif name is not None:
        hub.store.update("users", user.id, name=name)
        user = hub.user(user.id)
    current = hub.store.value("SELECT token FROM tokens WHERE user_id = ?", user.id)
    if current is not None and token in (None, current):
        return user, str(current)
    chosen = token or f"ghp_{login}_{secrets.token_hex(16)}"
    taken = hub.store.value("SELECT 1 FROM tokens WHERE token = ?", chosen)
    if taken:
        raise invalid("User", "token", "already_exists")
    hub.store.run("DELETE FROM tokens WHERE user_id = ?", user.id)
    hub.store.insert("tokens", token=chosen, user_id=user.id)
    return user, chosen


def set_role(hub: Hub, repo: Repo, user: User, role: Role) -> None:
    """Make `user` a collaborator with that role; NONE removes them."""
    hub.store.run("DELETE FROM collaborators WHERE repo_id = ? AND user_id = ?", repo.id, user.id)
    if role is not Role.NONE:
        hub.store.insert("collaborators", repo_id=repo.id, user_id=user.id, role=role.role_name)


def role_of(hub: Hub, repo: Repo, user: User | None) -> Role:
    """What `user` (None: nobody signed in) may do: the owner everything, everybody reads a public repository."""
    if user is not None and user.id == repo.owner_id:
        return Role.ADMIN
    least = Role.NONE if repo.private else Role.READ
    if user is None or user.type != "User":
        return least
    name = hub.store.value("SELECT role FROM collaborators WHERE repo_id = ? AND user_id = ?", repo.id, user.id)
    return least if name is None else max(least, Role[str(name).upper()])


def is_collaborator(hub: Hub, repo: Repo, user: User) -> bool:
    """Whether somebody was invited to the repository, in whatever role, or owns it."""
    sql = "SELECT 1 FROM collaborators WHERE repo_id = ? AND user_id = ?"
    return user.id == repo.owner_id or hub.store.value(sql, repo.id, user.id) is not None


def association(hub: Hub, repo: Repo, user: User) -> str:
    """GitHub's `author_association`: how a user stands to the repository."""
    if user.id == repo.owner_id:
        return "OWNER"
    if is_collaborator(hub, repo, user):
        return "COLLABORATOR"
    contributed = hub.store.value(
        "SELECT 1 FROM issues i JOIN pulls p ON p.issue_id = i.id"
        " WHERE i.repo_id = ? AND i.author_id = ? AND p.merged_at IS NOT NULL",
        repo.id,
        user.id,
    )
    return "CONTRIBUTOR" if contributed else "NONE"
