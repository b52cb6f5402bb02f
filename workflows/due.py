"""What is still to come at open gates: a row a timer, so that one whose wake-up was lost or came too early is found."""

from sqlalchemy import Connection, delete, insert

from bot.domain.entries import GateOpened, Recorded, TimerFired
from bot.domain.run import Run
from bot.domain.timers import timers as timers_of
from workflows.clock import now, stamp
from workflows.schema.tables import timers
from workflows.wake import Waker


def set_timers(connection: Connection, waker: Waker, run: Run, entry: GateOpened) -> None:
    """Note what is due at a gate that has just been shown, and when to look."""
    for timer, due in timers_of(run.plan.gate(entry.gate), entry.shown_at):
        values = {"run_id": run.id, "gate": entry.gate, "round": entry.round, "timer": timer, "due_at": stamp(due)}
        connection.execute(insert(timers).values(**values))
        delay = max(0.0, (due - now()).total_seconds())
        waker.timer(connection, run.id, entry.gate, entry.round, timer, delay)


def settle(connection: Connection, before: Run, after: Run, entry: Recorded) -> None:
    """A timer that has fired, or whose gate is not open any more, is not due again."""
    gate = before.gate
    if gate is None:
        return
    mine = (timers.c.run_id == after.id) & (timers.c.gate == gate.gate) & (timers.c.round == gate.round)
    if after.open_gate(gate.gate, gate.round) is None:
        connection.execute(delete(timers).where(mine))
    elif isinstance(entry, TimerFired):
        connection.execute(delete(timers).where(mine, timers.c.timer == entry.timer))
