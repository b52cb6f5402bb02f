"""After a sleeper: a worker that was declared dead may have been on its way to GitHub, and act once when it wakes up.

What it does then is of the time when it fell asleep. Comments that are there twice, or show an old state, are seen by
the reconciler; here it is made to look at once, and what no list of comments tells is looked at for each run that has
gone on since.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select

from bot.domain.errors import NotFound, Rejected
from bot.domain.rendering import LABELS, state_label
from bot.domain.run import Run
from workflows import converge
from workflows.clock import stamp
from workflows.patience import patiently
from workflows.publisher import IN_DOUBT, now_shows
from workflows.reconciler import reconcile
from workflows.schema.tables import effects, runs
from workflows.services import Services

log = logging.getLogger("issuewright.sleepers")
_CLOCKS_DIFFER = timedelta(minutes=1)


def after_a_sleeper(here: Services, since: datetime) -> int:
    """Repair what a worker may have done that knew nothing of what happened since then; returns how many runs were
    looked at."""
    began = stamp(since - _CLOCKS_DIFFER)
    with here.database.read() as connection:
        changed = list(connection.execute(select(runs.c.run_id).where(runs.c.updated_at >= began)).scalars())
    log.warning("a worker that had been declared dead woke up: looking after %d run(s)", len(changed))
    reconcile(here)
    for run_id in changed:
        run = here.journal.run(run_id)
        if run is not None:
            _check_runs(here, run, began)
            _unless_gone(run, lambda run=run: _labels(here, run))  # type: ignore[misc]
    return len(changed)


def _check_runs(here: Services, run: Run, began: str) -> None:
    """Each check run once; the head's says how the run stands."""
    query = select(effects.c.key).where(effects.c.run_id == run.id, effects.c.kind == "check-run")
    with here.database.read() as connection:
        keys = list(connection.execute(query.where(effects.c.done_at >= began)).scalars())
    for key in keys:
        here.effects.look_again(key)
        _unless_gone(run, lambda key=key: converge.one_check_run(here, run.id, key))  # type: ignore[misc]
    if run.head is not None:
        converge.show_again(here, f"{run.id}:check:{run.head}")


def _labels(here: Services, run: Run) -> None:
    """The issue's state labels, which are those of its newest run: where another one is there, the publisher puts right
    what is."""
    if run.started.ordinal < here.journal.runs_of(run.started.issue):
        return
    labels = here.github.repository(run.started.issue.repo).issue(run.started.issue.number).labels
    wanted = state_label(run)
    wrong = [label for label in LABELS if label in labels and label != wanted]
    if wrong or (wanted is not None and wanted not in labels):
        with here.database.write() as connection:
            now_shows(connection, run.id, "label", IN_DOUBT)
            converge.publish_again(here, connection, run.id)


def _unless_gone(run: Run, look: Callable[[], object]) -> None:
    """The issue may have been deleted or transferred, or the commit be gone: there is nothing to repair then, and the
    other runs are looked after all the same."""
    try:
        patiently(look)
    except (NotFound, Rejected) as gone:
        log.warning("%s: not looked after: %s", run.id, gone)
