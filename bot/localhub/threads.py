"""Issues and pull requests as one: finding them by number, and the webhook that fits each."""

from collections.abc import Callable
from typing import Any

from bot.localhub.errors import not_found
from bot.localhub.hub import Hub
from bot.localhub.records import Actor, Issue, Pull, Repo
from bot.localhub.shapes.issues import issue_in_webhook
from bot.localhub.shapes.pulls import full_pull_json
from bot.localhub.view import View
from bot.localhub.webhooks import emit, view_for_webhooks

Json = dict[str, Any]


def find_issue(hub: Hub, repo: Repo, number: int) -> Issue:
    """An issue or pull request by number; 404 when there is none."""
    issue = hub.store.one(Issue, "SELECT * FROM issues WHERE repo_id = ? AND number = ?", repo.id, number)
    if issue is None:
        raise not_found()
    return issue


def find_pull(hub: Hub, repo: Repo, number: int) -> tuple[Issue, Pull]:
    """Both halves of a pull request by number; 404 for plain issues too."""
    issue = find_issue(hub, repo, number)
    if not issue.is_pull:
        raise not_found()
    return issue, pull_of(hub, issue)


def again(hub: Hub, issue: Issue) -> Issue:
    """The issue as it is by now."""
    fresh = hub.store.one(Issue, "SELECT * FROM issues WHERE id = ?", issue.id)
    assert fresh is not None
    return fresh


def pull_of(hub: Hub, issue: Issue) -> Pull:
    """The pull request half of an issue that is one."""
    pull = hub.store.one(Pull, "SELECT * FROM pulls WHERE issue_id = ?", issue.id)
    assert pull is not None
    return pull


def emit_thread(
    hub: Hub,
    repo: Repo,
    issue: Issue,
    action: str,
    by: Actor,
    extra: Callable[[View], Json] = lambda view: {},
) -> None:
    """Send `issues.<action>`, or `pull_request.<action>` when it is one, as it stands now."""
    if not hub.installations_on(repo):
        return
    view, issue = view_for_webhooks(hub), again(hub, issue)
    if issue.is_pull:
        shown = full_pull_json(view, repo, issue, pull_of(hub, issue))
        content: Json = {"number": issue.number, "pull_request": shown}
        emit(hub, repo, "pull_request", action, by.user, content | extra(view))
    else:
        emit(hub, repo, "issues", action, by.user, {"issue": issue_in_webhook(view, repo, issue)} | extra(view))
