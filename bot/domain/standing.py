"""Where a run stands, in one sentence for people."""

from bot.domain.moves import describe
from bot.domain.next_moves import next_moves, waiting_for
from bot.domain.run import Run


def standing(run: Run) -> str:
    """One or two sentences: what has happened last, what it waits for, what it has cost."""
    if run.outcome == "merged":
        state = "Merged."
    elif run.outcome == "cancelled":
        state = "Cancelled."
    elif (waits := waiting_for(run)) is not None:
        state = f"Waiting for {waits}."
    else:
        state = f"Working: {describe(next_moves(run)[0])}."
    return f"{state} Spent so far: ${run.cost_usd:.2f}."
