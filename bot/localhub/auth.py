"""Who is calling: a person's token, an App's JWT, an installation token, or nobody; and what they may do."""

import base64
import binascii
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot.localhub.apps import LEVELS, verify_jwt
from bot.localhub.errors import ApiError, forbidden, not_found
from bot.localhub.hub import Hub
from bot.localhub.people import Role, role_of
from bot.localhub.records import Actor, App, Installation, Repo, User

CallerKind = Literal["anonymous", "person", "app", "installation"]


@dataclass(frozen=True)
class Caller:
    """`user` is the person, or an App's bot account; `permissions` and `repository_ids` bound an installation
    token (`repository_ids` None: all of the installation's)."""

    kind: CallerKind = "anonymous"
    user: User | None = None
    app: App | None = None
    installation: Installation | None = None
    permissions: Mapping[str, str] = field(default_factory=dict)
    repository_ids: frozenset[int] = frozenset()

    @property
    def login(self) -> str | None:
        """The name under which the request log counts them."""
        return self.user.login if self.user else None

    @property
    def actor(self) -> Actor:
        """The account that does what is asked; 401 when nobody is signed in."""
        if self.user is None or self.kind == "app":
            raise ApiError(401, "Requires authentication")
        return Actor(self.user, self.app.id if self.app else None)

    def granted(self, resource: str, level: str) -> bool:
        """Whether an installation token holds one of `resource` (alternatives joined by |) at that level."""
        held = max(LEVELS.index(self.permissions.get(name, "none")) for name in resource.split("|"))
        return held >= LEVELS.index(level)


def identify(hub: Hub, authorization: str | None) -> Caller:
    """The caller behind an Authorization header; 401 when it holds no good credentials. Inside a transaction."""
    if not authorization:
        return Caller()
    token = _token(authorization)
    if token.count(".") == 2 and not token.startswith("gh"):
        app = verify_jwt(hub, token)
        return Caller("app", hub.user(app.bot_id), app)
    rows = hub.store.rows("SELECT * FROM tokens WHERE token = ?", token)
    if not rows or (rows[0]["expires"] is not None and rows[0]["expires"] <= time.time()):
        raise ApiError(401, "Bad credentials")
    row = rows[0]
    if row["user_id"] is not None:
        return Caller("person", hub.user(row["user_id"]))
    installation = hub.store.one(Installation, "SELECT * FROM installations WHERE id = ?", row["installation_id"])
    if installation is None:
        raise ApiError(401, "Bad credentials")
    app = hub.app(installation.app_id)
    covered = {
        covered["repo_id"]
        for covered in hub.store.rows(
            "SELECT repo_id FROM installation_repositories WHERE installation_id = ?", installation.id
        )
    }
    if row["repository_ids"] is not None:
        covered &= set(json.loads(row["repository_ids"]))
    return Caller(
        "installation",
        hub.user(app.bot_id),
        app,
        installation,
        json.loads(row["permissions"]),
        frozenset(covered),
    )


def _token(authorization: str) -> str:
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() in ("token", "bearer"):
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise ApiError(401, "Bad credentials") from None
        # GitHub takes the token in either place.
        return password if password and password != "x-oauth-basic" else user
    raise ApiError(401, "Bad credentials")


def may_see(hub: Hub, caller: Caller, repo: Repo) -> bool:
    """Whether the repository exists as far as this caller can tell."""
    if caller.kind == "installation":
        return not repo.private or repo.id in caller.repository_ids
    person = caller.user if caller.kind == "person" else None
    return role_of(hub, repo, person) >= Role.READ


def may(hub: Hub, caller: Caller, repo: Repo, role: Role, resource: str, level: str) -> bool:
    """Whether the caller may do what needs `role` of a person and `resource` at `level` of an App."""
    if caller.kind == "person":
        return role_of(hub, repo, caller.user) >= role
    if caller.kind == "installation":
        if repo.id in caller.repository_ids:
            return caller.granted(resource, level)
        return level == "read" and not repo.private
    return caller.kind == "anonymous" and level == "read" and not repo.private


def need(hub: Hub, caller: Caller, repo: Repo, role: Role, resource: str, level: str) -> None:
    """Raise 404, 401 or 403 as GitHub does unless `may(…)`."""
    if caller.kind == "app":
        raise ApiError(401, "A JSON web token can only be used on the App's own endpoints")
    if not may_see(hub, caller, repo):
        raise not_found()
    if may(hub, caller, repo, role, resource, level):
        return
    if caller.kind == "anonymous":
        raise ApiError(401, "Requires authentication")
    if caller.kind == "installation":
        raise forbidden("Resource not accessible by integration")
    raise forbidden("Must have admin rights to Repository.")
