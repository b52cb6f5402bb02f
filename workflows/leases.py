"""Leases: every worker proves that it lives, and takes over the workflows of those that do not."""

import logging
import os
import socket
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import psutil
from dbos import DBOS
from sqlalchemy import delete, insert, select, update

from workflows.clock import now, stamp
from workflows.database import Database
from workflows.schema.tables import workers
from workflows.wake import VERSION

log = logging.getLogger("issuewright.leases")
_BEAT_SECONDS = 5.0
LEASE_SECONDS = 20.0
_LOST_LEASE = 70
"""The exit code of a worker whose lease was taken from it: whatever it still did would be done twice."""


@dataclass(frozen=True)
class Worker:
    """One incarnation of a worker process."""

    executor_id: str
    host: str
    boot_id: str
    pid: int
    pid_started_at: float


def this_process() -> Worker:
    """A new identity for this process: never that of an earlier one, so that no two share their work."""
    pid = os.getpid()
    return Worker(
        executor_id=uuid.uuid4().hex,
        host=socket.gethostname(),
        boot_id=_boot_id(),
        pid=pid,
        pid_started_at=psutil.Process(pid).create_time(),
    )


class Lease:
    """This worker's proof of life. Insert it before DBOS is launched, beat from then on."""

    def __init__(self, database: Database, worker: Worker) -> None:
        self._database = database
        self._worker = worker
        self._stopped = threading.Event()
        self._last_beat = time.monotonic()

    def take(self) -> None:
        """Insert the lease."""
        with self._database.write() as connection:
            values = {**self._worker.__dict__, "started_at": stamp(now()), "heartbeat_at": time.time()}
            connection.execute(insert(workers).values(**values))

    def keep(self) -> None:
        """Beat in the background until `release`. A worker that cannot prove its life any more ends itself."""
        threading.Thread(target=self._beat, name="lease", daemon=True).start()

    def release(self) -> None:
        """Stop beating; others take over at once."""
        self._stopped.set()
        with self._database.write() as connection:
            connection.execute(delete(workers).where(workers.c.executor_id == self._worker.executor_id))

    def _beat(self) -> None:
        while not self._stopped.wait(_BEAT_SECONDS):
            try:
                with self._database.write() as connection:
                    mine = workers.c.executor_id == self._worker.executor_id
                    beaten = connection.execute(update(workers).where(mine).values(heartbeat_at=time.time()))
            except Exception as trouble:
                log.warning("could not beat: %s", trouble)
                if time.monotonic() - self._last_beat > 0.7 * LEASE_SECONDS and not self._database.is_sqlite:
                    log.error("no beat for too long: ending, before another worker takes over")
                    os._exit(_LOST_LEASE)
                continue
            if beaten.rowcount == 0 and not self._stopped.is_set():
                log.error("this worker was declared dead: ending")
                os._exit(_LOST_LEASE)
            self._last_beat = time.monotonic()


def reap(database: Database, worker: Worker) -> int:
    """Take over every workflow whose executor has no live lease; returns how many executors were found dead.

    By level, not by edge: whatever is PENDING under a dead executor is taken, however long ago it died.
    """
    with database.write() as connection:
        rows = connection.execute(select(workers)).all()
        dead = [row.executor_id for row in rows if is_dead(row, worker)]
        connection.execute(delete(workers).where(workers.c.executor_id.in_(dead)))
    alive = {row.executor_id for row in rows} - set(dead)
    pending = DBOS.list_workflows(status="PENDING", app_version=VERSION, load_input=False, load_output=False)
    orphaned = {w.executor_id for w in pending if w.executor_id and w.executor_id not in alive}
    if orphaned:
        log.info("taking over from %d dead worker(s)", len(orphaned))
        DBOS._recover_pending_workflows(sorted(orphaned))
    return len(orphaned)


def is_dead(row: object, worker: Worker) -> bool:
    """Whether the row's worker has proved no life for too long, or was a process of `worker`'s machine that is gone."""
    if row.executor_id == worker.executor_id:  # type: ignore[attr-defined]
        return False
    if time.time() - row.heartbeat_at > LEASE_SECONDS:  # type: ignore[attr-defined]
        return True
    same_machine = (row.host, row.boot_id) == (worker.host, worker.boot_id)  # type: ignore[attr-defined]
    return same_machine and not _process_lives(row.pid, row.pid_started_at)  # type: ignore[attr-defined]


def _process_lives(pid: int, started_at: float) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - started_at) < 1.0
    except psutil.NoSuchProcess:
        return False


def _boot_id() -> str:
    """This boot of this machine, and the container on it: pids mean something only where they are counted together."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return str(int(psutil.boot_time()))
