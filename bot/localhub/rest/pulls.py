"""REST: pull requests, their merge, commits, files and requested reviewers."""

from bot.localhub import issues, merges, pulls
from bot.localhub.api import Answer, Call, Routes
from bot.localhub.auth import may
from bot.localhub.errors import ApiError, forbidden, invalid, not_found
from bot.localhub.people import Role, is_collaborator
from bot.localhub.records import Issue, Pull, Repo, User
from bot.localhub.rest.parameters import names, optional_text, text
from bot.localhub.shapes.commits import commit_json, file_json
from bot.localhub.shapes.people import user_json
from bot.localhub.shapes.pulls import files_of, full_pull_json, pull_json, requested_reviewers
from bot.localhub.threads import again, find_pull, pull_of

routes = Routes()
PULL = "/repos/{owner}/{repo}/pulls/{number:int}"
RESOURCE = "pull_requests"


def _branch(repo: Repo, head: str) -> str | None:
    """The branch that `owner:branch` or `branch` names here, None when it is another repository's."""
    owner, colon, branch = head.rpartition(":")
    return branch if not colon or owner.lower() == repo.owner.lower() else None


@routes.get("/repos/{owner}/{repo}/pulls")
def list_pulls(call: Call) -> object:
    """GitHub's `pulls/list`."""
    repo, query = call.repo(resource=RESOURCE), call.query
    found = call.hub.store.all(
        Issue, "SELECT * FROM issues WHERE repo_id = ? AND is_pull AND born <= ?", repo.id, call.until()
    )
    state, head, base = query.get("state", "open"), query.get("head"), query.get("base")
    chosen: list[tuple[Issue, Pull]] = []
    for issue in found:
        pull = pull_of(call.hub, issue)
        # GitHub ignores a `head` without an owner.
        wrong_head = head is not None and ":" in head and _branch(repo, head) != pull.head_ref
        if state in ("all", issue.state) and not wrong_head and base in (None, pull.base_ref):
            chosen.append((issue, pull))
    sort = query.get("sort", "created")
    descending = query.get("direction", "desc" if sort == "created" else "asc") == "desc"
    chosen.sort(
        key=lambda both: (both[0].updated_at if sort == "updated" else both[0].created_at, both[0].number),
        reverse=descending,
    )
    return call.page(chosen, lambda both: pull_json(call.view, repo, *both))


@routes.add("POST", "/repos/{owner}/{repo}/pulls", 201)
def create_pull(call: Call) -> object:
    """GitHub's `pulls/create`."""
    repo, body = call.repo(Role.WRITE, RESOURCE, "write"), call.body()
    head = _branch(repo, text(body, "head", "PullRequest"))
    if head is None:
        raise invalid("PullRequest", "head", "invalid")
    issue = pulls.open_pull(
        call.hub,
        repo,
        text(body, "title", "PullRequest"),
        optional_text(body, "body"),
        head,
        text(body, "base", "PullRequest"),
        bool(body.get("draft", False)),
        call.actor,
    )
    return full_pull_json(call.view, repo, issue, pull_of(call.hub, issue))


@routes.get(PULL)
def get_pull(call: Call) -> object:
    """GitHub's `pulls/get`."""
    repo = call.repo(resource=RESOURCE)
    return full_pull_json(call.view, repo, *find_pull(call.hub, repo, call.number))


def own_or(call: Call, repo: Repo, author_id: int, role: Role) -> None:
    """Raise 403 unless the caller wrote it (a pull request, a review, a line comment) or has that role."""
    own = author_id == call.actor.user.id
    if not own and not may(call.hub, call.caller, repo, role, RESOURCE, "write"):
        raise forbidden("Must have admin rights to Repository.")


@routes.add("PATCH", PULL)
def edit_pull(call: Call) -> object:
    """GitHub's `pulls/update`."""
    repo, body, by = call.repo(Role.READ, RESOURCE, "write"), call.body(), call.actor
    issue, _ = find_pull(call.hub, repo, call.number)
    own_or(call, repo, issue.author_id, Role.WRITE)
    state, base = optional_text(body, "state"), optional_text(body, "base")
    if state not in (None, "open", "closed"):
        raise invalid("PullRequest", "state", "invalid")
    issues.edit_text(call.hub, repo, issue, optional_text(body, "title"), optional_text(body, "body"), by)
    if base is not None:
        pulls.set_base(call.hub, repo, issue, base, by)
    if state == "closed":
        issues.close(call.hub, repo, again(call.hub, issue), None, by)
    elif state == "open" and issue.state == "closed":
        pulls.check_reopen(call.hub, repo, issue)
        issues.reopen(call.hub, repo, again(call.hub, issue), by)
    return full_pull_json(call.view, repo, again(call.hub, issue), pull_of(call.hub, issue))


@routes.get(f"{PULL}/merge")
def is_merged(call: Call) -> object:
    """GitHub's `pulls/check-if-merged`."""
    repo = call.repo(resource=RESOURCE)
    _, pull = find_pull(call.hub, repo, call.number)
    if pull.merged_at is None:
        raise not_found()
    return Answer(status=204)


@routes.add("PUT", f"{PULL}/merge", moves_refs=True)
def merge_pull(call: Call) -> object:
    """GitHub's `pulls/merge`."""
    repo, body = call.repo(Role.WRITE, "contents", "write"), call.body()
    issue, _ = find_pull(call.hub, repo, call.number)
    sha = merges.merge(
        call.hub,
        repo,
        issue,
        optional_text(body, "merge_method") or "merge",
        optional_text(body, "commit_title"),
        optional_text(body, "commit_message"),
        optional_text(body, "sha"),
        call.actor,
    )
    return {"sha": sha, "merged": True, "message": "Pull Request successfully merged"}


@routes.get(f"{PULL}/commits")
def list_pull_commits(call: Call) -> object:
    """GitHub's `pulls/list-commits`."""
    repo = call.repo(resource=RESOURCE)
    _, pull = find_pull(call.hub, repo, call.number)
    commits = call.hub.git(repo).commits("--reverse", f"{pull.base_sha}..{pull.head_sha}")
    return call.page(commits, lambda commit: commit_json(call.view, repo, commit))


@routes.get(f"{PULL}/files")
def list_pull_files(call: Call) -> object:
    """GitHub's `pulls/list-files`."""
    repo = call.repo(resource=RESOURCE)
    _, pull = find_pull(call.hub, repo, call.number)
    return call.page(files_of(call.hub, repo, pull), lambda file: file_json(call.view, repo, pull.head_sha, file))


@routes.get(f"{PULL}/requested_reviewers")
def list_requested_reviewers(call: Call) -> object:
    """GitHub's `pulls/list-requested-reviewers`."""
    repo = call.repo(resource=RESOURCE)
    issue, _ = find_pull(call.hub, repo, call.number)
    users = [user_json(call.view, user) for user in requested_reviewers(call.hub, issue)]
    return {"users": users, "teams": []}


def _reviewers(call: Call, repo: Repo, issue: Issue) -> list[User]:
    """The people named in the body; 422 for strangers and for the author."""
    found = []
    for login in names(call.body().get("reviewers", []), "reviewers"):
        user = call.hub.user_named(login)
        # A public repository lets everybody read, but only those who were invited can be asked.
        if user is None or not is_collaborator(call.hub, repo, user):
            message = "Reviews may only be requested from collaborators. One or more of the users or teams"
            raise ApiError(422, f"{message} you specified is not a collaborator of the {repo.full_name} repository.")
        if user.id == issue.author_id:
            raise ApiError(422, "Review cannot be requested from pull request author.")
        found.append(user)
    return found


@routes.add("POST", f"{PULL}/requested_reviewers", 201)
def request_reviewers(call: Call) -> object:
    """GitHub's `pulls/request-reviewers`."""
    repo = call.repo(Role.READ, RESOURCE, "write")
    issue, pull = find_pull(call.hub, repo, call.number)
    own_or(call, repo, issue.author_id, Role.TRIAGE)
    pulls.request_reviewers(call.hub, repo, issue, _reviewers(call, repo, issue), call.actor)
    return pull_json(call.view, repo, again(call.hub, issue), pull)


@routes.add("DELETE", f"{PULL}/requested_reviewers")
def withdraw_reviewers(call: Call) -> object:
    """GitHub's `pulls/remove-requested-reviewers`."""
    repo = call.repo(Role.READ, RESOURCE, "write")
    issue, pull = find_pull(call.hub, repo, call.number)
    own_or(call, repo, issue.author_id, Role.TRIAGE)
    pulls.withdraw_reviewers(call.hub, repo, issue, _reviewers(call, repo, issue), call.actor)
    return pull_json(call.view, repo, again(call.hub, issue), pull)
