"""The moves at a gate: it is opened, people are reminded of it, and its approval ends when code follows it."""

from dbos import DBOS

from bot.domain.entries import GateOpened, Reminded, ReviewDismissed
from bot.domain.errors import NotFound, Rejected
from bot.domain.events import MoveMade
from bot.domain.moves import DismissReview, OpenGate, Remind
from workflows import publisher
from workflows.making import Making


def open_gate(making: Making, move: OpenGate) -> MoveMade | None:
    """The work is ready to be looked at, the right people are asked, and a new comment says what for. None when there
    is nothing to be decided any more: a push or a cancellation has followed the claim."""
    run, number, effects = making.run, making.pull_number, making.here.effects
    prefix = f"gate:{move.gate}:{move.round}"
    # A comment that was begun is brought to its end all the same: nobody knows yet whether it is there.
    if run.open_gate(move.gate, move.round) is None and effects.intended(f"{run.id}:{prefix}") is None:
        for kind in ("ready", "review-request"):
            effects.withdraw_all(run.id, kind)
        return None
    publisher.publish_work(making.here, run, making.claim)
    if move.gate == run.plan.merge_gate.name:
        making.repeatable("ready", "ready", lambda: _mark_ready(making, number))
    asked = [run.started.started_by.login]
    making.repeatable(f"{prefix}:request", "review-request", lambda: _request_review(making, number, asked))
    shown = making.comment(prefix, "gate-comment", "comments/gate.md.j2", view=making.gate_view(move.subject))
    # Who was shown an earlier try of it may have answered that one.
    first = effects.first_tried(f"{run.id}:{prefix}")
    shown_at = min(shown.created_at, first) if first else shown.created_at
    entry = GateOpened(gate=move.gate, round=move.round, comment_id=shown.id, shown_at=shown_at)
    return MoveMade(entry=entry, cause=f"{prefix}:opened")


def remind(making: Making, move: Remind) -> MoveMade:
    """One more comment, as long as the gate is open."""
    gate = making.run.open_gate(move.gate, move.round)
    prefix = f"gate:{move.gate}:{move.round}:reminder"
    if gate is not None:
        making.comment(prefix, "reminder", "comments/reminder.md.j2", view=making.gate_view(gate.subject))
    return MoveMade(entry=Reminded(gate=move.gate, round=move.round), cause=prefix)


def dismiss_review(making: Making, move: DismissReview) -> MoveMade:
    """An approval of the plan is no approval of the code: it must not satisfy branch protection."""
    number = making.pull_number
    why = f"This approved gate `{move.gate}`. New commits have followed, so it does not stand for the merge."

    def dismiss() -> None:
        try:
            making.repository.dismiss_review(number, move.review_id, why)
        except (Rejected, NotFound) as refused:
            # Somebody has dismissed it already, or GitHub has.
            DBOS.logger.warning(f"{making.run.id}: review {move.review_id} not dismissed: {refused}")

    making.repeatable(f"dismissed:{move.review_id}", "dismissal", dismiss)
    return MoveMade(entry=ReviewDismissed(review_id=move.review_id), cause=f"we-dismissed:{move.review_id}")


def _mark_ready(making: Making, number: int) -> None:
    """Somebody may have said so before us, and where GitHub has no drafts it never was one."""
    try:
        making.repository.mark_ready(making.run.pull_node_id or "")
    except Rejected:
        if making.repository.pull_request(number).draft:
            raise


def _request_review(making: Making, number: int, logins: list[str]) -> None:
    try:
        making.repository.request_reviewers(number, logins)
    except Rejected as refused:
        # Somebody who cannot review here (any more) is still told by the gate's comment.
        DBOS.logger.warning(f"{making.run.id}: no review request: {refused}")
