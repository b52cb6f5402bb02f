"""The control interface under /_localhub: makes users and repositories, and trouble. JSON, no credentials."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Scope

from bot.localhub import apps, controls, people
from bot.localhub.control_ci import add_ci
from bot.localhub.courier import Courier
from bot.localhub.errors import ApiError, invalid, not_found
from bot.localhub.gateway import RequestLog
from bot.localhub.hub import Hub
from bot.localhub.records import Attempt, Delivery
from bot.localhub.repositories import create_repository

Json = dict[str, Any]


class _Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewUser(_Wanted):
    """A person; a token is made up unless one is given."""

    login: str = Field(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})$")
    name: str | None = None
    token: str | None = None


class NewRepository(_Wanted):
    """`files` (path → text) or `from_directory` (a path on this machine; ignored files stay behind)."""

    owner: str
    name: str = Field(max_length=100, pattern=r"^[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*$")
    files: dict[str, str] | None = None
    from_directory: str | None = None
    default_branch: str = "main"
    description: str | None = None
    private: bool = False


class NewCollaborator(_Wanted):
    """A person's role on a repository; `none` takes it away."""

    login: str
    role_name: Literal["none", "read", "triage", "write", "maintain", "admin"]


class NewApp(_Wanted):
    """An App, its public key (PEM) and where it is installed (`owner/name`)."""

    app_id: int
    slug: str = Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38})$")
    name: str
    public_key: str
    webhook_url: str | None = None
    webhook_secret: str | None = None
    repositories: list[str] = []
    permissions: dict[str, str] | None = None
    events: list[str] | None = None


class Release(_Wanted):
    """In which order to send what is held."""

    order: Literal["fifo", "reverse", "shuffle"] = "fifo"
    seed: int | None = None


def control_router(hub: Hub, courier: Courier, log: RequestLog, cut_others: Callable[[Scope], int]) -> APIRouter:
    """Every control operation, for one hub."""
    router = APIRouter(prefix="/_localhub")
    store = hub.store

    @router.get("/healthz")
    def healthz() -> Json:
        return {"status": "ok", "url": hub.base_url}

    @router.post("/users", status_code=201)
    def add_user(wanted: NewUser) -> Json:
        with store.transaction():
            user, token = people.add_user(hub, wanted.login, wanted.name, wanted.token)
        return {"id": user.id, "login": user.login, "token": token}

    @router.post("/repositories", status_code=201)
    def add_repository(wanted: NewRepository) -> Json:
        with tempfile.TemporaryDirectory() as temporary, store.transaction():
            owner = hub.user_named(wanted.owner)
            if owner is None:
                raise invalid("Repository", "owner", "invalid", f"there is no user {wanted.owner}")
            if wanted.from_directory is not None:
                source = Path(wanted.from_directory)
                if not source.is_dir():
                    raise invalid("Repository", "from_directory", "invalid", "not a directory")
            else:
                source = Path(temporary)
                _write_files(source, wanted.files or {"README.md": f"# {wanted.name}\n"})
            repo, sha = create_repository(
                hub,
                owner,
                wanted.name,
                source,
                wanted.default_branch,
                wanted.description,
                wanted.private,
                take_ignored=wanted.from_directory is None,
            )
        page = f"{hub.base_url}/{repo.full_name}"
        return {"id": repo.id, "full_name": repo.full_name, "clone_url": f"{page}.git", "html_url": page, "sha": sha}

    @router.post("/repositories/{owner}/{name}/collaborators")
    def add_collaborator(owner: str, name: str, wanted: NewCollaborator) -> Json:
        with store.transaction():
            repo, user = hub.repo_named(owner, name), hub.user_named(wanted.login)
            if user is None:
                raise invalid("Collaborator", "login", "invalid", f"there is no user {wanted.login}")
            people.set_role(hub, repo, user, people.Role[wanted.role_name.upper()])
        return {"login": user.login, "role_name": wanted.role_name}

    @router.post("/apps")
    def add_app(wanted: NewApp) -> Json:
        with store.transaction():
            repositories = []
            for full_name in wanted.repositories:
                owner, _, name = full_name.partition("/")
                repositories.append(hub.repo_named(owner, name))
            app, installations = apps.register(
                hub,
                wanted.app_id,
                wanted.slug,
                wanted.name,
                wanted.public_key,
                wanted.webhook_url,
                wanted.webhook_secret,
                repositories,
                wanted.permissions,
                wanted.events,
            )
            bot = hub.user(app.bot_id)
        return {
            "app_id": app.id,
            "slug": app.slug,
            "bot": {"id": bot.id, "login": bot.login},
            "installation_id": installations[0].id if installations else None,
            "installations": [{"id": one.id, "account_id": one.account_id} for one in installations],
        }

    _add_deliveries(router, hub, courier)
    _add_trouble(router, hub)
    add_ci(router, hub)

    @router.post("/connections/cut")
    async def cut(request: Request) -> Json:
        # Not in a thread: connections belong to the loop.
        return {"cut": cut_others(request.scope)}

    @router.get("/requests")
    def requests(since: int = 0) -> list[Json]:
        return log.read(since)

    return router


def _write_files(directory: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        target = (directory / path).resolve()
        if directory.resolve() not in target.parents or ".git" in Path(path).parts:
            raise invalid("Repository", "files", "invalid", f"not a path inside a repository: {path}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def _delivery_json(hub: Hub, delivery: Delivery) -> Json:
    attempts = hub.store.all(Attempt, "SELECT * FROM attempts WHERE guid = ? ORDER BY id", delivery.guid)
    return {
        "guid": delivery.guid,
        "event": delivery.event,
        "action": delivery.action,
        "repository": None if delivery.repo_id is None else hub.repo(delivery.repo_id).full_name,
        "app_id": delivery.app_id,
        "installation_id": delivery.installation_id,
        "created_at": delivery.created_at,
        "state": delivery.state,
        "delivered": any(200 <= attempt.status < 300 for attempt in attempts),
        "attempts": [
            {
                "status": attempt.status,
                "at": attempt.at,
                "error": attempt.error,
                "ms": attempt.ms,
                "redelivery": bool(attempt.redelivery),
            }
            for attempt in attempts
        ],
    }


def _find_delivery(hub: Hub, guid: str) -> Delivery:
    delivery = hub.store.one(Delivery, "SELECT * FROM deliveries WHERE guid = ?", guid)
    if delivery is None:
        raise not_found()
    return delivery


def _add_deliveries(router: APIRouter, hub: Hub, courier: Courier) -> None:
    store = hub.store

    @router.get("/deliveries")
    def list_deliveries() -> list[Json]:
        with store.transaction():
            found = store.all(Delivery, "SELECT * FROM deliveries ORDER BY seq")
            return [_delivery_json(hub, delivery) for delivery in found]

    @router.get("/deliveries/{guid}")
    def get_delivery(guid: str) -> Json:
        with store.transaction():
            delivery = _find_delivery(hub, guid)
            return _delivery_json(hub, delivery) | {"payload": json.loads(delivery.payload)}

    @router.post("/deliveries/release")
    async def release(wanted: Release) -> Json:
        return {"released": await courier.release(wanted.order, wanted.seed)}

    @router.post("/deliveries/{guid}/redeliver")
    async def redeliver(guid: str) -> Json:
        with store.transaction():
            _find_delivery(hub, guid)
        await courier.redeliver(guid)
        with store.transaction():
            return _delivery_json(hub, _find_delivery(hub, guid))


def _add_trouble(router: APIRouter, hub: Hub) -> None:
    store = hub.store

    @router.get("/webhook-rules")
    def list_rules() -> list[controls.WebhookRule]:
        with store.transaction():
            return controls.webhook_rules(store)

    @router.post("/webhook-rules")
    def add_rule(rule: controls.WebhookRule) -> list[controls.WebhookRule]:
        with store.transaction():
            controls.save_webhook_rules(store, [*controls.webhook_rules(store), rule])
            return controls.webhook_rules(store)

    @router.delete("/webhook-rules")
    def clear_rules() -> list[controls.WebhookRule]:
        with store.transaction():
            controls.save_webhook_rules(store, [])
        return []

    @router.get("/faults")
    def list_faults() -> list[controls.Fault]:
        with store.transaction():
            return controls.faults(store)

    @router.post("/faults")
    def add_fault(fault: controls.Fault) -> list[controls.Fault]:
        with store.transaction():
            controls.save_faults(store, [*controls.faults(store), fault])
            return controls.faults(store)

    @router.delete("/faults")
    def clear_faults() -> list[controls.Fault]:
        with store.transaction():
            controls.save_faults(store, [])
        return []

    @router.get("/lag")
    def list_lags() -> list[controls.Lag]:
        with store.transaction():
            return controls.lags(store)

    @router.post("/lag")
    def add_lag(lag: controls.Lag) -> list[controls.Lag]:
        with store.transaction():
            controls.save_lags(store, [*controls.lags(store), lag])
            return controls.lags(store)

    @router.delete("/lag")
    def clear_lags() -> list[controls.Lag]:
        with store.transaction():
            controls.save_lags(store, [])
        return []


def api_error_answer(request: Request, problem: Exception) -> JSONResponse:
    """A refusal raised in a control operation, as JSON."""
    assert isinstance(problem, ApiError)
    return JSONResponse(problem.body(), problem.status)
