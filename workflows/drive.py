"""Drive: one workflow makes one move of one run. It decides nothing and remembers nothing."""

from collections.abc import Callable
from contextlib import suppress
from typing import assert_never

from dbos import DBOS

from bot.domain.decisions import Decision, Ignored
from bot.domain.entries import RunParked
from bot.domain.errors import NotFound, Rejected, UserError
from bot.domain.events import MoveMade
from bot.domain.facts import Facts
from bot.domain.moves import (
    Deploy,
    DismissReview,
    Finish,
    Merge,
    Move,
    OpenGate,
    OpenPullRequest,
    Park,
    Remind,
    StartAttempt,
    StopAttempt,
    TidyArtifacts,
    describe,
)
from bot.domain.next_moves import next_moves
from bot.domain.run import Run
from workflows import gate_moves, pull_request_moves
from workflows.claims import Claim, Superseded
from workflows.clock import now
from workflows.failpoints import reach
from workflows.journal import StaleFacts
from workflows.making import Making
from workflows.patience import patiently
from workflows.services import Services, services
from workflows.steps import step


@DBOS.workflow(name="drive", max_recovery_attempts=None)
def drive(run_id: str) -> None:
    """Claim the run's next move, make it, and record what came of it; the record wakes the next driver."""
    try:
        _drive(services(), run_id)
    except Superseded as problem:
        # Two workers may start two workflows of one run in the same moment, whatever the queue's limit says: one of
        # them has the claim, and the sweep drives on when that one does not.
        DBOS.logger.info(f"{run_id}: driven by another: {problem}")


def _drive(here: Services, run_id: str) -> None:
    token = DBOS.workflow_id or run_id
    claim = here.claims.take(f"run:{run_id}")
    move = step("claim", Move | None, here.journal.claim_next_move, run_id, token)
    if move is None:
        return
    reach(f"drive.{type(move).__name__}.claimed")
    outcome = step("make", MoveMade | None, _make, here, run_id, move, claim, token)
    reach(f"drive.{type(move).__name__}.made")
    if outcome is not None and isinstance(step("record", Decision, _record, here, run_id, move, outcome), Ignored):
        _goes_on(here, run_id, move)


def _goes_on(here: Services, run_id: str, move: Move) -> None:
    """Whoever told what made the outcome old news has woken a driver. Raises RuntimeError when nobody has: the same
    move would be made for ever, and come to nothing each time, so the sweep is to count this as a failure."""
    run = here.journal.run(run_id)
    if run is not None and move in next_moves(run):
        raise RuntimeError(f"{describe(move)}: made before, and it has changed nothing")


def record(here: Services, run_id: str, outcome: MoveMade) -> Decision:
    """Put the outcome of a move into the run's journal, if it still belongs there."""
    bot = patiently(here.github.bot)
    return here.journal.decide(outcome, Facts(now=now(), bot=bot), of=run_id)


def park(here: Services, run_id: str, outcome: MoveMade, matters: Callable[[Run], bool]) -> Decision:
    """Have the run wait for a person's help, if what went wrong still matters to it as it stands now: a merge or a
    cancellation may have come in between, and whoever told of it has woken a driver."""
    facts = Facts(now=now(), bot=patiently(here.github.bot))
    while True:
        run = here.journal.run(run_id)
        if run is None or not matters(run):
            return Ignored(why="the run has gone on meanwhile")
        with suppress(StaleFacts):
            return here.journal.decide(outcome, facts, of=run_id, seq=run.seq)


def _record(here: Services, run_id: str, move: Move, outcome: MoveMade) -> Decision:
    if not isinstance(outcome.entry, RunParked):
        return record(here, run_id, outcome)
    return park(here, run_id, outcome, lambda run: move in next_moves(run))


def _make(here: Services, run_id: str, move: Move, claim: Claim, token: str) -> MoveMade | None:
    """What the move came to; None when recording its claim was all there is to it."""
    run = here.journal.run(run_id)
    if run is None:
        return None
    making = Making(here, run, claim, token)
    try:
        match move:
            case StartAttempt() | StopAttempt() | Deploy() | Park():
                # Whoever goes on from here was woken when the claim was recorded.
                return None
            case OpenPullRequest():
                return pull_request_moves.open_pull_request(making)
            case OpenGate():
                return gate_moves.open_gate(making, move)
            case Remind():
                return gate_moves.remind(making, move)
            case DismissReview():
                return gate_moves.dismiss_review(making, move)
            case TidyArtifacts():
                return pull_request_moves.tidy(making, move)
            case Merge():
                return pull_request_moves.merge(making, move)
            case Finish():
                return pull_request_moves.finish(making, move)
            case _:
                assert_never(move)
    except (Rejected, NotFound, UserError) as problem:
        # GitHub will say the same again: a person has to mend it, and `/retry`.
        return MoveMade(entry=RunParked(reason=f"{describe(move)}: {problem}"), cause=f"parked:{token}")
