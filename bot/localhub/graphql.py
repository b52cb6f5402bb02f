"""GraphQL: what only it can do on GitHub (a draft becomes ready), and reading the same things back."""

from collections.abc import Callable
from typing import Any

from bot.localhub import graphql_language as language
from bot.localhub.api import Call, Routes
from bot.localhub.auth import may, may_see
from bot.localhub.errors import ApiError
from bot.localhub.people import Role
from bot.localhub.pulls import set_draft
from bot.localhub.records import Issue, Pull, Repo, User
from bot.localhub.threads import again, find_issue, pull_of
from bot.localhub.view import node_id, parse_node_id

routes = Routes()
Json = dict[str, Any]
Node = dict[str, Callable[[language.Field], Any]]


class _Refused(Exception):
    """An entry of `errors`: GraphQL answers 200 all the same."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@routes.add("POST", "/graphql")
def graphql(call: Call) -> object:
    """GitHub's GraphQL endpoint: 200 with `errors` for what is refused."""
    body = call.body()
    if call.caller.kind == "anonymous":
        raise ApiError(401, "This endpoint requires you to be authenticated.")
    try:
        operation = language.parse(str(body.get("query", "")), body.get("variables") or {})
    except language.SyntaxProblem as problem:
        return {"errors": [{"message": f"Parse error: {problem}"}]}
    roots = _mutations(call) if operation.kind == "mutation" else _queries(call)
    data: Json = {}
    errors: list[Json] = []
    for field in operation.selection:
        try:
            data[field.alias] = _show(roots, field)
        except _Refused as refused:
            data[field.alias] = None
            errors.append({"type": refused.kind, "path": [field.alias], "message": str(refused)})
    return {"data": data, "errors": errors} if errors else {"data": data}


def _show(node: Node, field: language.Field) -> Any:
    """The value of one field of a node, its own selection followed."""
    if field.name not in node:
        kind = node["__typename"](field) if "__typename" in node else "Query"
        raise _Refused("undefinedField", f"Field '{field.name}' doesn't exist on type '{kind}'")
    return _select(node[field.name](field), field.selection)


def _select(value: Any, selection: list[language.Field]) -> Any:
    if isinstance(value, list):
        return [_select(item, selection) for item in value]
    if not isinstance(value, dict):
        return value
    typename = value["__typename"](None)
    return {inner.alias: _show(value, inner) for inner in selection if inner.on in (None, typename)}


def _node(kind: str, **fields: Any) -> Node:
    """A node of plain values; a callable is asked when the field is."""
    shown = {"__typename": kind, **fields}
    return {name: value if callable(value) else _always(value) for name, value in shown.items()}


def _always(value: Any) -> Callable[[language.Field], Any]:
    return lambda field: value


def _mutations(call: Call) -> Node:
    def ready(field: language.Field) -> Node:
        return _set_draft(call, field, draft=False)

    def draft(field: language.Field) -> Node:
        return _set_draft(call, field, draft=True)

    return _node("Mutation", markPullRequestReadyForReview=ready, convertPullRequestToDraft=draft)


def _set_draft(call: Call, field: language.Field, draft: bool) -> Node:
    wanted = field.arguments.get("input") or {}
    repo, issue = _pull_by_id(call, str(wanted.get("pullRequestId", "")))
    own = call.caller.user is not None and issue.author_id == call.caller.user.id
    allowed = may(call.hub, call.caller, repo, Role.WRITE, "pull_requests", "write")
    if not allowed and not (own and call.caller.kind == "person"):
        login = call.caller.login
        raise _Refused("FORBIDDEN", f"{login} does not have permission to change the pull request's draft state")
    if issue.state != "open":
        raise _Refused("UNPROCESSABLE", "Pull request is closed")
    set_draft(call.hub, repo, issue, draft, call.actor)
    shown = _pull_node(call, repo, again(call.hub, issue))
    return _node("Payload", clientMutationId=wanted.get("clientMutationId"), pullRequest=shown)


def _pull_by_id(call: Call, text: str) -> tuple[Repo, Issue]:
    parsed, store = parse_node_id(text), call.hub.store
    pull = None
    if parsed is not None and parsed[0] == "PullRequest":
        pull = store.one(Pull, "SELECT * FROM pulls WHERE id = ?", parsed[1])
    if pull is not None:
        issue = store.one(Issue, "SELECT * FROM issues WHERE id = ?", pull.issue_id)
        assert issue is not None
        repo = call.hub.repo(issue.repo_id)
        if may_see(call.hub, call.caller, repo):
            return repo, issue
    raise _Refused("NOT_FOUND", f"Could not resolve to a node with the global id of '{text}'")


def _queries(call: Call) -> Node:
    def node(field: language.Field) -> Node:
        return _pull_node(call, *_pull_by_id(call, str(field.arguments.get("id", ""))))

    def viewer(field: language.Field) -> Node:
        return _user_node(call.actor.user)

    def repository(field: language.Field) -> Node:
        owner, name = str(field.arguments.get("owner")), str(field.arguments.get("name"))
        try:
            repo = call.hub.repo_named(owner, name)
        except ApiError:
            repo = None
        if repo is None or not may_see(call.hub, call.caller, repo):
            message = f"Could not resolve to a Repository with the name '{owner}/{name}'."
            raise _Refused("NOT_FOUND", message)
        return _repository_node(call, repo)

    return _node("Query", node=node, viewer=viewer, repository=repository)


def _user_node(user: User) -> Node:
    kind = "Bot" if user.type == "Bot" else "User"
    return _node(kind, id=node_id(user.type, user.id), login=user.login.removesuffix("[bot]"), databaseId=user.id)


def _repository_node(call: Call, repo: Repo) -> Node:
    def pull_request(field: language.Field) -> Node:
        number = int(field.arguments.get("number") or 0)
        try:
            issue = find_issue(call.hub, repo, number)
        except ApiError:
            issue = None
        if issue is None or not issue.is_pull:
            raise _Refused("NOT_FOUND", f"Could not resolve to a PullRequest with the number of {number}.")
        return _pull_node(call, repo, issue)

    return _node(
        "Repository",
        id=node_id("Repository", repo.id),
        databaseId=repo.id,
        name=repo.name,
        nameWithOwner=repo.full_name,
        pullRequest=pull_request,
    )


def _pull_node(call: Call, repo: Repo, issue: Issue) -> Node:
    pull = pull_of(call.hub, issue)
    return _node(
        "PullRequest",
        id=node_id("PullRequest", pull.id),
        databaseId=pull.id,
        number=issue.number,
        title=issue.title,
        body=issue.body or "",
        url=f"{call.view.repo_page(repo)}/pull/{issue.number}",
        state="MERGED" if pull.merged_at else issue.state.upper(),
        isDraft=bool(pull.draft),
        merged=pull.merged_at is not None,
        headRefName=pull.head_ref,
        headRefOid=pull.head_sha,
        baseRefName=pull.base_ref,
        author=_user_node(call.hub.user(issue.author_id)),
    )
