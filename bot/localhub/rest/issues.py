"""REST: issues and their labels, events and timeline."""

from collections.abc import Callable

from bot.localhub import issues, labels
from bot.localhub.api import Call, Routes
from bot.localhub.auth import may
from bot.localhub.clock import epoch
from bot.localhub.errors import forbidden, invalid, not_found
from bot.localhub.people import Role
from bot.localhub.pulls import check_reopen
from bot.localhub.records import Comment, Issue, IssueEvent, Label, Repo, Review
from bot.localhub.rest.parameters import moment, names, optional_text, text
from bot.localhub.shapes.issues import commented_json, event_json, issue_json, label_json, labels_of, reviewed_json
from bot.localhub.shapes.pulls import review_json
from bot.localhub.threads import again, find_issue

routes = Routes()
ISSUE = "/repos/{owner}/{repo}/issues/{number:int}"
WRITE = "issues|pull_requests"


def writes_to(call: Call, repo: Repo, issue: Issue, role: Role) -> bool:
    """Whether the caller may change this thread: with that role, or as an App that may write to its kind."""
    resource = "pull_requests|issues" if issue.is_pull else "issues"
    return may(call.hub, call.caller, repo, role, resource, "write")


@routes.get("/repos/{owner}/{repo}/issues")
def list_issues(call: Call) -> object:
    """GitHub's `issues/list-for-repo`."""
    repo, query = call.repo(resource="issues|pull_requests"), call.query
    found = call.hub.store.all(Issue, "SELECT * FROM issues WHERE repo_id = ? AND born <= ?", repo.id, call.until())
    state, since = query.get("state", "open"), moment(query.get("since"))
    wanted = {name.strip().lower() for name in query.get("labels", "").split(",") if name.strip()}
    creator = query.get("creator")

    def fits(issue: Issue) -> bool:
        if state != "all" and issue.state != state:
            return False
        if epoch(issue.updated_at) < since:
            return False
        if creator and call.hub.user(issue.author_id).login.lower() != creator.lower():
            return False
        if not wanted:
            return True
        return wanted <= {label.name.lower() for label in labels_of(call.view, issue, call.until())}

    keys: dict[str, Callable[[Issue], tuple[object, int]]] = {
        "created": lambda issue: (issue.created_at, issue.number),
        "updated": lambda issue: (issue.updated_at, issue.number),
    }
    key = keys.get(query.get("sort", "created"), keys["created"])
    chosen = sorted(filter(fits, found), key=key, reverse=query.get("direction", "desc") == "desc")
    return call.page(chosen, lambda issue: issue_json(call.view, repo, issue))


@routes.add("POST", "/repos/{owner}/{repo}/issues", 201)
def create_issue(call: Call) -> object:
    """GitHub's `issues/create`."""
    repo, body = call.repo(Role.READ, "issues", "write"), call.body()
    wanted = names(body.get("labels") or [])
    # As on GitHub: labels from somebody who may not label are dropped without a word.
    if not may(call.hub, call.caller, repo, Role.TRIAGE, "issues", "write"):
        wanted = []
    title, said = text(body, "title", "Issue"), optional_text(body, "body")
    issue = issues.open_issue(call.hub, repo, title, said, wanted, call.actor)
    return issue_json(call.view, repo, issue)


@routes.get(ISSUE)
def get_issue(call: Call) -> object:
    """GitHub's `issues/get`."""
    repo = call.repo(resource=WRITE)
    return issue_json(call.view, repo, find_issue(call.hub, repo, call.number))


@routes.add("PATCH", ISSUE)
def edit_issue(call: Call) -> object:
    """GitHub's `issues/update`."""
    repo, body, by = call.repo(Role.READ, WRITE, "write"), call.body(), call.actor
    issue = find_issue(call.hub, repo, call.number)
    own = issue.author_id == by.user.id
    if not own and not writes_to(call, repo, issue, Role.TRIAGE):
        raise forbidden("Must have admin rights to Repository.")
    title, said = optional_text(body, "title"), optional_text(body, "body")
    if (title is not None or said is not None) and not own and not writes_to(call, repo, issue, Role.WRITE):
        raise forbidden("Must have admin rights to Repository.")
    state, reason = optional_text(body, "state"), optional_text(body, "state_reason")
    if state not in (None, "open", "closed"):
        raise invalid("Issue", "state", "invalid")
    if reason is not None and reason not in issues.STATE_REASONS:
        raise invalid("Issue", "state_reason", "invalid")
    issues.edit_text(call.hub, repo, issue, title, said, by)
    if body.get("labels") is not None and writes_to(call, repo, issue, Role.TRIAGE):
        labels.set_labels(call.hub, repo, issue, names(body["labels"]), by)
    if state == "closed":
        issues.close(call.hub, repo, again(call.hub, issue), reason, by)
    elif state == "open" and issue.state == "closed":
        if issue.is_pull:
            check_reopen(call.hub, repo, issue)
        issues.reopen(call.hub, repo, again(call.hub, issue), by)
    return issue_json(call.view, repo, again(call.hub, issue))


def _labelled(call: Call) -> tuple[Repo, Issue]:
    """The issue in the path, if the caller may change its labels."""
    repo = call.repo(Role.TRIAGE, WRITE, "write")
    return repo, find_issue(call.hub, repo, call.number)


def _show_labels(call: Call, repo: Repo, issue: Issue) -> list[object]:
    return [label_json(call.view, repo, label) for label in labels_of(call.view, issue)]


@routes.get(f"{ISSUE}/labels")
def list_issue_labels(call: Call) -> object:
    """GitHub's `issues/list-labels-on-issue`."""
    repo = call.repo(resource=WRITE)
    issue = find_issue(call.hub, repo, call.number)
    return call.page(labels_of(call.view, issue, call.until()), lambda label: label_json(call.view, repo, label))


def _wanted_labels(call: Call) -> list[str]:
    """Both forms that GitHub takes: an object with `labels`, and a bare array."""
    value = call.payload()
    return names(value.get("labels", []) if isinstance(value, dict) else value)


@routes.add("POST", f"{ISSUE}/labels")
def add_issue_labels(call: Call) -> object:
    """GitHub's `issues/add-labels`."""
    repo, issue = _labelled(call)
    labels.add_labels(call.hub, repo, issue, _wanted_labels(call), call.actor)
    return _show_labels(call, repo, issue)


@routes.add("PUT", f"{ISSUE}/labels")
def set_issue_labels(call: Call) -> object:
    """GitHub's `issues/set-labels`."""
    repo, issue = _labelled(call)
    labels.set_labels(call.hub, repo, issue, _wanted_labels(call), call.actor)
    return _show_labels(call, repo, issue)


@routes.add("DELETE", f"{ISSUE}/labels", 204)
def clear_issue_labels(call: Call) -> object:
    """GitHub's `issues/remove-all-labels`."""
    repo, issue = _labelled(call)
    labels.set_labels(call.hub, repo, issue, [], call.actor)
    return None


@routes.add("DELETE", f"{ISSUE}/labels/{{name:path}}")
def remove_issue_label(call: Call) -> object:
    """GitHub's `issues/remove-label`."""
    repo, issue = _labelled(call)
    labels.remove_label(call.hub, repo, issue, call.parameters["name"], call.actor)
    return _show_labels(call, repo, issue)


@routes.get("/repos/{owner}/{repo}/labels")
def list_labels(call: Call) -> object:
    """GitHub's `issues/list-labels-for-repo`."""
    repo = call.repo(resource=WRITE)
    found = call.hub.store.all(
        Label, "SELECT * FROM labels WHERE repo_id = ? AND born <= ? ORDER BY name", repo.id, call.until()
    )
    return call.page(found, lambda label: label_json(call.view, repo, label))


@routes.add("POST", "/repos/{owner}/{repo}/labels", 201)
def create_label(call: Call) -> object:
    """GitHub's `issues/create-label`."""
    repo, body = call.repo(Role.WRITE, WRITE, "write"), call.body()
    color, description = optional_text(body, "color"), optional_text(body, "description")
    label = labels.create_label(call.hub, repo, text(body, "name", "Label"), color, description)
    return label_json(call.view, repo, label)


@routes.get("/repos/{owner}/{repo}/labels/{name:path}")
def get_label(call: Call) -> object:
    """GitHub's `issues/get-label`."""
    repo = call.repo(resource=WRITE)
    label = labels.find_label(call.hub, repo, call.parameters["name"])
    if label is None:
        raise not_found()
    return label_json(call.view, repo, label)


def _events(call: Call, issue: Issue) -> list[IssueEvent]:
    return call.hub.store.all(
        IssueEvent,
        "SELECT * FROM issue_events WHERE issue_id = ? AND born <= ? ORDER BY id",
        issue.id,
        call.until(),
    )


@routes.get(f"{ISSUE}/events")
def list_events(call: Call) -> object:
    """GitHub's `issues/list-events`."""
    repo = call.repo(resource=WRITE)
    issue = find_issue(call.hub, repo, call.number)
    return call.page(_events(call, issue), lambda event: event_json(call.view, repo, event))


@routes.get(f"{ISSUE}/timeline")
def list_timeline(call: Call) -> object:
    """GitHub's `issues/list-events-for-timeline`."""
    repo, store = call.repo(resource=WRITE), call.hub.store
    issue = find_issue(call.hub, repo, call.number)
    comments = store.all(Comment, "SELECT * FROM comments WHERE issue_id = ? AND born <= ?", issue.id, call.until())
    reviews = store.all(
        Review,
        "SELECT * FROM reviews WHERE issue_id = ? AND born <= ? AND state <> 'PENDING'",
        issue.id,
        call.until(),
    )
    everything: list[IssueEvent | Comment | Review] = [*_events(call, issue), *comments, *reviews]

    def show(item: IssueEvent | Comment | Review) -> object:
        if isinstance(item, IssueEvent):
            return event_json(call.view, repo, item)
        if isinstance(item, Comment):
            return commented_json(call.view, repo, issue, item)
        return reviewed_json(call.view, review_json(call.view, repo, issue, item), item)

    return call.page(sorted(everything, key=lambda item: item.born), show)
