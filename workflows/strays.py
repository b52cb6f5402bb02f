"""Strays: agents at work on this machine whose attempt is over, or is executed on another machine meanwhile."""

import logging

from dbos import DBOS
from sqlalchemy import select

from bot.domain.refs import AttemptRef
from workflows.leases import Worker
from workflows.reaper import machine_of
from workflows.schema.tables import attempts, workers
from workflows.services import Services

log = logging.getLogger("issuewright.strays")


def stop_strays(here: Services, worker: Worker) -> int:
    """Ask agents to stop that nobody will ever hear; returns how many were found."""
    found = 0
    for key in here.supervisors.live():
        attempt = AttemptRef.of_key(key)
        reason = _why_stray(here, worker, attempt) if attempt is not None else None
        if attempt is None or reason is None:
            continue
        log.warning("%s is still at work here: stopping it, since %s", key, reason)
        here.supervisors.request_stop(attempt, reason)
        found += 1
    return found


def _why_stray(here: Services, worker: Worker, attempt: AttemptRef) -> str | None:
    mine = (
        (attempts.c.run_id == attempt.run_id)
        & (attempts.c.stage == attempt.stage)
        & (attempts.c.number == attempt.number)
    )
    with here.database.read() as connection:
        live = connection.execute(select(attempts.c.run_id).where(mine, attempts.c.finished_at.is_(None))).first()
        if live is None:
            return "its attempt is over"
        alive = connection.execute(select(workers).where(workers.c.declared_dead_at.is_(None)))
        places = {row.executor_id: row for row in alive}
    at_work = DBOS.list_workflows(
        status="PENDING", workflow_id_prefix=f"attempt:{attempt.key}:", load_input=False, load_output=False
    )
    # One whose worker is dead, or of this very machine, is still ours: we may be about to take it over.
    elsewhere = [places[w.executor_id] for w in at_work if w.executor_id in places]
    if elsewhere and machine_of(worker) not in {machine_of(row) for row in elsewhere}:
        return f"its attempt was taken over by {elsewhere[0].host}"
    return None
