"""What can be done to pull requests: open, retarget, make ready, and follow their branches."""

from bot.localhub.clock import iso
from bot.localhub.errors import ApiError, invalid
from bot.localhub.git import ZERO, GitError
from bot.localhub.hub import Hub
from bot.localhub.issue_events import note, touch
from bot.localhub.issues import close, new_thread
from bot.localhub.records import Actor, Issue, Pull, Repo, User
from bot.localhub.reviews import dismiss_stale
from bot.localhub.shapes.people import user_json
from bot.localhub.shapes.pulls import requested_reviewers
from bot.localhub.threads import again, emit_thread, pull_of


def open_pull(
    hub: Hub, repo: Repo, title: str, body: str | None, head: str, base: str, draft: bool, by: Actor
) -> Issue:
    """Open a pull request between two branches of a repository; 422 in GitHub's words when it cannot be."""
    head_sha, base_sha = hub.head(repo, head), hub.head(repo, base)
    if base_sha is None:
        raise invalid("PullRequest", "base", "invalid")
    if head_sha is None:
        raise invalid("PullRequest", "head", "invalid")
    if open_pull_between(hub, repo, head, base):
        message = f"A pull request already exists for {repo.owner}:{head}."
        raise ApiError(422, "Validation Failed", [_custom(message)])
    git = hub.git(repo)
    if git.merge_base(base_sha, head_sha) is None:
        raise ApiError(422, "Validation Failed", [_custom(f"The {head} branch has no history in common with {base}")])
    if git.count(base_sha, head_sha) == 0:
        raise ApiError(422, "Validation Failed", [_custom(f"No commits between {base} and {head}")])
    issue = new_thread(hub, repo, title, body, by, is_pull=True)
    hub.store.insert(
        "pulls",
        issue_id=issue.id,
        id=hub.store.new_id(),
        head_ref=head,
        head_sha=head_sha,
        base_ref=base,
        base_sha=base_sha,
        draft=int(draft),
    )
    _keep_head(hub, repo, issue, ZERO, head_sha)
    emit_thread(hub, repo, issue, "opened", by)
    return issue


def _custom(message: str) -> dict[str, str]:
    return {"resource": "PullRequest", "code": "custom", "message": message}


def _keep_head(hub: Hub, repo: Repo, issue: Issue, old: str, new: str) -> None:
    """Keep a pull request's commits under refs/pull, where they outlive the branch."""
    git, name = hub.git(repo), f"refs/pull/{issue.number}/head"

    def move() -> None:
        try:
            git.move_ref(name, new, old)
        except GitError:
            git.move_ref(name, new, git.refs(name).get(name, ZERO))

    hub.store.after_commit(move)


def open_pull_between(hub: Hub, repo: Repo, head: str, base: str) -> Pull | None:
    """The open pull request from one branch to the other."""
    return hub.store.one(
        Pull,
        "SELECT p.* FROM pulls p JOIN issues i ON i.id = p.issue_id"
        " WHERE i.repo_id = ? AND i.state = 'open' AND p.head_ref = ? AND p.base_ref = ?",
        repo.id,
        head,
        base,
    )


def open_pulls_from(hub: Hub, repo: Repo, head: str) -> list[Issue]:
    """The open pull requests from a branch."""
    return hub.store.all(
        Issue,
        "SELECT i.* FROM issues i JOIN pulls p ON p.issue_id = i.id"
        " WHERE i.repo_id = ? AND i.state = 'open' AND p.head_ref = ? ORDER BY i.number",
        repo.id,
        head,
    )


def set_base(hub: Hub, repo: Repo, issue: Issue, base: str, by: Actor) -> None:
    """Aim a pull request at another branch: `edited`."""
    pull = pull_of(hub, issue)
    if base == pull.base_ref:
        return
    sha = hub.head(repo, base)
    if sha is None or issue.state != "open":
        raise invalid("PullRequest", "base", "invalid")
    if hub.git(repo).count(sha, pull.head_sha) == 0:
        raise ApiError(422, "Validation Failed", [_custom(f"No commits between {base} and {pull.head_ref}")])
    hub.store.update("pulls", issue.id, base_ref=base, base_sha=sha)
    touch(hub, issue)
    note(hub, issue, "base_ref_changed", by)
    changes = {"base": {"ref": {"from": pull.base_ref}, "sha": {"from": pull.base_sha}}}
    emit_thread(hub, repo, issue, "edited", by, lambda view: {"changes": changes})


def check_reopen(hub: Hub, repo: Repo, issue: Issue) -> None:
    """Raise 422 when a closed pull request cannot come back: merged, or its branch is gone or taken."""
    pull = pull_of(hub, issue)
    if pull.merged_at is not None or hub.head(repo, pull.head_ref) is None:
        raise ApiError(422, "Validation Failed", [_custom("state cannot be changed.")])
    if open_pull_between(hub, repo, pull.head_ref, pull.base_ref):
        message = f"A pull request already exists for {repo.owner}:{pull.head_ref}."
        raise ApiError(422, "Validation Failed", [_custom(message)])
    head, base = hub.head(repo, pull.head_ref), hub.head(repo, pull.base_ref)
    hub.store.update("pulls", issue.id, head_sha=head, base_sha=base or pull.base_sha)


def set_draft(hub: Hub, repo: Repo, issue: Issue, draft: bool, by: Actor) -> None:
    """Make a pull request ready for review, or a draft again; nothing happens when it is so already."""
    pull = pull_of(hub, issue)
    if bool(pull.draft) == draft:
        return
    hub.store.update("pulls", issue.id, draft=int(draft))
    touch(hub, issue)
    note(hub, issue, "convert_to_draft" if draft else "ready_for_review", by)
    emit_thread(hub, repo, issue, "converted_to_draft" if draft else "ready_for_review", by)


def request_reviewers(hub: Hub, repo: Repo, issue: Issue, reviewers: list[User], by: Actor) -> None:
    """Ask people for a review: `review_requested` for each who was not asked yet."""
    present = {user.id for user in requested_reviewers(hub, issue)}
    for reviewer in reviewers:
        if reviewer.id in present:
            continue
        hub.store.insert("review_requests", issue_id=issue.id, user_id=reviewer.id)
        _note_request(hub, repo, issue, "review_requested", reviewer, by)


def withdraw_reviewers(hub: Hub, repo: Repo, issue: Issue, reviewers: list[User], by: Actor) -> None:
    """Ask them no longer: `review_request_removed` for each."""
    present = {user.id for user in requested_reviewers(hub, issue)}
    for reviewer in reviewers:
        if reviewer.id in present:
            hub.store.run("DELETE FROM review_requests WHERE issue_id = ? AND user_id = ?", issue.id, reviewer.id)
            _note_request(hub, repo, issue, "review_request_removed", reviewer, by)


def _note_request(hub: Hub, repo: Repo, issue: Issue, event: str, reviewer: User, by: Actor) -> None:
    touch(hub, issue)
    note(hub, issue, event, by, {"requested_reviewer": reviewer.id, "review_requester": by.user.id})
    emit_thread(hub, repo, issue, event, by, lambda view: {"requested_reviewer": user_json(view, reviewer)})


def mark_merged(hub: Hub, repo: Repo, issue: Issue, commit: str, by: Actor) -> None:
    """Record that a pull request's commits are on its base: merged, closed, `pull_request.closed`."""
    hub.store.update("pulls", issue.id, merged_at=iso(), merged_by=by.user.id, merge_commit_sha=commit)
    note(hub, issue, "merged", by, commit_id=commit)
    close(hub, repo, again(hub, issue), None, by)


def follow_head(hub: Hub, repo: Repo, branch: str, old: str, new: str, by: Actor) -> None:
    """A branch moved: open pull requests from it move along (`synchronize`), or close when it is gone."""
    for pull in _open_pulls(hub, repo, "head_ref", branch):
        issue = hub.store.one(Issue, "SELECT * FROM issues WHERE id = ?", pull.issue_id)
        assert issue is not None
        if new == ZERO:
            note(hub, issue, "head_ref_deleted", by)
            close(hub, repo, issue, None, by)
            continue
        hub.store.update("pulls", issue.id, head_sha=new)
        touch(hub, issue)
        _keep_head(hub, repo, issue, old, new)
        emit_thread(hub, repo, issue, "synchronize", by, lambda view: {"before": old, "after": new})
        dismiss_stale(hub, repo, issue, by)


def follow_base(hub: Hub, repo: Repo, branch: str, new: str, by: Actor) -> None:
    """A base branch moved: pull requests whose head it now contains are merged, the others see the new base."""
    for pull in _open_pulls(hub, repo, "base_ref", branch):
        issue = hub.store.one(Issue, "SELECT * FROM issues WHERE id = ?", pull.issue_id)
        assert issue is not None
        if new == ZERO:
            close(hub, repo, issue, None, by)
        elif hub.git(repo).is_ancestor(pull.head_sha, new):
            mark_merged(hub, repo, issue, new, by)
        else:
            hub.store.update("pulls", issue.id, base_sha=new)


def _open_pulls(hub: Hub, repo: Repo, column: str, branch: str) -> list[Pull]:
    return hub.store.all(
        Pull,
        "SELECT p.* FROM pulls p JOIN issues i ON i.id = p.issue_id"
        f" WHERE i.repo_id = ? AND i.state = 'open' AND p.{column} = ? ORDER BY i.number",
        repo.id,
        branch,
    )
