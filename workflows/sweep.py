"""The sweep: whatever should be moving and has no live workflow is set moving again, a bounded number of times. What
must not be given up (an answer that was paid for, what a run shows) is tried on, less and less often."""

import logging
import time
from datetime import datetime, timedelta

from dbos import DBOS, WorkflowStatus, error
from sqlalchemy import select, update

from bot.domain.agents import AgentResult
from bot.domain.decisions import Accepted
from bot.domain.entries import DeploymentFinished, RunParked
from bot.domain.errors import ForgeError
from bot.domain.events import MoveMade
from bot.domain.next_moves import next_moves
from bot.domain.refs import AttemptRef
from bot.domain.run import Run
from workflows import projections
from workflows.attempt import lost, not_begun
from workflows.attempt_steps import stop_reason
from workflows.clock import now
from workflows.drive import park, record
from workflows.homecoming import Recovery, bring_home
from workflows.rewinding import failed_step
from workflows.schema.tables import attempts, runs
from workflows.services import Services
from workflows.wake import REWOUND, VERSION

log = logging.getLogger("issuewright.sweep")
LIVE = ["PENDING", "ENQUEUED", "DELAYED"]
_RESTARTS = 5
_TOO_LARGE = 413
"""What GitHub says of a push that it will never take."""
_AGAIN_SECONDS, _SELDOM_SECONDS = 5, 3600
"""What is tried for ever is repeated after so long, then after twice as long each time, up to the other."""


def sweep(here: Services, recovery: Recovery) -> int:
    """One pass over the runs that do not simply wait for people; returns how many workflows were started anew."""
    started = 0
    for run_id in here.journal.unsettled_runs():
        run = here.journal.run(run_id)
        if run is None:
            continue
        live = _live_workflows(run)
        for again in (_publisher_again, _driver_again, _attempt_again, _deployment_again):
            started += again(here, run, live)
    return started + bring_home(here, recovery)


def _live_workflows(run: Run) -> set[str]:
    prefixes = [f"drive:{run.id}:", f"publish:{run.id}:", f"attempt:{run.id}.", f"deploy:{run.id}:"]
    found = DBOS.list_workflows(status=LIVE, workflow_id_prefix=prefixes, load_input=False, load_output=False)
    return {workflow.workflow_id for workflow in found}


def _driver_again(here: Services, run: Run, live: set[str]) -> int:
    if not next_moves(run) or any(w.startswith(f"drive:{run.id}:") for w in live):
        return 0
    tries = _failed_drives(run)
    if tries >= _RESTARTS:
        reason = f"its next step failed {tries} times in a row: {_last_error(f'drive:{run.id}:')}"
        outcome = MoveMade(entry=RunParked(reason=reason), cause=f"parked:sweep:{run.seq}")
        park(here, run.id, outcome, lambda as_it_is: as_it_is.seq == run.seq)
        return 0
    log.warning("%s: driving again from entry %d", run.id, run.seq)
    here.journal.wake_driver(run.id, f"{run.seq}.{int(time.time() * 1000)}")
    return 1


def _failed_drives(run: Run) -> int:
    """How many drivers have failed since the run's newest entry."""
    prefix = f"drive:{run.id}:{run.seq}"
    failed = DBOS.list_workflows(status="ERROR", workflow_id_prefix=prefix, load_input=False, load_output=False)
    return len(failed)


def _attempt_again(here: Services, run: Run, live: set[str]) -> int:
    if run.live is None:
        return 0
    ref = AttemptRef(run_id=run.id, stage=run.live.stage, number=run.live.number)
    prefix = f"attempt:{ref.key}:"
    if any(w.startswith(prefix) for w in live):
        if run.stop_requested:
            _let_be(here, run, ref, prefix)
        return 0
    mine = (attempts.c.run_id == ref.run_id) & (attempts.c.stage == ref.stage) & (attempts.c.number == ref.number)
    with here.database.read() as connection:
        before = connection.execute(select(attempts.c.restarts).where(mine)).scalar_one()
    # In this order: whoever has looked after the same attempt meanwhile has changed the count, or is seen here.
    last = _newest(prefix)
    if last is not None and last.status in LIVE:
        return 0
    if before >= _RESTARTS and not _is_tried_on(here, run, ref, last, before):
        return 0
    with here.database.write() as connection:
        counted = update(attempts).where(mine, attempts.c.restarts == before).values(restarts=before + 1)
        if connection.execute(counted).rowcount == 0:
            return 0
        log.warning("%s: executing again (%d)", ref.key, before + 1)
        if last is None:
            here.waker.attempt(connection, run.started.issue.repo, ref, before + 1)
    if last is None:
        return 1
    _rewind(run, last.workflow_id)
    return 0


def _is_tried_on(here: Services, run: Run, ref: AttemptRef, last: WorkflowStatus | None, failures: int) -> bool:
    """Whether an attempt that has failed too often is executed once more now. A person is asked for help; whoever says
    `/retry` need not wait, and is asked again if that fails. What is not worth keeping ends here, as lost."""
    prefix = f"attempt:{ref.key}:"
    failed_for = time.time() - (last.updated_at or 0) / 1000 if last is not None else 0.0
    if run.parked is not None and last is not None and failed_for < _wait(failures - _RESTARTS):
        return False
    if _is_worth_keeping(run, last, prefix):
        is_asked = run.parked is None and not _was_recorded_within(here, run, failed_for)
        return not (is_asked and _asks_for_help(here, run, ref))
    # First parked, then ended: the other way round a driver would start the next attempt in between.
    _asks_for_help(here, run, ref)
    finished = lost(ref, f"could not be brought to an end: {_last_error(prefix)}", _answer(last))
    record(here, run.id, MoveMade(entry=finished, cause=f"attempt:{ref.stage}:{ref.number}:finished"))
    return False


def _is_worth_keeping(run: Run, last: WorkflowStatus | None, prefix: str) -> bool:
    """Whether GitHub alone stands between an agent's answer and its end: a repository that was renamed, an App that may
    not write, an outage of hours. That will be mended, and then the answer need not be paid for once more."""
    failure = _last_failure(prefix)
    will_pass = isinstance(failure, ForgeError) and failure.status != _TOO_LARGE
    return will_pass and not run.is_winding_up and _answer(last) is not None


def _was_recorded_within(here: Services, run: Run, seconds: float) -> bool:
    """Whether something has been recorded of the run since so long ago, as `/retry` is."""
    with here.database.read() as connection:
        newest = connection.execute(select(runs.c.updated_at).where(runs.c.run_id == run.id)).scalar_one()
    return datetime.fromisoformat(newest) > now() - timedelta(seconds=seconds)


def _asks_for_help(here: Services, run: Run, ref: AttemptRef) -> bool:
    """Have the run wait for a person's help with an attempt; False when that does not matter any more."""
    wrong = _last_error(f"attempt:{ref.key}:")
    parked = RunParked(reason=f"attempt {ref.number} of {ref.stage} could not be brought to an end: {wrong}")
    outcome = MoveMade(entry=parked, cause=f"parked:sweep:{run.seq}")

    def matters(as_it_is: Run) -> bool:
        return not as_it_is.is_winding_up and as_it_is.live == run.live

    return isinstance(park(here, run.id, outcome, matters), Accepted)


def _wait(failures: int) -> float:
    """How many seconds later than the last of these failures the next try comes."""
    return float(min(_AGAIN_SECONDS * 2**failures, _SELDOM_SECONDS))


def _let_be(here: Services, run: Run, ref: AttemptRef, prefix: str) -> None:
    """End an attempt that should stop and still waits in the queue. When its turn comes, it finds that recorded."""
    waits = _newest(prefix)
    if waits is None or waits.status != "ENQUEUED" or DBOS.list_workflow_steps(waits.workflow_id):
        return
    ended = not_begun(ref, stop_reason(here, ref) or "it is not wanted any more")
    record(here, run.id, MoveMade(entry=ended, cause=f"attempt:{ref.stage}:{ref.number}:finished"))


def _newest(prefix: str) -> WorkflowStatus | None:
    found = DBOS.list_workflows(workflow_id_prefix=prefix, load_input=False, load_output=False, sort_desc=True, limit=1)
    return found[0] if found else None


def _answer(workflow: WorkflowStatus | None) -> AgentResult | None:
    """What the attempt's agent has answered; None when it has not."""
    steps = DBOS.list_workflow_steps(workflow.workflow_id) if workflow else []
    answered = next((step["output"] for step in steps if step["function_name"] == "agent" and step["output"]), None)
    return None if answered is None else AgentResult.model_validate(answered)


def _rewind(run: Run, workflow_id: str) -> None:
    """Have a failed attempt executed from the step on that failed. From its beginning it would get a fresh workspace,
    and what the agent had written, and was paid for, would be gone."""
    start = failed_step(DBOS.list_workflow_steps(workflow_id))
    repo = str(run.started.issue.repo)
    try:
        DBOS.rewind_workflow(
            workflow_id, start_step=start, queue_name=REWOUND, queue_partition_key=repo, application_version=VERSION
        )
    except error.DBOSException as trouble:
        log.warning("%s is not executed again now: %s", workflow_id, trouble)


def _deployment_again(here: Services, run: Run, live: set[str]) -> int:
    started = run.deploying
    if started is None:
        return 0
    prefix = f"deploy:{run.id}:{started.environment}:{started.number}:"
    if any(w.startswith(prefix) for w in live):
        return 0
    ended = DBOS.list_workflows(workflow_id_prefix=prefix, load_input=False, load_output=False)
    if any(workflow.status in LIVE for workflow in ended):
        return 0
    if len(ended) <= _RESTARTS:
        log.warning("%s: deploying again (%d)", run.id, len(ended))
        with here.database.write() as connection:
            here.waker.deployment(connection, run.id, started.environment, started.number, len(ended))
        return 1
    entry = DeploymentFinished(
        environment=started.environment,
        number=started.number,
        commit=started.commit,
        status="failure",
        release="",
        detail=f"could not be brought to an end: {_last_error(prefix)}",
    )
    cause = f"deploy:{started.environment}:{started.number}:finished"
    record(here, run.id, MoveMade(entry=entry, cause=cause))
    return 0


def _publisher_again(here: Services, run: Run, live: set[str]) -> int:
    with here.database.read() as connection:
        gone = projections.publisher(connection, run.id)
    if gone is None or gone in live or time.time() < _shown_again_at(run):
        return 0
    with here.database.write() as connection:
        if projections.publisher(connection, run.id) != gone:
            return 0
        fresh = here.waker.publish(connection, run.id, f"{run.seq}.{int(time.time() * 1000)}", soon=True)
        projections.set_publisher(connection, run.id, fresh)
    return 1


def _shown_again_at(run: Run) -> float:
    """When a run may be shown once more: the later, the more publishers have failed since its newest entry. Never
    given up: what a run shows is how people learn that it needs them."""
    prefix = f"publish:{run.id}:{run.seq}"
    failed = DBOS.list_workflows(status="ERROR", workflow_id_prefix=prefix, load_input=False, load_output=False)
    if not failed:
        return 0.0
    return max(each.updated_at or 0 for each in failed) / 1000 + _wait(len(failed))


def _last_failure(prefix: str) -> Exception | None:
    failed = DBOS.list_workflows(status="ERROR", workflow_id_prefix=prefix, load_input=False, sort_desc=True, limit=1)
    return failed[0].error if failed else None


def _last_error(prefix: str) -> str:
    error = _last_failure(prefix)
    return f"{type(error).__name__}: {error}" if error else "no reason is known"
