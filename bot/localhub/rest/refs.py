"""REST: git refs."""

from bot.localhub.api import Call, Routes
from bot.localhub.errors import ApiError, not_found
from bot.localhub.git import ZERO
from bot.localhub.people import Role
from bot.localhub.pushes import move_ref
from bot.localhub.records import Repo
from bot.localhub.rest.parameters import text
from bot.localhub.shapes.repos import ref_json

routes = Routes()
REPO = "/repos/{owner}/{repo}"


def _sha(call: Call, repo: Repo, name: str) -> str | None:
    sql = "SELECT sha FROM refs WHERE repo_id = ? AND name = ?"
    sha = call.hub.store.value(sql, repo.id, name)
    return None if sha is None else str(sha)


@routes.get(f"{REPO}/git/ref/{{ref:path}}")
def get_ref(call: Call) -> object:
    """GitHub's `git/get-ref`."""
    repo, name = call.repo(resource="contents"), f"refs/{call.parameters['ref']}"
    sha = _sha(call, repo, name)
    if sha is None:
        raise not_found()
    return ref_json(call.view, repo, name, sha)


@routes.get(f"{REPO}/git/refs")
@routes.get(f"{REPO}/git/matching-refs/{{ref:path}}")
def list_matching_refs(call: Call) -> object:
    """GitHub's `git/list-matching-refs`."""
    repo, prefix = call.repo(resource="contents"), f"refs/{call.parameters.get('ref', '')}"
    rows = call.hub.store.rows("SELECT name, sha FROM refs WHERE repo_id = ? ORDER BY name", repo.id)
    found = [row for row in rows if row["name"].startswith(prefix)]
    return call.page(found, lambda row: ref_json(call.view, repo, row["name"], row["sha"]))


@routes.add("POST", f"{REPO}/git/refs", 201, moves_refs=True)
def create_ref(call: Call) -> object:
    """GitHub's `git/create-ref`."""
    repo, body = call.repo(Role.WRITE, "contents", "write"), call.body()
    name, sha = text(body, "ref", "Reference"), text(body, "sha", "Reference")
    if not name.startswith(("refs/heads/", "refs/tags/")) or ".." in name or name.endswith("/"):
        raise ApiError(422, "Reference name must start with 'refs/heads/' or 'refs/tags/'")
    if _sha(call, repo, name) is not None:
        raise ApiError(422, "Reference already exists")
    if call.hub.git(repo).commit_id(sha) != sha:
        raise ApiError(422, "Object does not exist")
    move_ref(call.hub, repo, name, ZERO, sha, call.actor)
    return ref_json(call.view, repo, name, sha)


@routes.add("PATCH", f"{REPO}/git/refs/{{ref:path}}", moves_refs=True)
def update_ref(call: Call) -> object:
    """GitHub's `git/update-ref`."""
    repo, body = call.repo(Role.WRITE, "contents", "write"), call.body()
    name, sha = f"refs/{call.parameters['ref']}", text(body, "sha", "Reference")
    old, git = _sha(call, repo, name), call.hub.git(repo)
    if old is None:
        raise ApiError(422, "Reference does not exist")
    if git.commit_id(sha) != sha:
        raise ApiError(422, "Object does not exist")
    if not body.get("force", False) and not git.is_ancestor(old, sha):
        raise ApiError(422, "Update is not a fast forward")
    if old != sha:
        move_ref(call.hub, repo, name, old, sha, call.actor)
    return ref_json(call.view, repo, name, sha)


@routes.add("DELETE", f"{REPO}/git/refs/{{ref:path}}", 204, moves_refs=True)
def delete_ref(call: Call) -> object:
    """GitHub's `git/delete-ref`."""
    repo = call.repo(Role.WRITE, "contents", "write")
    name = f"refs/{call.parameters['ref']}"
    old = _sha(call, repo, name)
    if old is None:
        raise ApiError(422, "Reference does not exist")
    if name == f"refs/heads/{repo.default_branch}":
        raise ApiError(422, "Cannot delete the default branch")
    move_ref(call.hub, repo, name, old, ZERO, call.actor)
    return None
