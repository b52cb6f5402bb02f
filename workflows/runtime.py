"""One worker process: everything wired, then DBOS launched, then the loops that look after what was left behind."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from dbos import DBOS, DBOSClient, DBOSConfig, run_dbos_database_migrations

from workflows import attempt, deployment, drive, inbox, publisher, timers  # noqa: F401  (registers the workflows)
from workflows.database import Database
from workflows.doorbell import work_queues
from workflows.leases import Lease, Worker, reap, this_process
from workflows.outages import have_dbos_wait_for_space
from workflows.reconciler import reconcile
from workflows.retention import keep_within_bounds, remove_files
from workflows.services import Services, wire
from workflows.sweep import sweep
from workflows.wake import AGENTS, APPLICATION, DEPLOYMENTS, INBOX, RUNS, VERSION

log = logging.getLogger("issuewright.worker")
_POLL_SECONDS = 1.0
"""How often a queue is looked at without being called to it by the doorbell."""
_SWEEP_SECONDS = 5.0
_TIDY_SECONDS = 60.0


@dataclass(frozen=True)
class Limits:
    """How many agents may work at once."""

    agents_per_worker: int
    agents_per_repository: int


def connect_client(database: Database) -> DBOSClient:
    """A client that enqueues on the caller's own transactions."""
    return DBOSClient(
        system_database_url=database.dbos_url,
        application_name=APPLICATION,
        lazy=True,
        retry_connection_errors=False,  # whoever waits for an answer is told, and asks again
    )


def start_worker(services: Services, limits: Limits) -> Lease:
    """Launch this process as a worker; its threads run until the process ends."""
    wire(services)
    have_dbos_wait_for_space()
    worker = this_process()
    lease = Lease(services.database, worker)
    lease.take()
    dbos = DBOS(config=_config(services.database, worker.executor_id))
    DBOS.listen_queues([])  # the doorbell has them worked
    DBOS.launch()
    _register_queues(limits)
    work_queues(dbos, services.database, (INBOX, RUNS, AGENTS, DEPLOYMENTS))
    lease.keep()
    reap(services.database, worker)
    _every(_SWEEP_SECONDS, "sweep", lambda: _look_after(services, worker))
    _every(_TIDY_SECONDS, "tidying up", lambda: _tidy_up(services))
    _every(services.retention.every.total_seconds(), "retention", lambda: _keep_within_bounds(services, worker))
    often = services.reconcile_every.total_seconds()
    _every(often, "reconciler", lambda: services.ears.time_to_look(often) and reconcile(services))
    return lease


def prepare_system_tables(database: Database) -> None:
    """Create or upgrade DBOS's own tables, so that a client may enqueue before any worker was launched."""
    run_dbos_database_migrations(system_database_url=database.dbos_url)


def _config(database: Database, executor_id: str) -> DBOSConfig:
    return {
        "name": APPLICATION,
        "system_database_url": database.dbos_url,
        "executor_id": executor_id,
        "application_version": VERSION,
        "log_level": "WARNING",
        "notification_listener_polling_interval_sec": 1.0,
    }


def _register_queues(limits: Limits) -> None:
    DBOS.register_queue(INBOX, partition_concurrency=1, worker_concurrency=16, polling_interval_sec=_POLL_SECONDS)
    DBOS.register_queue(RUNS, partition_concurrency=1, worker_concurrency=32, polling_interval_sec=_POLL_SECONDS)
    DBOS.register_queue(DEPLOYMENTS, partition_concurrency=1, worker_concurrency=8, polling_interval_sec=_POLL_SECONDS)
    DBOS.register_queue(
        AGENTS,
        worker_concurrency=limits.agents_per_worker,
        partition_concurrency=limits.agents_per_repository,
        polling_interval_sec=_POLL_SECONDS,
    )


def _look_after(services: Services, worker: Worker) -> None:
    reap(services.database, worker)
    sweep(services)


def _tidy_up(services: Services) -> None:
    """Worktrees and kept commits that no open run needs."""
    services.workspaces.leftovers({ref.key for ref in services.journal.work_in_use()})


def _keep_within_bounds(services: Services, worker: Worker) -> None:
    """What was kept long enough: in the database (one worker does that) and on this machine."""
    keep_within_bounds(services.database, services.retention, worker.executor_id)
    remove_files(services)
    services.workspaces.compact()


def _every(seconds: float, name: str, work: Callable[[], object]) -> None:
    """Do `work` now and then every so often, in a thread of its own; what it raises is logged, never fatal."""

    def loop() -> None:
        while True:
            try:
                work()
            except Exception:
                log.exception("%s failed; trying again in %.0f s", name, seconds)
            time.sleep(seconds)

    threading.Thread(target=loop, name=name, daemon=True).start()
