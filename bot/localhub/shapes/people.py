"""JSON of users, Apps and installations."""

import json
from typing import Any
from urllib.parse import quote

from bot.localhub.apps import LEVELS
from bot.localhub.people import Role
from bot.localhub.records import App, Installation, User
from bot.localhub.view import View, node_id

Json = dict[str, Any]


def user_json(view: View, user: User) -> Json:
    """A `Simple User`."""
    api = f"{view.api}/users/{quote(user.login)}"
    page = f"apps/{user.login.removesuffix('[bot]')}" if user.type == "Bot" else user.login
    return {
        "login": user.login,
        "id": user.id,
        "node_id": node_id(user.type, user.id),
        "avatar_url": f"{view.base}/avatars/u/{user.id}",
        "gravatar_id": "",
        "url": api,
        "html_url": f"{view.base}/{page}",
        "followers_url": f"{api}/followers",
        "following_url": f"{api}/following{{/other_user}}",
        "gists_url": f"{api}/gists{{/gist_id}}",
        "starred_url": f"{api}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{api}/subscriptions",
        "organizations_url": f"{api}/orgs",
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events{{/privacy}}",
        "received_events_url": f"{api}/received_events",
        "type": user.type,
        "user_view_type": "public",
        "site_admin": False,
    }


def optional_user(view: View, user_id: int | None) -> Json | None:
    """A `Simple User` by id, or null."""
    return None if user_id is None else user_json(view, view.hub.user(user_id))


def full_user_json(view: View, user: User) -> Json:
    """A `Public User`."""
    repositories = view.hub.store.value("SELECT count(*) FROM repositories WHERE owner_id = ?", user.id)
    return user_json(view, user) | {
        "name": user.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": repositories,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": user.created_at,
        "updated_at": user.created_at,
    }


def permission_json(view: View, user: User, role: Role) -> Json:
    """A `Repository Collaborator Permission`: the coarse `permission` beside the exact `role_name`."""
    levels = {
        "admin": role >= Role.ADMIN,
        "maintain": role >= Role.MAINTAIN,
        "push": role >= Role.WRITE,
        "triage": role >= Role.TRIAGE,
        "pull": role >= Role.READ,
    }
    account = user_json(view, user) | {"permissions": levels, "role_name": role.role_name}
    return {"permission": role.permission, "user": account, "role_name": role.role_name}


def app_json(view: View, app: App) -> Json:
    """A `GitHub app`."""
    return {
        "id": app.id,
        "slug": app.slug,
        "client_id": f"Iv23li{app.id:014}",
        "node_id": node_id("App", app.id),
        "owner": user_json(view, view.hub.user(app.owner_id)),
        "name": app.name,
        "description": "",
        "external_url": view.base,
        "html_url": f"{view.base}/apps/{app.slug}",
        "created_at": app.created_at,
        "updated_at": app.updated_at,
        "permissions": json.loads(app.permissions),
        "events": json.loads(app.events),
    }


def optional_app(view: View, app_id: int | None) -> Json | None:
    """A `GitHub app` by id, or null."""
    return None if app_id is None else app_json(view, view.hub.app(app_id))


def installation_json(view: View, installation: Installation) -> Json:
    """An `Installation`."""
    app = view.hub.app(installation.app_id)
    account = view.hub.user(installation.account_id)
    api = f"{view.api}/app/installations/{installation.id}"
    permissions = {name: level for name, level in json.loads(app.permissions).items() if level in LEVELS}
    return {
        "id": installation.id,
        "client_id": f"Iv23li{app.id:014}",
        "account": user_json(view, account),
        "repository_selection": "selected",
        "access_tokens_url": f"{api}/access_tokens",
        "repositories_url": f"{view.api}/installation/repositories",
        "html_url": f"{view.base}/settings/installations/{installation.id}",
        "app_id": app.id,
        "app_slug": app.slug,
        "target_id": account.id,
        "target_type": account.type,
        "permissions": permissions,
        "events": json.loads(app.events),
        "created_at": installation.created_at,
        "updated_at": installation.created_at,
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None,
        "suspended_at": None,
    }
