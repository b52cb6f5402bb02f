"""One worker process: everything wired, then DBOS launched, then the loops that look after what was left behind."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from dbos import DBOS, DBOSClient, DBOSConfig, run_dbos_database_migrations
from sqlalchemy.engine import make_url

from bot.domain.errors import ForgeError
from workflows import attempt, deployment, drive, inbox, publisher, timers  # noqa: F401  (registers the workflows)
from workflows.clock import follow
from workflows.database import Database, idle_option
from workflows.doorbell import work_queues
from workflows.leases import Lease, Terms, Worker, this_process
from workflows.outages import have_dbos_wait_for_space, is_away
from workflows.reaper import Reaper
from workflows.reconciler import reconcile
from workflows.recovery import DbosRecovery
from workflows.retention import keep_within_bounds, remove_files
from workflows.services import Services, wire
from workflows.sleepers import after_a_sleeper
from workflows.strays import stop_strays
from workflows.sweep import sweep
from workflows.timers import look_again
from workflows.turns import Turns
from workflows.wake import AGENTS, APPLICATION, DEPLOYMENTS, INBOX, RUNS, VERSION

log = logging.getLogger("issuewright.worker")
_POLL_SECONDS = 5.0
"""How often a queue is looked at without being called to it by the doorbell."""
_NEVER_COMES_SECONDS = 60.0
"""How often DBOS looks for notifications, of which we send none."""
_SWEEP_SECONDS = 5.0
_TIME_SECONDS = 3.0
_TIDY_SECONDS = 60.0
_AFTER_A_FAILURE_SECONDS = 60.0
"""When a look after a sleeper that failed is repeated: it reads everything."""
_SILENCE_MILLISECONDS = 30_000
_NEARLY = 0.75
"""How much of a turn must have passed since another worker's: less than all, for clocks and sleeps are not exact; more
than half, or two that are half a turn apart would both look."""
_GLANCE_SECONDS = 0.5
"""How often we see whether the processes of this machine's other workers are there."""


@dataclass(frozen=True)
class Limits:
    """How many agents may work at once."""

    agents_per_worker: int
    agents_per_repository: int
    agents_in_all: int


def connect_client(database: Database) -> DBOSClient:
    """A client that enqueues on the caller's own transactions."""
    return DBOSClient(
        system_database_url=database.dbos_url,
        application_name=APPLICATION,
        lazy=True,
        retry_connection_errors=False,  # whoever waits for an answer is told, and asks again
    )


def start_worker(services: Services, limits: Limits, terms: Terms) -> Lease:
    """Launch this process as a worker; its threads run until the process ends."""
    wire(services)
    _follow_githubs_time(services)
    have_dbos_wait_for_space()
    lease = Lease(services.database, this_process(services.machine), services.proof, terms)
    lease.take()  # It beats from now on: a launch may take longer than a lease.
    dbos = DBOS(config=_config(services.database, lease.worker.executor_id, terms))
    DBOS.listen_queues([])  # the doorbell has them worked
    DBOS.launch()
    _register_queues(limits)
    work_queues(dbos, services.database, (INBOX, RUNS, AGENTS, DEPLOYMENTS), services.proof)
    recovery = DbosRecovery(dbos, services.database, lease.worker.executor_id)
    reaper = Reaper(services.database, lease.worker, recovery)
    _look_after_others(services, reaper, terms)
    _look_after_sleepers(services, reaper, terms)
    _every(services, _SWEEP_SECONDS, "sweep", lambda: _look_after_runs(services, lease.worker, recovery))
    _every(services, _TIDY_SECONDS, "tidying up", lambda: _tidy_up(services))
    seldom = services.retention.every.total_seconds()
    _every(services, seldom, "retention", lambda: _keep_within_bounds(services, lease.worker))
    _look_for_what_was_lost(services, lease.worker)
    return lease


def _follow_githubs_time(services: Services) -> None:
    """The time that counts is GitHub's, which tells it in answering who we are; it is not waited for long."""
    follow(services.github.now)

    def ask() -> None:
        with suppress(ForgeError):
            services.github.bot()

    asking = threading.Thread(target=ask, name="time", daemon=True)
    asking.start()
    asking.join(_TIME_SECONDS)


def prepare_system_tables(database: Database) -> None:
    """Create or upgrade DBOS's own tables, so that a client may enqueue before any worker was launched."""
    run_dbos_database_migrations(system_database_url=database.dbos_url)


def _config(database: Database, executor_id: str, terms: Terms) -> DBOSConfig:
    return {
        "name": APPLICATION,
        "system_database_url": _url_that_notices_silence(database, terms),
        "executor_id": executor_id,
        "application_version": VERSION,
        "log_level": "WARNING",
        "notification_listener_polling_interval_sec": _NEVER_COMES_SECONDS,
    }


def _url_that_notices_silence(database: Database, terms: Terms) -> str:
    """DBOS's own connections, too, are given up when the other side is gone without a word: by us after a failover or
    a cut, by PostgreSQL when we were stopped. Our locks on what others are to take over would hold them up."""
    if database.is_sqlite:
        return database.dbos_url
    quickly = {"tcp_user_timeout": str(_SILENCE_MILLISECONDS), "options": idle_option(terms.seconds / 2)}
    return make_url(database.dbos_url).update_query_dict(quickly).render_as_string(hide_password=False)


def _register_queues(limits: Limits) -> None:
    DBOS.register_queue(INBOX, partition_concurrency=1, worker_concurrency=16, polling_interval_sec=_POLL_SECONDS)
    DBOS.register_queue(RUNS, partition_concurrency=1, worker_concurrency=32, polling_interval_sec=_POLL_SECONDS)
    DBOS.register_queue(DEPLOYMENTS, partition_concurrency=1, worker_concurrency=8, polling_interval_sec=_POLL_SECONDS)
    DBOS.register_queue(
        AGENTS,
        # DBOS wants no limit that a wider one makes meaningless.
        worker_concurrency=min(limits.agents_per_worker, limits.agents_in_all),
        partition_concurrency=min(limits.agents_per_repository, limits.agents_in_all),
        global_concurrency=limits.agents_in_all,
        polling_interval_sec=_POLL_SECONDS,
    )


def _look_after_others(services: Services, reaper: Reaper, terms: Terms) -> None:
    """Take over from the dead: at once from those of this machine, whose processes we see end."""
    due = time.monotonic()

    def look() -> None:
        nonlocal due
        if time.monotonic() >= due or reaper.a_neighbour_died():
            due = time.monotonic() + terms.look_seconds
            reaper.reap()

    _every(services, min(_GLANCE_SECONDS, terms.look_seconds), "reaper", look)


def _look_after_sleepers(services: Services, reaper: Reaper, terms: Terms) -> None:
    """Repair what they did: one after the other, in a thread that may wait for GitHub without keeping the reaper."""
    due = time.monotonic()

    def look() -> None:
        nonlocal due
        if time.monotonic() < due:
            return
        try:
            for woken in reaper.woken():
                after_a_sleeper(services, woken.since)
                reaper.looked_after(woken)
        except Exception:
            due = time.monotonic() + _AFTER_A_FAILURE_SECONDS
            raise

    _every(services, terms.look_seconds, "sleepers", look)


def _look_for_what_was_lost(services: Services, worker: Worker) -> None:
    """Each worker looks when it begins, for it may have lost what it was told; then they take turns."""
    every, rested = services.reconcile_every, timedelta()
    turns = Turns(services.database, worker.executor_id)

    def look() -> None:
        nonlocal rested
        if services.ears.time_to_look(every.total_seconds()):
            reconcile(services, turns=turns, rested=rested)
            rested = every * _NEARLY

    _every(services, every.total_seconds(), "reconciler", look)


def _look_after_runs(services: Services, worker: Worker, recovery: DbosRecovery) -> None:
    sweep(services, recovery)
    recovery.take_up_stranded()
    look_again(services)
    stop_strays(services, worker)


def _tidy_up(services: Services) -> None:
    """Worktrees and kept commits that no open run needs."""
    services.workspaces.leftovers({ref.key for ref in services.journal.work_in_use()})


def _keep_within_bounds(services: Services, worker: Worker) -> None:
    """What was kept long enough: in the database (one worker does that) and on this machine."""
    keep_within_bounds(services.database, services.retention, worker.executor_id)
    remove_files(services)
    services.workspaces.compact()


def _every(services: Services, seconds: float, name: str, work: Callable[[], object]) -> None:
    """Do `work` now and then every so often, in a thread of its own; what it raises is logged, never fatal."""

    def loop() -> None:
        while True:
            services.proof.require()
            try:
                work()
            except Exception as trouble:
                if is_away(trouble):
                    log.warning("%s: the database is away; trying again in %.1f s", name, seconds)
                else:
                    log.exception("%s failed; trying again in %.1f s", name, seconds)
            time.sleep(seconds)

    threading.Thread(target=loop, name=name, daemon=True).start()
