"""What can be done to issues and to the conversation on them: open, edit, close, comment, react."""

import time

from bot.localhub.clock import as_made, iso
from bot.localhub.errors import invalid, refuse_long
from bot.localhub.hub import Hub
from bot.localhub.issue_events import note, touch
from bot.localhub.labels import announce_label, attach_labels
from bot.localhub.records import Actor, Comment, Issue, Reaction, Repo
from bot.localhub.shapes.issues import CONTENTS, comment_json, issue_in_webhook
from bot.localhub.threads import again, emit_thread
from bot.localhub.webhooks import emit, view_for_webhooks

TITLE_LIMIT = 256
STATE_REASONS = ("completed", "not_planned", "duplicate", "reopened")


def check_text(resource: str, title: str | None, body: str | None) -> None:
    """Raise 422 for a blank or long title or a long body; None means not given."""
    if title is not None:
        if not title.strip():
            raise invalid(resource, "title", "missing_field")
        refuse_long(resource, title, TITLE_LIMIT, "title")
    refuse_long(resource, body)


def new_thread(hub: Hub, repo: Repo, title: str, body: str | None, by: Actor, is_pull: bool) -> Issue:
    """The next number of a repository, as an open issue; nothing is announced yet."""
    check_text("PullRequest" if is_pull else "Issue", title, body)
    number = hub.store.value(
        "UPDATE repositories SET next_number = next_number + 1 WHERE id = ? RETURNING next_number - 1", repo.id
    )
    issue_id = hub.store.new_id()
    hub.store.insert(
        "issues",
        id=issue_id,
        repo_id=repo.id,
        number=number,
        is_pull=int(is_pull),
        title=title,
        body=body,
        state="open",
        author_id=by.user.id,
        via_app=by.via_app,
        **as_made(),
        born=time.time(),
    )
    issue = hub.store.one(Issue, "SELECT * FROM issues WHERE id = ?", issue_id)
    assert issue is not None
    return issue


def open_issue(hub: Hub, repo: Repo, title: str, body: str | None, labels: list[str], by: Actor) -> Issue:
    """Open an issue: `issues.opened`, and `issues.labeled` for each label."""
    issue = new_thread(hub, repo, title, body, by, is_pull=False)
    attached = attach_labels(hub, repo, issue, labels, by)
    emit_thread(hub, repo, issue, "opened", by)
    for label in attached:
        announce_label(hub, repo, issue, "labeled", label, by)
    return again(hub, issue)


def edit_text(hub: Hub, repo: Repo, issue: Issue, title: str | None, body: str | None, by: Actor) -> None:
    """Change title or body (None: as it is): `edited` with what was there before."""
    check_text("PullRequest" if issue.is_pull else "Issue", title, body)
    changes = {}
    if title is not None and title != issue.title:
        changes["title"] = {"from": issue.title}
        note(hub, issue, "renamed", by, {"rename": {"from": issue.title, "to": title}})
        hub.store.update("issues", issue.id, title=title)
    if body is not None and body != (issue.body or ""):
        changes["body"] = {"from": issue.body or ""}
        hub.store.update("issues", issue.id, body=body)
    if changes:
        touch(hub, issue)
        emit_thread(hub, repo, issue, "edited", by, lambda view: {"changes": changes})


def close(hub: Hub, repo: Repo, issue: Issue, reason: str | None, by: Actor) -> None:
    """Close an issue or a pull request; nothing happens when it is closed already."""
    if issue.state == "closed":
        if reason is not None and not issue.is_pull:
            hub.store.update("issues", issue.id, state_reason=reason)
        return
    hub.store.update(
        "issues",
        issue.id,
        state="closed",
        state_reason=None if issue.is_pull else (reason or "completed"),
        closed_at=iso(),
        closed_by=by.user.id,
        updated_at=iso(),
    )
    note(hub, issue, "closed", by, {} if issue.is_pull else {"state_reason": reason or "completed"})
    emit_thread(hub, repo, issue, "closed", by)


def reopen(hub: Hub, repo: Repo, issue: Issue, by: Actor) -> None:
    """Open it again; the caller has checked that a pull request can be."""
    if issue.state == "open":
        return
    hub.store.update(
        "issues",
        issue.id,
        state="open",
        state_reason=None if issue.is_pull else "reopened",
        closed_at=None,
        closed_by=None,
        updated_at=iso(),
    )
    note(hub, issue, "reopened", by)
    emit_thread(hub, repo, issue, "reopened", by)


def _announce(
    hub: Hub, repo: Repo, issue: Issue, comment: Comment, action: str, by: Actor, before: str | None = None
) -> None:
    if not hub.installations_on(repo):
        return
    view = view_for_webhooks(hub)
    content = {
        "issue": issue_in_webhook(view, repo, again(hub, issue)),
        "comment": comment_json(view, repo, issue, comment),
    }
    if before is not None:
        content["changes"] = {"body": {"from": before}}
    emit(hub, repo, "issue_comment", action, by.user, content)


def comment(hub: Hub, repo: Repo, issue: Issue, body: str, by: Actor) -> Comment:
    """Say something on an issue or pull request: `issue_comment.created`."""
    _check_comment(body)
    comment_id = hub.store.new_id()
    hub.store.insert(
        "comments",
        id=comment_id,
        repo_id=repo.id,
        issue_id=issue.id,
        author_id=by.user.id,
        via_app=by.via_app,
        body=body,
        **as_made(),
        born=time.time(),
    )
    touch(hub, issue)
    said = _comment(hub, comment_id)
    _announce(hub, repo, issue, said, "created", by)
    return said


def edit_comment(hub: Hub, repo: Repo, issue: Issue, old: Comment, body: str, by: Actor) -> Comment:
    """Change what a comment says: `issue_comment.edited`."""
    _check_comment(body)
    hub.store.update("comments", old.id, body=body, updated_at=iso())
    said = _comment(hub, old.id)
    _announce(hub, repo, issue, said, "edited", by, before=old.body)
    return said


def delete_comment(hub: Hub, repo: Repo, issue: Issue, old: Comment, by: Actor) -> None:
    """Remove a comment and the reactions to it: `issue_comment.deleted`."""
    hub.store.run("DELETE FROM comments WHERE id = ?", old.id)
    hub.store.run("DELETE FROM reactions WHERE subject = 'comment' AND subject_id = ?", old.id)
    touch(hub, issue)
    _announce(hub, repo, issue, old, "deleted", by)


def _check_comment(body: str) -> None:
    if not body.strip():
        raise invalid("IssueComment", "body", "missing_field", "Body cannot be blank")
    refuse_long("IssueComment", body)


def _comment(hub: Hub, comment_id: int) -> Comment:
    found = hub.store.one(Comment, "SELECT * FROM comments WHERE id = ?", comment_id)
    assert found is not None
    return found


def react(hub: Hub, subject: str, subject_id: int, content: str, by: Actor) -> tuple[Reaction, bool]:
    """React to an issue or a comment; answers the reaction and whether it is new. GitHub sends no webhook."""
    if content not in CONTENTS:
        raise invalid("Reaction", "content", "invalid")
    key = (subject, subject_id, by.user.id, content)
    sql = "SELECT * FROM reactions WHERE subject = ? AND subject_id = ? AND user_id = ? AND content = ?"
    present = hub.store.one(Reaction, sql, *key)
    if present:
        return present, False
    hub.store.insert(
        "reactions",
        id=hub.store.new_id(),
        subject=subject,
        subject_id=subject_id,
        user_id=by.user.id,
        content=content,
        created_at=iso(),
        born=time.time(),
    )
    added = hub.store.one(Reaction, sql, *key)
    assert added is not None
    return added, True
