"""Where a run stands, in one sentence for people."""

from typing import Literal

from bot.domain.moves import describe
from bot.domain.next_moves import next_moves, waiting_for
from bot.domain.run import Run

Status = Literal["working", "waiting", "parked", "merged", "cancelled"]


def status(run: Run) -> Status:
    """The run's state in one word: `waiting` is for people's decision, `parked` for their help."""
    if run.outcome is not None:
        return run.outcome
    if run.unreadable or run.parked:
        return "parked"
    return "waiting" if run.gate is not None and run.gate.shown_at is not None else "working"


def standing(run: Run) -> str:
    """One or two sentences: what has happened last, what it waits for, what it has cost."""
    if run.outcome == "merged":
        state = "Merged."
    elif run.outcome == "cancelled":
        state = "Cancelled."
    elif (waits := waiting_for(run)) is not None:
        state = f"Waiting for {waits.removesuffix('.')}."
    else:
        state = f"Working: {describe(next_moves(run)[0])}."
    return f"{state} Spent so far: ${run.cost_usd:.2f}."
