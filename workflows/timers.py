"""Timers: a gate's reminder or deadline is a delayed workflow that only says "look again"; whatever should have fired
and has not is found by its row."""

import logging
from datetime import timedelta

from dbos import DBOS
from sqlalchemy import delete, select

from bot.domain.decisions import Decision
from bot.domain.events import TimerDue
from bot.domain.facts import Facts
from workflows.clock import now, stamp
from workflows.patience import patiently
from workflows.schema.tables import timers
from workflows.services import Services, services
from workflows.steps import step

log = logging.getLogger("issuewright.timers")
_LATE = timedelta(seconds=10)
"""So long a timer's own wake-up may take."""
_AT_ONCE = 200


@DBOS.workflow(name="timer", max_recovery_attempts=None)
def timer(run_id: str, gate: str, round: int, which: str) -> None:
    """The time has come; whether it truly has, and still means anything, is the domain's to say."""
    here = services()
    event = TimerDue.model_validate({"gate": gate, "round": round, "timer": which})

    def decide() -> Decision:
        bot = patiently(here.github.bot)  # who, at the latest, tells the time that counts
        return here.journal.decide(event, Facts(now=now(), bot=bot), of=run_id)

    step("decide", Decision, decide)


def look_again(here: Services) -> int:
    """Have runs looked at whose timers should have fired by now and have not; returns how many.

    A clock was wrong when they were set or when they came, their wake-up was lost, or an older release, which does
    not know these rows, has seen to their gate."""
    at = now()
    query = select(timers).where(timers.c.due_at < stamp(at - _LATE)).order_by(timers.c.due_at).limit(_AT_ONCE)
    with here.database.read() as connection:
        late = connection.execute(query).all()
    for row in late:
        run = here.journal.run(row.run_id)
        still_open = run is not None and run.open_gate(row.gate, row.round) is not None
        with here.database.write() as connection:
            if still_open:
                log.warning("%s: the timer `%s` of gate %s is late: looking again", row.run_id, row.timer, row.gate)
                # Once a minute at most: asking again for the same workflow starts nothing.
                again = f"late-{int(at.timestamp()) // 60}"
                here.waker.timer(connection, row.run_id, row.gate, row.round, row.timer, None, again=again)
            else:
                mine = (timers.c.run_id == row.run_id) & (timers.c.gate == row.gate) & (timers.c.round == row.round)
                connection.execute(delete(timers).where(mine))
    return len(late)
