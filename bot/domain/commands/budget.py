"""`/budget`: let the run spend more."""

import math

from bot.domain.commands.base import Command, no_run
from bot.domain.decisions import Accepted, Decision, Refusal
from bot.domain.entries import BudgetRaised
from bot.domain.events import CommandGiven
from bot.domain.facts import Facts
from bot.domain.run import Run


class Budget(Command):
    """Set how many US dollars the run may spend in all; a run that stopped at its cap goes on."""

    name = "budget"
    usage = "/budget <usd>"
    example = "/budget 40"

    def accept(self, run: Run | None, call: CommandGiven, facts: Facts) -> Decision:
        """Take any amount above what is spent; anything else is explained."""
        if run is None:
            return Refusal(reason=no_run(call), cause=call.cause)
        try:
            usd = float(call.argument.removeprefix("$"))
        except ValueError:
            usd = math.nan
        if not math.isfinite(usd) or usd > 1_000_000:
            return Refusal(reason="Please give an amount in US dollars: `/budget 40`.", cause=call.cause)
        if usd <= run.cost_usd:
            reason = f"${run.cost_usd:.2f} is spent already: `/budget` takes more than that."
            return Refusal(reason=reason, cause=call.cause)
        return Accepted(entry=BudgetRaised(run_usd=usd, by=call.by), cause=call.cause)
