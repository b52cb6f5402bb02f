"""REST: users, collaborators, limits, and what the server says about itself."""

from bot.localhub.api import Answer, Call, Routes
from bot.localhub.errors import ApiError, forbidden, not_found
from bot.localhub.people import Role, is_collaborator, role_of
from bot.localhub.records import User
from bot.localhub.shapes.meta import root_json
from bot.localhub.shapes.people import full_user_json, permission_json, user_json

routes = Routes()


@routes.get("/user")
def get_myself(call: Call) -> object:
    """GitHub's `users/get-authenticated`."""
    if call.caller.kind == "installation":
        raise forbidden("Resource not accessible by integration")
    user = call.actor.user
    private = {
        "private_gists": 0,
        "total_private_repos": 0,
        "owned_private_repos": 0,
        "disk_usage": 0,
        "collaborators": 0,
        "two_factor_authentication": False,
    }
    return full_user_json(call.view, user) | private


@routes.get("/users/{login}")
def get_user(call: Call) -> object:
    """GitHub's `users/get-by-username`."""
    user = call.hub.user_named(call.parameters["login"])
    if user is None:
        raise not_found()
    return full_user_json(call.view, user)


@routes.get("/repos/{owner}/{repo}/collaborators")
def list_collaborators(call: Call) -> object:
    """GitHub's `repos/list-collaborators`."""
    repo = call.repo(Role.WRITE)
    people = call.hub.store.all(
        User,
        "SELECT * FROM users WHERE id = ? OR id IN (SELECT user_id FROM collaborators WHERE repo_id = ?) ORDER BY id",
        repo.owner_id,
        repo.id,
    )

    def show(user: User) -> object:
        return permission_json(call.view, user, role_of(call.hub, repo, user))["user"]

    return call.page(people, show)


@routes.get("/repos/{owner}/{repo}/collaborators/{login}/permission")
def get_permission(call: Call) -> object:
    """GitHub's `repos/get-collaborator-permission-level`."""
    repo = call.repo()
    if call.caller.kind == "anonymous":
        raise ApiError(401, "Requires authentication")
    if call.caller.kind == "person" and role_of(call.hub, repo, call.caller.user) < Role.WRITE:
        raise forbidden("Must have push access to view collaborator permission.")
    login = call.parameters["login"]
    user = call.hub.user_named(login)
    if user is None or user.type != "User":
        raise not_found(f"{login} is not a user")
    return permission_json(call.view, user, role_of(call.hub, repo, user))


@routes.get("/repos/{owner}/{repo}/collaborators/{login}")
def check_collaborator(call: Call) -> object:
    """GitHub's `repos/check-collaborator`."""
    repo, user = call.repo(), call.hub.user_named(call.parameters["login"])
    if call.caller.kind == "anonymous":
        raise ApiError(401, "Requires authentication")
    if user is None or not is_collaborator(call.hub, repo, user):
        raise not_found()
    return Answer(status=204)


@routes.get("/repos/{owner}/{repo}/assignees")
def list_assignees(call: Call) -> object:
    """GitHub's `issues/list-assignees`."""
    repo = call.repo()
    people = call.hub.store.all(
        User,
        "SELECT * FROM users WHERE id = ? OR id IN (SELECT user_id FROM collaborators WHERE repo_id = ?) ORDER BY id",
        repo.owner_id,
        repo.id,
    )
    return call.page(people, lambda user: user_json(call.view, user))


@routes.get("/rate_limit")
def get_rate_limit(call: Call) -> object:
    """GitHub's `rate-limit/get`."""
    bucket = call.hub.allowances.show(call.caller.login)
    return {"resources": {"core": bucket, "search": bucket, "graphql": bucket}, "rate": bucket}


@routes.get("/meta")
def get_meta(call: Call) -> object:
    """GitHub's `meta/get`."""
    return {"verifiable_password_authentication": False, "installed_version": "3.19.0", "hooks": ["127.0.0.1/32"]}


@routes.get("/")
def get_root(call: Call) -> object:
    """GitHub's `meta/root`."""
    return root_json(call.view)
