"""The moves of the pull request: it is opened, tidied, merged, and with it the run ends."""

import logging

from bot.domain.accept import MAY_BE_MERGED
from bot.domain.entries import (
    ArtifactsTidied,
    HeadMoved,
    MergeWasRefused,
    PullRequestClosed,
    PullRequestMerged,
    PullRequestOpened,
    RunFinished,
)
from bot.domain.errors import Rejected, UserError
from bot.domain.events import MoveMade
from bot.domain.forge import Merged, MergeRefused, PullRequest
from bot.domain.moves import Finish, Merge, TidyArtifacts
from bot.domain.rendering import commit_texts, pull_request_title, tidying_message
from bot.domain.run import Run
from bot.domain.trees import HeadMoved as Moved
from workflows import attempt_steps, publisher
from workflows.attempt_keys import tidying_key
from workflows.making import Making
from workflows.patience import patiently

log = logging.getLogger("issuewright.pull_request_moves")
_TRY_AGAIN = ("try the merge again", "is not mergeable")
"""What GitHub says when another merge into the base, or its own look at this one, came in between."""


def open_pull_request(making: Making) -> MoveMade:
    """A draft, from the run's branch: there is at most one for a branch."""
    started, repository = making.run.started, making.repository
    title = pull_request_title(making.run)
    text = making.here.templates.render("comments/pull_request.md.j2", run=making.run)
    opened: list[PullRequest] = []

    def act() -> str:
        head, base = started.branch, started.base_branch
        opened.append(repository.open_pull_request(title, text, head=head, base=base, draft=True))
        return str(opened[0].number)

    def find() -> str | None:
        found = repository.find_pull_request(started.branch)
        return None if found is None else str(found.number)

    number = int(making.once("pull-request", "pull-request", act, find))
    pull = opened[0] if opened else patiently(lambda: repository.pull_request(number))
    entry = PullRequestOpened(number=pull.number, node_id=pull.node_id)
    return MoveMade(entry=entry, cause=f"pull-request:{pull.number}")


def tidy(making: Making, move: TidyArtifacts) -> MoveMade | None:
    """One more commit, without the folder; where `ref` is configured, the one before stays to be found. None when the
    branch has moved since this was claimed."""
    here, run, repo, key = making.here, making.run, making.issue.repo, tidying_key(making.run)
    if move.parent != run.head:
        return None
    if run.started.config.artifacts == "ref":
        ref = f"refs/issuewright/artifacts/{run.id}"
        making.repeatable(f"{key}:artifacts", "ref", lambda: here.workspaces.publish_ref(repo, move.parent, ref))
    folder, message = run.started.folder, tidying_message(run)
    sha = here.workspaces.commit_without(repo, move.parent, folder, message=message, at=run.started_at)
    moved: list[str | None] = []

    def push() -> str:
        answer = here.workspaces.push(repo, sha, run.started.branch, expected=move.parent)
        if isinstance(answer, Moved):
            moved.append(answer.head)
            raise Rejected("somebody pushed meanwhile")
        return sha

    try:
        making.once(key, "push", push, intended=sha)
    except Rejected:
        if not moved or moved[0] is None:
            raise
        return _head_moved(run, moved[0])
    digests = attempt_steps.digest(here, run, sha, parent=move.parent)
    entry = ArtifactsTidied(
        commit=sha,
        parent=move.parent,
        diff_digest=digests.diff_digest or "",
        artifacts_digest=digests.artifacts_digest or "",
    )
    return MoveMade(entry=entry, cause=key)


def merge(making: Making, move: Merge) -> MoveMade | None:
    """Only the approved head is merged: GitHub compares it with the branch's in the very act. None when an approval
    was taken back since this was claimed."""
    run, number, head = making.run, making.pull_number, move.subject.head
    if run.merging != move.subject:
        return None
    _has_its_base(making, number)
    publisher.publish_check_run(making.here, run, making.claim)
    title, message = commit_texts(run)
    refusal: list[MergeRefused] = []

    def act() -> str:
        answer = making.repository.merge(number, head, run.started.config.merge.method, title, message)
        if isinstance(answer, Merged):
            return answer.sha
        refusal.append(answer)
        raise Rejected(answer.reason, 409 if answer.head_moved else 405)

    def find() -> str | None:
        pull = making.repository.pull_request(number)
        return pull.merge_commit_sha if run.is_merged_by(pull) else None

    try:
        sha = making.once(f"merge:{head}", "merge", act, find)
    except Rejected:
        if not refusal:
            raise
        return _merge_refused(making, refusal[0], number, head)
    return _merged(sha)


def finish(making: Making, move: Finish) -> MoveMade:
    """Nothing is left waiting: after a merge the issue is closed and the branch gone, else the PR is closed."""
    run, repository = making.run, making.repository
    if run.merged_sha is not None:
        # GitHub may have told of the merge before whoever merged could note it.
        making.came_about(f"merge:{run.head}", run.merged_sha)
    if move.outcome == "merged":
        shipped = run.deployment("production")
        if shipped is not None and shipped.status != "success":
            making.comment("production", "deployment-comment", "comments/production.md.j2", shipped=shipped)
        making.repeatable("close-issue", "close-issue", lambda: repository.close_issue(making.issue.number))
        making.repeatable("delete-branch", "delete-branch", lambda: _delete_branch(making))
    elif run.pull_number is not None:
        number = run.pull_number
        pull = patiently(lambda: repository.pull_request(number))
        if run.is_merged_by(pull) and pull.merge_commit_sha:
            # Somebody merged it meanwhile: that cannot be taken back.
            return _merged(pull.merge_commit_sha)
        if not pull.merged:
            what = "close-pull-request"
            making.repeatable(what, what, lambda: repository.edit_pull_request(number, state="closed"))
    # Of heads that were replaced before they could be merged.
    making.here.effects.withdraw_all(run.id, "merge")
    return MoveMade(entry=RunFinished(outcome=move.outcome), cause="finished")


def _delete_branch(making: Making) -> None:
    """As it was merged, and no further: what somebody has pushed since then is on no other."""
    run, workspaces = making.run, making.here.workspaces
    if run.head is not None and not workspaces.delete_branch(making.issue.repo, run.started.branch, expected=run.head):
        log.info("%s: the branch %s stays, it is not as it was merged any more", run.id, run.started.branch)


def _has_its_base(making: Making, number: int) -> None:
    """GitHub compares the head in the act of merging, but merges into whatever base the pull request has by then: a
    change of another branch is not what was approved. Raises UserError."""
    base = making.run.started.base_branch
    pull = patiently(lambda: making.repository.pull_request(number))
    if pull.state == "open" and pull.base_ref != base:
        now = f"the pull request goes to the branch {pull.base_ref} now, and what was approved is a change of {base}"
        raise UserError(f"{now}: change its base back to {base}, then `/retry`")


def _merge_refused(making: Making, refusal: MergeRefused, number: int, head: str) -> MoveMade:
    pull = patiently(lambda: making.repository.pull_request(number))
    if refusal.head_moved and pull.head_sha != head:
        return _head_moved(making.run, pull.head_sha)
    if pull.state == "closed" and not making.run.is_merged_by(pull):
        # Somebody was a moment earlier, and GitHub's rules have nothing to do with it.
        closed = PullRequestClosed(by=patiently(making.here.github.bot))
        return MoveMade(entry=closed, cause=f"closed:{making.run.seq}")
    held_up = pull.mergeable_state in ("blocked", "behind", "unknown") and not pull.draft
    # Somebody else's merge was a moment earlier, or GitHub had not found out yet: its rules have nothing against it.
    overtaken = pull.mergeable_state in MAY_BE_MERGED and any(w in refusal.reason.lower() for w in _TRY_AGAIN)
    if held_up:
        by_command = _by_command(making.run) if "review" in refusal.reason.lower() else []
        told = {"reason": refusal.reason, "by_command": by_command, "commit": making.links.commit(head)}
        making.comment(f"held-up:{head}", "held-up", "comments/held_up.md.j2", **told)
    entry = MergeWasRefused(reason=refusal.reason, may_pass=held_up or overtaken)
    return MoveMade(entry=entry, cause=f"merge-refused:{making.token}")


def _by_command(run: Run) -> list[str]:
    """Who has approved the merge, but not in a review, which is all that GitHub counts."""
    passed = run.passed.get(run.plan.merge_gate.name)
    reviewers = {actor.id for actor in passed.reviews.values()} if passed else set()
    return [actor.login for actor in passed.by if actor.id not in reviewers] if passed else []


def _merged(sha: str) -> MoveMade:
    return MoveMade(entry=PullRequestMerged(sha=sha), cause=f"merge:{sha}")


def _head_moved(run: Run, head: str) -> MoveMade:
    return MoveMade(entry=HeadMoved(head=head), cause=f"head:{head}:{run.seq}")
