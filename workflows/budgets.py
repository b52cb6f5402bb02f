"""Reservations: what an attempt may cost is set aside before it starts, in the transaction that claims it."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from bot.domain.entries import AttemptFinished
from bot.domain.moves import StartAttempt
from bot.domain.progress import reservation
from bot.domain.refs import AttemptRef
from bot.domain.run import Run
from workflows.database import insert_or
from workflows.schema.tables import budgets, reservations


def reserve(connection: Connection, run: Run, move: StartAttempt, at: datetime) -> str | None:
    """Set the attempt's money aside; None when that worked, else why not, for people.

    One conditional UPDATE decides, so that two attempts which start at once cannot both take the last dollar.
    """
    if move.mode != "work":
        return None
    repo, day = str(run.started.issue.repo), at.date().isoformat()
    usd, cap = reservation(run, run.plan.stage(move.stage)), run.started.config.budget.day_usd
    _open_day(connection, repo, day)
    today = (budgets.c.repo == repo) & (budgets.c.day == day)
    taken = connection.execute(update(budgets).where(today, budgets.c.usd + usd <= cap).values(usd=budgets.c.usd + usd))
    if taken.rowcount == 0:
        spent = connection.execute(select(budgets.c.usd).where(today)).scalar_one()
        cents = f"${spent:.2f} of ${cap:.2f} for {repo} today is spent or set aside"
        return f"{cents}, and the next attempt of {move.stage} may cost ${usd:.2f}: `/retry` tomorrow"
    key = AttemptRef(run_id=run.id, stage=move.stage, number=move.number).key
    connection.execute(insert(reservations).values(key=key, run_id=run.id, repo=repo, day=day, usd=usd))
    return None


def settle(connection: Connection, run: Run, entry: AttemptFinished) -> None:
    """The attempt is over: its real cost takes the place of what was set aside."""
    mine = reservations.c.key == AttemptRef(run_id=run.id, stage=entry.stage, number=entry.number).key
    row = connection.execute(select(reservations).where(mine, reservations.c.settled_usd.is_(None))).first()
    if row is None:
        return
    connection.execute(update(reservations).where(mine).values(settled_usd=entry.cost_usd))
    that_day = (budgets.c.repo == row.repo) & (budgets.c.day == row.day)
    connection.execute(update(budgets).where(that_day).values(usd=budgets.c.usd - row.usd + entry.cost_usd))


def _open_day(connection: Connection, repo: str, day: str) -> None:
    connection.execute(insert_or(connection, budgets).values(repo=repo, day=day, usd=0.0).on_conflict_do_nothing())
