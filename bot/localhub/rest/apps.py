"""REST: Apps, installations and their tokens."""

from typing import Any

from bot.localhub import apps
from bot.localhub.api import Call, Routes
from bot.localhub.clock import iso
from bot.localhub.errors import ApiError, not_found
from bot.localhub.records import App, Installation, Repo
from bot.localhub.rest.parameters import names
from bot.localhub.shapes.people import app_json, installation_json
from bot.localhub.shapes.repos import listed_repo_json, repo_json

routes = Routes()


def _app(call: Call) -> App:
    if call.caller.kind != "app" or call.caller.app is None:
        raise ApiError(401, "A JSON web token could not be decoded")
    return call.caller.app


def _installation(call: Call) -> Installation:
    """The installation in the path, if it is the calling App's."""
    app = _app(call)
    wanted = int(call.parameters["installation_id"])
    for installation in apps.installations(call.hub, app.id):
        if installation.id == wanted:
            return installation
    raise not_found()


@routes.get("/app")
def get_app(call: Call) -> object:
    """GitHub's `apps/get-authenticated`."""
    app = _app(call)
    count = len(apps.installations(call.hub, app.id))
    return app_json(call.view, app) | {"installations_count": count}


@routes.get("/app/installations")
def list_installations(call: Call) -> object:
    """GitHub's `apps/list-installations`."""
    return call.page(apps.installations(call.hub, _app(call).id), lambda one: installation_json(call.view, one))


@routes.get("/app/installations/{installation_id:int}")
def get_installation(call: Call) -> object:
    """GitHub's `apps/get-installation`."""
    return installation_json(call.view, _installation(call))


@routes.add("POST", "/app/installations/{installation_id:int}/access_tokens", 201)
def create_token(call: Call) -> object:
    """GitHub's `apps/create-installation-access-token`."""
    installation, body = _installation(call), call.body()
    covered = apps.repositories_of(call.hub, installation)
    chosen: list[Repo] | None = None
    if "repositories" in body or "repository_ids" in body:
        wanted = {name.lower() for name in names(body.get("repositories", []), "repositories")}
        ids = set(body.get("repository_ids", []))
        chosen = [repo for repo in covered if repo.name.lower() in wanted or repo.id in ids]
        if len(chosen) < max(len(wanted), len(ids)) or not chosen:
            message = "There is at least one repository that does not exist or is not accessible"
            raise ApiError(422, f"{message} to the parent installation.")
    permissions = body.get("permissions")
    if permissions is not None and not isinstance(permissions, dict):
        raise ApiError(422, "Invalid request.\n\nFor 'properties/permissions', not an object.")
    token, expires, allowed = apps.issue_token(call.hub, installation, permissions, chosen)
    answer: dict[str, Any] = {
        "token": token,
        "expires_at": iso(expires),
        "permissions": allowed,
        "repository_selection": "selected",
    }
    if chosen is not None:
        answer["repositories"] = [repo_json(call.view, repo) for repo in chosen]
    return answer


@routes.get("/repos/{owner}/{repo}/installation")
def get_repository_installation(call: Call) -> object:
    """GitHub's `apps/get-repo-installation`."""
    app = _app(call)
    repo = call.hub.repo_named(call.parameters["owner"], call.parameters["repo"])
    for installation in call.hub.installations_on(repo):
        if installation.app_id == app.id:
            return installation_json(call.view, installation)
    raise not_found()


@routes.get("/installation/repositories")
def list_installation_repositories(call: Call) -> object:
    """GitHub's `apps/list-repos-accessible-to-installation`."""
    caller = call.caller
    if caller.kind != "installation" or caller.installation is None:
        raise ApiError(403, "You must authenticate with an installation access token in order to list repositories.")
    covered = [repo for repo in apps.repositories_of(call.hub, caller.installation) if repo.id in caller.repository_ids]
    shown = call.page(covered, lambda repo: listed_repo_json(call.view, repo, caller.user))
    return {"total_count": len(covered), "repository_selection": "selected", "repositories": shown}
