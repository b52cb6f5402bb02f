"""Issue pages: the list, one issue, a new one; and what can be done to any thread, pull requests too."""

from typing import Any

from starlette.responses import Response

from bot.localhub import issues, labels
from bot.localhub.errors import ApiError, forbidden
from bot.localhub.pages.code import REPO
from bot.localhub.pages.timeline import timeline
from bot.localhub.pages.visit import Pages, Visit, go, place
from bot.localhub.people import Role
from bot.localhub.pulls import check_reopen
from bot.localhub.records import Comment, Issue, Label, Repo
from bot.localhub.threads import again, find_issue

pages = Pages()
ISSUE = REPO + "/issues/{number:int}"


def list_threads(visit: Visit, repo: Repo, is_pull: bool) -> Response:
    """Open or closed issues or pull requests, newest first; by `label` and `author` if asked."""
    state = "closed" if visit.query.get("state") == "closed" else "open"
    store = visit.hub.store
    found = store.all(
        Issue, "SELECT * FROM issues WHERE repo_id = ? AND is_pull = ? ORDER BY number DESC", repo.id, int(is_pull)
    )
    counts = {name: sum(issue.state == name for issue in found) for name in ("open", "closed")}
    wanted, author = visit.query.get("label"), visit.query.get("author")
    shown = [
        issue
        for issue in found
        if issue.state == state
        and (not wanted or _has_label(visit, issue, wanted))
        and (not author or visit.hub.user(issue.author_id).login == author)
    ]
    return visit.page(
        "threads.html.j2",
        f"{'Pull requests' if is_pull else 'Issues'} · {repo.full_name}",
        repo=repo,
        tab="pulls" if is_pull else "issues",
        is_pull=is_pull,
        issues=shown[:200],
        state=state,
        counts=counts,
        label=wanted,
        author=author,
    )


def _has_label(visit: Visit, issue: Issue, name: str) -> bool:
    sql = "SELECT 1 FROM issue_labels i JOIN labels l ON l.id = i.label_id WHERE i.issue_id = ? AND l.name = ?"
    return visit.hub.store.value(sql, issue.id, name) is not None


@pages.get(REPO + "/issues")
def list_issues(visit: Visit) -> Response:
    """The issues of a repository."""
    return list_threads(visit, visit.repo(), is_pull=False)


@pages.get(REPO + "/issues/new")
def new_issue(visit: Visit) -> Response:
    """A form for a new issue."""
    repo = visit.repo()
    return visit.page(
        "new_issue.html.j2", f"New issue · {repo.full_name}", repo=repo, tab="issues", labels=all_labels(visit, repo)
    )


@pages.post(REPO + "/issues/new")
def open_issue(visit: Visit) -> Response:
    """Open an issue; labels only from somebody who may label."""
    repo, by = visit.repo(), visit.actor
    wanted = visit.form.get("label", []) if visit.may(repo, Role.TRIAGE) else []
    issue = issues.open_issue(visit.hub, repo, visit.said("title"), visit.said("body"), wanted, by)
    return go(thread_url(repo, issue))


def all_labels(visit: Visit, repo: Repo) -> list[Label]:
    """A repository's labels by name."""
    return visit.hub.store.all(Label, "SELECT * FROM labels WHERE repo_id = ? ORDER BY name", repo.id)


def thread_url(repo: Repo, issue: Issue) -> str:
    """The page of an issue or pull request."""
    return place(repo.owner, repo.name, "pull" if issue.is_pull else "issues", issue.number)


@pages.get(ISSUE)
def show_issue(visit: Visit) -> Response:
    """An issue and its conversation."""
    repo = visit.repo()
    issue = find_issue(visit.hub, repo, visit.number)
    if issue.is_pull:
        return go(thread_url(repo, issue))
    return visit.page(
        "issue.html.j2",
        f"{issue.title} · Issue #{issue.number} · {repo.full_name}",
        repo=repo,
        tab="issues",
        issue=issue,
        entries=timeline(visit, repo, issue, None),
        **thread_values(visit, repo, issue),
    )


def thread_values(visit: Visit, repo: Repo, issue: Issue) -> dict[str, Any]:
    """What the templates of issues and pull requests both need."""
    own = visit.user is not None and visit.user.id == issue.author_id
    return {
        "thread_url": thread_url(repo, issue),
        "all_labels": all_labels(visit, repo),
        "may_label": visit.may(repo, Role.TRIAGE),
        "may_close": own or visit.may(repo, Role.TRIAGE),
        "may_write": visit.may(repo, Role.WRITE),
        "is_own": own,
    }


def _thread(visit: Visit) -> tuple[Repo, Issue]:
    repo = visit.repo()
    return repo, find_issue(visit.hub, repo, visit.number)


@pages.post(ISSUE + "/comments")
def comment(visit: Visit) -> Response:
    """Say something, and close or reopen in the same breath if that button was used."""
    repo, issue = _thread(visit)
    by, body, action = visit.actor, visit.said("body"), visit.said("action")
    target = thread_url(repo, issue)
    if body.strip() or not action:
        said = issues.comment(visit.hub, repo, issue, body, by)
        target = f"{target}#issuecomment-{said.id}"
    if action:
        _set_state(visit, repo, issue, action)
    return go(target)


def _set_state(visit: Visit, repo: Repo, issue: Issue, action: str) -> None:
    by = visit.actor
    if by.user.id != issue.author_id and not visit.may(repo, Role.TRIAGE):
        raise forbidden("Only its author and people who triage here can close and reopen this.")
    current = again(visit.hub, issue)
    if action == "reopen":
        if issue.is_pull:
            check_reopen(visit.hub, repo, issue)
        issues.reopen(visit.hub, repo, current, by)
    elif action in ("close", "not_planned"):
        reason = None if issue.is_pull else "not_planned" if action == "not_planned" else "completed"
        issues.close(visit.hub, repo, current, reason, by)
    else:
        raise ApiError(422, "Close or reopen?")


@pages.post(ISSUE + "/edit")
def edit(visit: Visit) -> Response:
    """Change title or description."""
    repo, issue = _thread(visit)
    by = visit.actor
    if by.user.id != issue.author_id and not visit.may(repo, Role.WRITE):
        raise forbidden("Only its author and people who write here can change this.")
    issues.edit_text(visit.hub, repo, issue, visit.said("title") or None, visit.form.get("body", [None])[0], by)
    return go(thread_url(repo, issue))


@pages.post(REPO + "/comments/{comment_id:int}/edit")
def edit_comment(visit: Visit) -> Response:
    """Change what a comment says."""
    repo, by = visit.repo(), visit.actor
    sql = "SELECT * FROM comments WHERE id = ? AND repo_id = ?"
    found = visit.hub.store.one(Comment, sql, visit.parameters["comment_id"], repo.id)
    if found is None:
        raise ApiError(404, "There is no such comment")
    if by.user.id != found.author_id and not visit.may(repo, Role.WRITE):
        raise forbidden("Only its author and people who write here can change this.")
    issue = visit.hub.store.one(Issue, "SELECT * FROM issues WHERE id = ?", found.issue_id)
    assert issue is not None
    issues.edit_comment(visit.hub, repo, issue, found, visit.said("body"), by)
    return go(f"{thread_url(repo, issue)}#issuecomment-{found.id}")


@pages.post(ISSUE + "/labels")
def label(visit: Visit) -> Response:
    """Put a label on, or take one off."""
    repo = visit.repo(Role.TRIAGE)
    issue, by = find_issue(visit.hub, repo, visit.number), visit.actor
    if visit.said("remove"):
        labels.remove_label(visit.hub, repo, issue, visit.said("remove"), by)
    else:
        name = visit.said("new").strip() or visit.said("add")
        if labels.find_label(visit.hub, repo, name) is None and not visit.may(repo, Role.WRITE):
            raise forbidden("Only people who write here can make new labels.")
        if not name:
            raise ApiError(422, "Which label?")
        labels.add_labels(visit.hub, repo, issue, [name], by)
    return go(thread_url(repo, issue))


@pages.post(ISSUE + "/reactions")
def react(visit: Visit) -> Response:
    """React to an issue or to a comment on it; a second click takes it back."""
    repo, issue = _thread(visit)
    by, target = visit.actor, thread_url(repo, issue)
    subject, subject_id = "issue", issue.id
    if visit.said("comment"):
        sql = "SELECT id FROM comments WHERE id = ? AND issue_id = ?"
        found = visit.hub.store.value(sql, visit.said("comment"), issue.id)
        if found is None:
            raise ApiError(404, "There is no such comment")
        subject, subject_id = "comment", int(found)
        target = f"{target}#issuecomment-{found}"
    reaction, is_new = issues.react(visit.hub, subject, subject_id, visit.said("content"), by)
    if not is_new:
        visit.hub.store.run("DELETE FROM reactions WHERE id = ?", reaction.id)
    return go(target)
