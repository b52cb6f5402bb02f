"""Retention: what nobody needs any more leaves the database, a bounded part at a time, by one worker at a time."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dbos import DBOS
from sqlalchemy import delete, select, true

from bot.adapters.supervisor.files import remove_old
from workflows.archive import archive_old_runs
from workflows.clock import now, stamp
from workflows.database import Database
from workflows.schema.tables import claims, deliveries, runs
from workflows.services import Retention, Services
from workflows.turns import Turns
from workflows.wake import reading, run_of

log = logging.getLogger("issuewright.retention")
_TURN = "retention"
_ENDED = ["SUCCESS", "ERROR", "CANCELLED"]
_AT_ONCE = 200
"""Rows a transaction: others that write wait some milliseconds."""
_MOST_ROWS = 20_000
_MOST_RUNS = 200
_YOUNG_SECONDS = 60.0
"""What is younger may belong to an attempt that began while we looked."""


@dataclass(frozen=True)
class Removed:
    """What one pass has removed."""

    runs: int = 0
    deliveries: int = 0
    workflows: int = 0


def keep_within_bounds(database: Database, wanted: Retention, executor: str) -> Removed | None:
    """One pass, if it is time for one and no other worker makes it; None otherwise."""
    if not Turns(database, executor).take(_TURN, rested=wanted.every):
        return None
    archived = 0
    if wanted.runs is not None:
        before = days_ago(wanted.runs)
        archived = len(archive_old_runs(database, wanted.archive, ended_before=before, limit=_MOST_RUNS))
    read = remove_deliveries(database, read_before=days_ago(wanted.deliveries))
    workflows = remove_workflows(database, ended_before=days_ago(wanted.workflows))
    removed = Removed(archived, read, workflows)
    if removed != Removed():
        log.info("archived %d runs, removed %d deliveries and %d workflows", archived, read, workflows)
    return removed


def days_ago(days: float) -> datetime:
    """That time."""
    return now() - timedelta(days=days)


def remove_deliveries(database: Database, *, read_before: datetime) -> int:
    """Remove deliveries that were read (or failed) before that time, with all that their readers left; how many. One
    that comes again afterwards is read again: what it caused is known by its cause."""
    before = stamp(read_before)
    # The index knows when they came; a reader that is just ending has said so already, and is not ended yet.
    read = deliveries.c.status.in_(("processed", "failed")) & (deliveries.c.received_at < before)
    read &= deliveries.c.processed_at < before
    removed = 0
    while removed < _MOST_ROWS:
        with database.read() as connection:
            rows = connection.execute(select(deliveries.c.id, deliveries.c.tries).where(read).limit(_AT_ONCE)).all()
        if rows:
            # First the workflows: with one of them still there the delivery would not be read if it came again.
            DBOS.delete_workflows([reading(row.id, number + 1) for row in rows for number in range(row.tries)])
            ids = [row.id for row in rows]
            with database.write() as connection:
                connection.execute(delete(deliveries).where(deliveries.c.id.in_(ids)))
                connection.execute(delete(claims).where(claims.c.key.in_([f"inbox:{each}" for each in ids])))
        removed += len(rows)
        if len(rows) < _AT_ONCE:
            break
    return removed


def remove_workflows(database: Database, *, ended_before: datetime) -> int:
    """Remove what the workflow engine keeps of workflows that ended before that time; how many.

    Those of open runs stay: the sweep goes on with an attempt from the step on that failed, and counts failures.
    """
    with database.read() as connection:
        still_open = set(connection.execute(select(runs.c.run_id).where(runs.c.is_open == true())).scalars())
    at = ended_before.isoformat()
    removed = _remove_listed(database, still_open, status=_ENDED, completed_before=at)
    # The timers of a run that is over would do nothing when their time comes, perhaps weeks from now.
    return removed + _remove_listed(database, still_open, status="DELAYED", name="timer", end_time=at)


def _remove_listed(database: Database, still_open: set[str], **which: Any) -> int:
    removed = stay = 0
    while removed < _MOST_ROWS:
        ended = DBOS.list_workflows(**which, load_input=False, load_output=False, limit=_AT_ONCE, offset=stay)
        gone = [each.workflow_id for each in ended if run_of(each.workflow_id) not in still_open]
        if gone:
            DBOS.delete_workflows(gone)
            _forget_claims(database, gone)
        removed += len(gone)
        stay += len(ended) - len(gone)
        if len(ended) < _AT_ONCE:
            break
    return removed


def _forget_claims(database: Database, workflow_ids: list[str]) -> None:
    """What the reconciler had heard was claimed by the workflow's name."""
    keys = [f"inbox:{workflow_id}" for workflow_id in workflow_ids if workflow_id.startswith("missed:")]
    if keys:
        with database.write() as connection:
            connection.execute(delete(claims).where(claims.c.key.in_(keys)))


def remove_files(here: Services) -> int:
    """Remove what this machine keeps of attempts that ended long ago; of how many."""
    in_use = {ref.key for ref in here.journal.work_in_use()}
    seconds = max(_YOUNG_SECONDS, here.retention.attempts * 86400)
    removed = here.supervisors.leftovers(in_use, older_than_seconds=seconds)
    removed |= here.operations.leftovers(in_use, older_than_seconds=seconds)
    # Nothing is in there once a command has ended.
    removed |= remove_old(here.commands_directory, in_use, older_than_seconds=min(seconds, 86400.0))
    return len(removed)
