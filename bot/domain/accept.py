"""What does an event mean for the run? The only way in: pure, and safe to ask again for the same event."""

from datetime import timedelta

from bot.domain import commands
from bot.domain.decisions import Accepted, Decision, Ignored, Refusal
from bot.domain.entries import (
    ApprovalWithdrawn,
    ArtifactsTidied,
    AttemptFinished,
    DeploymentFinished,
    GateOpened,
    HeadMoved,
    MergeUnblocked,
    MergeWasRefused,
    PullRequestClosed,
    PullRequestMerged,
    PullRequestOpened,
    Recorded,
    TimerFired,
)
from bot.domain.events import (
    CommandGiven,
    Event,
    IssueLabelled,
    MoveMade,
    PullRequestChanged,
    ReviewSubmitted,
    ReviewWasDismissed,
    TimerDue,
)
from bot.domain.facts import Facts
from bot.domain.forge import Issue, is_same_label
from bot.domain.permissions import Permission
from bot.domain.run import Run
from bot.domain.starting import start
from bot.domain.timers import timers
from bot.domain.votes import approve, reject
from bot.domain.wording import quoted

__all__ = ["accept", "known_cause"]

MAY_BE_MERGED = ("clean", "unstable", "has_hooks")
"""GitHub's words for a pull request that its rules allow to merge."""

_CLOCK_GRAIN = timedelta(seconds=1)
_A_LITTLE = timedelta(minutes=1)
"""How much too soon a timer may be: so far two clocks may be apart that both are right."""


def accept(run: Run | None, event: Event, facts: Facts) -> Decision:
    """Decide what `event` means. `run` is the issue's open run, None when it has none."""
    if run is not None and run.is_over:
        run = None
    match event:
        case IssueLabelled():
            return _labelled(run, event, facts)
        case CommandGiven():
            return _command(run, event, facts)
        case MoveMade():
            return _move_made(run, event)
        case ReviewSubmitted() | ReviewWasDismissed() | PullRequestChanged() | TimerDue() if run is None:
            return Ignored(why="no run of ours is open there")
        case ReviewSubmitted():
            return _reviewed(run, event, facts)
        case ReviewWasDismissed():
            return _review_dismissed(run, event)
        case PullRequestChanged():
            return _pull_changed(run, event, facts)
        case TimerDue():
            return _timer(run, event, facts)


def known_cause(event: Event, facts: Facts) -> str | None:
    """What made a person's event happen, where one such thing may be decided only once (a comment's line, a review,
    a `labeled` event); None for events that may come again and are judged by the state they find."""
    match event:
        case CommandGiven():
            return event.cause
        case ReviewSubmitted():
            return f"review:{event.review.id}"
        case IssueLabelled() if facts.start is not None and facts.start.label is not None:
            return f"label:{facts.start.label.event_id}"
        case _:
            return None


def _labelled(run: Run | None, event: IssueLabelled, facts: Facts) -> Decision:
    wanted = facts.start
    if wanted is None or not is_same_label(event.label, wanted.config.trigger.label):
        return Ignored(why=f"`{event.label}` is not the label that starts a run here")
    # Whoever took it off again at once has thought better of it: nothing is to be paid.
    if wanted.label is None or not _carries(wanted.issue, event.label):
        return Ignored(why=f"the issue does not carry the label `{event.label}` any more")
    if run is not None:
        return Ignored(why=f"run {run.id} is open already")
    if wanted.label.actor.is_bot:
        return Ignored(why=f"{wanted.label.actor.login} is a bot: a person has to ask")
    return start(facts, by=wanted.label.actor, cause=f"label:{wanted.label.event_id}", pipeline=None)


def _carries(issue: Issue, label: str) -> bool:
    return any(is_same_label(label, each) for each in issue.labels)


def _command(run: Run | None, event: CommandGiven, facts: Facts) -> Decision:
    if event.by.is_bot:
        return Ignored(why=f"{event.by.login} is a bot: commands come from people")
    if not event.explicit and run is not None and not run.started.config.short_commands:
        return Ignored(why=f"short commands are switched off here: `/{event.verb}` is meant for another bot")
    command = commands.find(event.verb)
    if command is None:
        names = ", ".join(f"`/{c.name}`" for c in commands.COMMANDS)
        return Refusal(reason=f"I do not know {quoted('/' + event.verb)}. I know {names}.", cause=event.cause)
    if event.edited:
        why = "This comment was edited, and an edit never runs a command"
        if event.source == "review":
            why = "I have read this review late, and GitHub does not tell whether it was edited since"
        reason = f"{why}: please repeat `/{event.verb}` in a new comment."
        return Refusal(reason=reason, cause=event.cause)
    if run is None and command.needs_run and not event.explicit and facts.permission < command.permission:
        return Ignored(why="no run is open there, and the word may have been meant for another bot")
    if facts.permission < command.permission:
        needed = command.permission.name.lower()
        reason = f"`/{event.verb}` needs {needed} permission on this repository, which @{event.by.login} does not have."
        return Refusal(reason=reason, cause=event.cause)
    if run is not None and event.at < run.started_at - _CLOCK_GRAIN and command.needs_run:
        return Ignored(why="written before this run began")
    if run is not None and run.unreadable and command.permission > Permission.READ:
        reason = f"`/{event.verb}` has to wait: {run.unreadable}."
        return Refusal(reason=reason, cause=event.cause)
    return command.accept(run, event, facts)


def _reviewed(run: Run, event: ReviewSubmitted, facts: Facts) -> Decision:
    review = event.review
    cause = f"review:{review.id}"
    if review.author.is_bot:
        return Ignored(why=f"{review.author.login} is a bot: reviews that count come from people")
    if facts.withdrawn:
        return Ignored(why="whoever gave that review has taken it back, or somebody has dismissed it")
    if review.state == "APPROVED" and run.blocked and run.gate is None:
        # It may be the review that the repository's rules wait for.
        return _merge_allowed(run, facts)
    if review.state == "APPROVED":
        return approve(run, by=review.author, at=review.submitted_at, review=review, facts=facts, cause=cause)
    if review.state == "CHANGES_REQUESTED":
        return reject(run, by=review.author, at=review.submitted_at, reason=review.body, facts=facts, cause=cause)
    return Ignored(why=f"a review that is {review.state} decides nothing")


def _review_dismissed(run: Run, event: ReviewWasDismissed) -> Decision:
    if event.review_id not in run.counted_reviews:
        return Ignored(why="that review does not count for anything now")
    entry = ApprovalWithdrawn(review_id=event.review_id, by=event.by)
    return Accepted(entry=entry, cause=f"dismissed:{event.review_id}")


def _merge_allowed(run: Run, facts: Facts) -> Decision:
    # A conflict is no rule that may come to be met: GitHub is asked once more, and a person told what it says.
    if facts.pull is None or facts.pull.mergeable_state not in (*MAY_BE_MERGED, "dirty"):
        return Ignored(why="the repository's rules do not allow the merge yet")
    return Accepted(entry=MergeUnblocked(), cause=f"unblocked:{run.seq}")


def _pull_changed(run: Run, event: PullRequestChanged, facts: Facts) -> Decision:
    pull = facts.pull
    if pull is None or run.pull_number != pull.number:
        return Ignored(why="it is not this run's pull request")
    if run.is_merged_by(pull):
        if run.merged_sha:
            return Ignored(why="the merge is recorded already")
        if pull.merge_commit_sha is None:
            return Ignored(why="GitHub does not say yet what it was merged as")
        by = None if run.merging else event.by
        entry = PullRequestMerged(sha=pull.merge_commit_sha, by=by)
        return Accepted(entry=entry, cause=f"merge:{pull.merge_commit_sha}")
    if pull.state == "closed":
        if run.is_winding_up:
            return Ignored(why="the run is being wound up already")
        return Accepted(entry=PullRequestClosed(by=event.by or facts.bot), cause=f"closed:{run.seq}")
    if pull.head_sha == run.head and run.blocked:
        return _merge_allowed(run, facts)
    if pull.head_sha == run.head or facts.head_is_ours:
        return Ignored(why="the head is the one we know")
    return Accepted(entry=HeadMoved(head=pull.head_sha, by=event.by), cause=f"head:{pull.head_sha}:{run.seq}")


def _timer(run: Run, event: TimerDue, facts: Facts) -> Decision:
    gate = run.open_gate(event.gate, event.round)
    if gate is None:
        return Ignored(why="that gate is not open any more")
    due = dict(timers(run.plan.gate(event.gate), gate.shown_at or gate.opening_at)).get(event.timer)
    if due is None or facts.now < due - _A_LITTLE:
        # A clock was ahead when it woke us. The sweep sees to it that the timer comes again.
        return Ignored(why="its time has not come yet")
    cause = f"timer:{event.gate}:{event.round}:{event.timer}"
    return Accepted(entry=TimerFired(gate=event.gate, round=event.round, timer=event.timer), cause=cause)


def _move_made(run: Run | None, event: MoveMade) -> Decision:
    if run is None:
        return Ignored(why="the run is gone")
    if not _is_news(run, event.entry):
        return Ignored(why=f"the run knows that, or has moved on: {event.entry.kind}")
    return Accepted(entry=event.entry, cause=event.cause)


def _is_news(run: Run, entry: Recorded) -> bool:
    """Whether what a move came to still fits the run: it may be reported twice, or by a driver that was overtaken."""
    match entry:
        case AttemptFinished():
            attempt = run.attempt(entry.stage, entry.number)
            return attempt is not None and attempt.finished is None
        case PullRequestOpened():
            return run.pull_number != entry.number
        case GateOpened():
            gate = run.open_gate(entry.gate, entry.round)
            return gate is not None and gate.shown_at is None
        case ArtifactsTidied():
            return run.head == entry.parent
        case HeadMoved():
            return run.head != entry.head and run.merged_sha is None
        case DeploymentFinished():
            return run.is_deploying(entry.environment, entry.number)
        case MergeWasRefused():
            return run.merging is not None
        case PullRequestMerged():
            return run.merged_sha is None
        case PullRequestClosed():
            return not run.is_winding_up
        case _:
            return True
