"""GitHub Apps: registration, installations, and the tokens that they trade their JWT for."""

import json
import secrets
import time
from collections.abc import Mapping, Sequence

import jwt

from bot.localhub.clock import iso
from bot.localhub.errors import ApiError
from bot.localhub.hub import Hub
from bot.localhub.people import noreply
from bot.localhub.records import App, Installation, Repo

TOKEN_SECONDS = 3600
LONGEST_JWT_SECONDS = 600
CLOCK_SKEW_SECONDS = 60
LEVELS = ("none", "read", "write", "admin")
DEFAULT_PERMISSIONS = {
    "actions": "write",
    "checks": "write",
    "contents": "write",
    "deployments": "write",
    "issues": "write",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "write",
}
DEFAULT_EVENTS = (
    "check_run",
    "create",
    "delete",
    "deployment",
    "deployment_status",
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "push",
    "status",
    "workflow_dispatch",
    "workflow_run",
)


def register(
    hub: Hub,
    app_id: int,
    slug: str,
    name: str,
    public_key: str,
    webhook_url: str | None,
    webhook_secret: str | None,
    repositories: Sequence[Repo],
    permissions: Mapping[str, str] | None = None,
    events: Sequence[str] | None = None,
) -> tuple[App, list[Installation]]:
    """Create or change an App and install it on exactly these repositories: one installation an owner."""
    known = hub.store.one(App, "SELECT * FROM apps WHERE id = ?", app_id)
    bot_id = known.bot_id if known else hub.store.new_id()
    login = f"{slug}[bot]"
    if known:
        hub.store.update("users", bot_id, login=login, name=name, email=noreply(bot_id, login))
    else:
        hub.store.insert(
            "users",
            id=bot_id,
            login=login,
            name=name,
            email=noreply(bot_id, login),
            type="Bot",
            app_id=app_id,
            created_at=iso(),
        )
    owner_id = known.owner_id if known else (repositories[0].owner_id if repositories else bot_id)
    hub.store.run("DELETE FROM apps WHERE id = ?", app_id)
    hub.store.insert(
        "apps",
        id=app_id,
        slug=slug,
        name=name,
        public_key=public_key,
        webhook_url=webhook_url,
        webhook_secret=webhook_secret,
        permissions=json.dumps(dict(permissions or DEFAULT_PERMISSIONS)),
        events=json.dumps(sorted(events or DEFAULT_EVENTS)),
        owner_id=owner_id,
        bot_id=bot_id,
        created_at=known.created_at if known else iso(),
        updated_at=iso(),
    )
    return hub.app(app_id), _install(hub, app_id, repositories)


def _install(hub: Hub, app_id: int, repositories: Sequence[Repo]) -> list[Installation]:
    hub.store.run(
        "DELETE FROM installation_repositories"
        " WHERE installation_id IN (SELECT id FROM installations WHERE app_id = ?)",
        app_id,
    )
    for repo in repositories:
        found = hub.store.value(
            "SELECT id FROM installations WHERE app_id = ? AND account_id = ?", app_id, repo.owner_id
        )
        if found is None:
            found = hub.store.new_id()
            hub.store.insert("installations", id=found, app_id=app_id, account_id=repo.owner_id, created_at=iso())
        hub.store.insert("installation_repositories", installation_id=found, repo_id=repo.id)
    return installations(hub, app_id)


def installations(hub: Hub, app_id: int) -> list[Installation]:
    """An App's installations, oldest first."""
    return hub.store.all(Installation, "SELECT * FROM installations WHERE app_id = ? ORDER BY id", app_id)


def repositories_of(hub: Hub, installation: Installation) -> list[Repo]:
    """The repositories that an installation covers."""
    return hub.store.all(
        Repo,
        "SELECT r.* FROM repositories r JOIN installation_repositories i ON i.repo_id = r.id"
        " WHERE i.installation_id = ? ORDER BY r.id",
        installation.id,
    )


def issue_token(
    hub: Hub,
    installation: Installation,
    permissions: Mapping[str, str] | None,
    repositories: Sequence[Repo] | None,
) -> tuple[str, float, dict[str, str]]:
    """A token for an hour, no stronger than the App: the token, when it expires, what it may do."""
    app = hub.app(installation.app_id)
    granted: dict[str, str] = json.loads(app.permissions)
    if not permissions:  # an empty object asks for everything, as no object does
        allowed = granted
    else:
        for name, level in permissions.items():
            if level not in LEVELS or LEVELS.index(level) > LEVELS.index(granted.get(name, "none")):
                raise ApiError(422, "The permissions requested are not granted to this installation.")
        allowed = {"metadata": "read", **permissions}
    # As long as GitHub's newer tokens, which carry a JWT: nothing may rely on the old 40 characters.
    token = f"ghs_{app.id}_{secrets.token_urlsafe(180)}"
    expires = time.time() + TOKEN_SECONDS
    hub.store.insert(
        "tokens",
        token=token,
        installation_id=installation.id,
        permissions=json.dumps(allowed),
        repository_ids=None if repositories is None else json.dumps([repo.id for repo in repositories]),
        expires=expires,
    )
    return token, expires, allowed


def verify_jwt(hub: Hub, token: str) -> App:
    """The App that signed this JWT; 401 in GitHub's words when it does not hold."""
    try:
        issuer = str(jwt.decode(token, options={"verify_signature": False}).get("iss", ""))
    except jwt.PyJWTError:
        raise ApiError(401, "A JSON web token could not be decoded") from None
    app = hub.store.one(App, "SELECT * FROM apps WHERE id = ?", int(issuer)) if issuer.isdigit() else None
    if app is None:
        raise ApiError(401, "Integration not found")
    try:
        claims = jwt.decode(
            token,
            app.public_key,
            algorithms=["RS256"],
            leeway=CLOCK_SKEW_SECONDS,
            options={"require": ["exp", "iat", "iss"], "verify_iss": False, "verify_sub": False},
        )
    except jwt.ExpiredSignatureError:
        message = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which"
        raise ApiError(401, f"{message} the assertion expires") from None
    except (jwt.ImmatureSignatureError, jwt.InvalidIssuedAtError):
        message = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        raise ApiError(401, message) from None
    except (jwt.PyJWTError, ValueError):
        raise ApiError(401, "A JSON web token could not be decoded") from None
    if float(claims["exp"]) > time.time() + LONGEST_JWT_SECONDS + CLOCK_SKEW_SECONDS:
        raise ApiError(401, "'Expiration time' claim ('exp') is too far in the future")
    return app
