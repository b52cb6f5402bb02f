"""Leases: every worker proves that it lives, by the database's clock, and ends itself when it cannot.

Who has no lease is taken over from (workflows/reaper.py).
"""

import logging
import os
import socket
import threading
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from sqlalchemy import ColumnElement, Connection, Double, extract, func, insert, literal, select, type_coerce, update

from bot.adapters.supervisor import process_tree
from bot.adapters.supervisor.beat import ALONE
from workflows.clock import now, stamp
from workflows.database import Database
from workflows.proof import Proof, uptime
from workflows.schema.tables import workers

log = logging.getLogger("issuewright.leases")
LEASE_SECONDS = 20.0
_LOST_LEASE = 70
"""The exit code of a worker whose lease was taken from it: whatever it still did would be done twice."""
_LAST_WORDS_SECONDS = 2.0


@dataclass(frozen=True)
class Worker:
    """One incarnation of a worker process."""

    executor_id: str
    host: str
    boot_id: str
    pid: int
    pid_started_at: float
    pid_start_time: float | None = None
    """In the system's own units, since it was booted: unlike `pid_started_at` it does not move with the clock."""
    machine: str | None = None
    """The disk that it works on: what agents leave there is found by workers of that machine alone."""


@dataclass(frozen=True)
class Terms:
    """How long a worker may be silent before others take over from it, and the file that shows its machine a beat."""

    seconds: float = LEASE_SECONDS
    beat_file: Path | None = None

    @property
    def beat_seconds(self) -> float:
        """The time from one beat to the next."""
        return self.seconds / 4

    @property
    def look_seconds(self) -> float:
        """The time from one look for dead workers to the next."""
        return self.seconds / 10


def this_process(machine: str | None = None) -> Worker:
    """A new identity for this process: never that of an earlier one, so that no two share their work."""
    pid = os.getpid()
    me = process_tree.look_up(pid)
    return Worker(
        executor_id=uuid.uuid4().hex,
        host=socket.gethostname(),
        boot_id=_boot_id(),
        pid=pid,
        pid_started_at=psutil.Process(pid).create_time(),
        pid_start_time=me.start_time if me else None,
        machine=machine,
    )


def database_clock(database: Database) -> ColumnElement[float]:
    """The present, in seconds since 1970, by the clock that all workers share: PostgreSQL's, or this machine's."""
    if database.is_sqlite:
        return literal(now().timestamp(), Double)
    return type_coerce(extract("epoch", func.clock_timestamp()), Double)


class Lease:
    """This worker's proof of life. Take it before DBOS is launched; it beats from then on."""

    def __init__(
        self, database: Database, worker: Worker, proof: Proof | None = None, terms: Terms | None = None
    ) -> None:
        self.worker = worker
        self.terms = terms or Terms()
        self.proof = proof or Proof()
        # A connection of its own, which gives up sooner than the lease ends: no thread that waits for the pool, and no
        # packet that never arrives, may hold a beat up.
        patience = max(1.0, self.terms.beat_seconds)
        self._database = Database(database.url, wait_seconds=patience, pool_size=1, idle_seconds=patience)
        self._stopped = threading.Event()
        self._beating = threading.Thread(target=self._keep_beating, name="lease", daemon=True)

    def take(self) -> None:
        """Insert the lease, and beat in the background until `release`."""
        with self._database.write() as connection:
            sent = uptime()
            alone = self._is_alone(connection)
            connection.execute(
                insert(workers).values(
                    **asdict(self.worker),
                    started_at=stamp(now()),
                    heartbeat_at=database_clock(self._database),
                    lease_seconds=self.terms.seconds,
                )
            )
        # On SQLite everybody is on one machine, and sees whether the process lives: nobody is declared dead by a clock.
        self.proof.begins(None if self._database.is_sqlite else self.terms.seconds, sent)
        self._show_beat(alone)
        self._beating.start()
        threading.Thread(target=self._watch, name="lease-watch", daemon=True).start()

    def release(self) -> None:
        """Do nothing more; others of this machine take over at once, those of another when none is left here."""
        self._stopped.set()
        self.proof.lose()
        ended = {"declared_dead_at": database_clock(self._database), "gone_at": database_clock(self._database)}
        with self._database.write() as connection:
            mine = workers.c.executor_id == self.worker.executor_id
            connection.execute(update(workers).where(mine).values(**ended))
            alone = self._is_alone(connection)
        self._show_whether_alone(alone)
        if self._beating.is_alive():
            self._beating.join(_LAST_WORDS_SECONDS)  # a beat under way still has the connection
        self._database.close()

    def _keep_beating(self) -> None:
        while not self._stopped.wait(self.terms.beat_seconds):
            try:
                lives = self.beat()
            except Exception as trouble:
                log.warning("could not beat: %s", trouble)
                if self._database.is_sqlite:
                    self._show_beat(alone=True)  # Who is busy there is a process of this machine, and we live.
                continue
            if not lives and not self._stopped.is_set():
                log.error("this worker was declared dead")
                self.proof.lose()

    def beat(self) -> bool:
        """Prove the worker's life once; False when it was declared dead."""
        mine = (workers.c.executor_id == self.worker.executor_id) & workers.c.declared_dead_at.is_(None)
        sent = uptime()
        with self._database.write() as connection:
            beaten = connection.execute(update(workers).where(mine).values(heartbeat_at=database_clock(self._database)))
            alone = self._is_alone(connection)
        if beaten.rowcount == 0:
            return False
        self.proof.renew(sent)
        self._show_beat(alone)
        return True

    def _is_alone(self, connection: Connection) -> bool:
        """Whether no other machine has a worker that lives, so far as anybody knows."""
        if self._database.is_sqlite:
            return True
        elsewhere = workers.c.machine.is_distinct_from(self.worker.machine) & workers.c.declared_dead_at.is_(None)
        return connection.execute(select(workers.c.executor_id).where(elsewhere).limit(1)).first() is None

    def _show_beat(self, alone: bool) -> None:
        """First whether it is alone, then the beat: who sees the beat finds what is true of it."""
        self._show_whether_alone(alone)
        file = self.terms.beat_file
        if file is not None:
            try:
                file.touch()
            except OSError as trouble:
                log.warning("%s cannot be touched: supervisors will think that nobody works here: %s", file, trouble)

    def _show_whether_alone(self, alone: bool) -> None:
        beat_file = self.terms.beat_file
        if beat_file is None:
            return
        file = beat_file.with_name(ALONE)
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if alone:
                file.touch()
            else:
                file.unlink(missing_ok=True)
        except OSError as trouble:
            log.warning("%s cannot be touched or removed: %s", file, trouble)

    def _watch(self) -> None:
        """End the process once it has nothing to prove any more. A thread of its own: a beat may hang."""
        while not self._stopped.wait(self.terms.seconds / 40):
            if not self.proof.is_good and not self._stopped.is_set():
                log.error("this worker cannot prove its life any more: ending, so that nothing is done twice")
                # A thread of its own, again: the database may well be what is away.
                last_words = threading.Thread(target=self._say_last_words, daemon=True)
                last_words.start()
                last_words.join(_LAST_WORDS_SECONDS)
                os._exit(_LOST_LEASE)

    def _say_last_words(self) -> None:
        """What was on its way to GitHub when this worker fell silent arrives now, or never: who took over looks once
        more (workflows/sleepers.py)."""
        mine = (workers.c.executor_id == self.worker.executor_id) & workers.c.declared_dead_at.is_not(None)
        woke_up = {"woke_up_at": database_clock(self._database)}
        try:
            with self._database.write() as connection:
                connection.execute(update(workers).where(mine).values(**woke_up))
        except Exception as trouble:
            log.warning("nobody could be told: %s", trouble)


def process_lives(pid: int, started_at: float, start_time: float | None) -> bool:
    """Whether that very process runs, here and now. An older release wrote no `start_time`: then the clock decides."""
    if start_time is not None:
        return process_tree.is_alive(pid, start_time)
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
