"""Timers: a gate's reminder or deadline is a delayed workflow that only says "look again"."""

from dbos import DBOS

from bot.domain.decisions import Decision
from bot.domain.events import TimerDue
from bot.domain.facts import Facts
from workflows.clock import now
from workflows.patience import patiently
from workflows.services import services
from workflows.steps import step


@DBOS.workflow(name="timer", max_recovery_attempts=None)
def timer(run_id: str, gate: str, round: int, which: str) -> None:
    """The time has come; whether that still means anything is the domain's to say."""
    here = services()
    event = TimerDue.model_validate({"gate": gate, "round": round, "timer": which})

    def decide() -> Decision:
        return here.journal.decide(event, Facts(now=now(), bot=patiently(here.github.bot)), of=run_id)

    step("decide", Decision, decide)
