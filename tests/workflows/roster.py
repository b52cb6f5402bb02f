"""A roster of workers in a real database, beside DBOS's own table of workflows: who lives, is dead, does what."""

import time
import uuid
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import insert, select, text, update
from sqlalchemy.engine import Row

from workflows.database import Database
from workflows.leases import Worker, database_clock, this_process
from workflows.reaper import Orphan, Reaper
from workflows.runtime import prepare_system_tables
from workflows.schema.migrate import migrate
from workflows.schema.tables import workers
from workflows.wake import VERSION

LEASE = 20.0
ELSEWHERE = {"host": "another", "boot_id": "another boot", "machine": "another disk"}


class Clock:
    """A clock that is set by hand, as no worker's clock can be."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Recoveries:
    """What was given back, and what adopted."""

    def __init__(self) -> None:
        self.given_back: list[str] = []
        self.adopted: list[str] = []

    def give_back(self, orphan: Orphan) -> bool:
        self.given_back.append(orphan.workflow_id)
        return True

    def adopt(self, orphan: Orphan) -> bool:
        self.adopted.append(orphan.workflow_id)
        return True


class Roster:
    """The database, `me` who judges, and my reaper with a clock set by hand."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        migrate(self.database)
        prepare_system_tables(self.database)
        self.me = this_process("my disk")
        self.clock = Clock()
        self.recoveries = Recoveries()
        self.reaper = Reaper(self.database, self.me, self.recoveries, self.clock)
        self.seats(self.me)

    def close(self) -> None:
        self.database.close()

    def worker(self, **changes: Any) -> Worker:
        """Another worker: by itself, one that is a process of this machine."""
        return replace(self.me, executor_id=uuid.uuid4().hex, **changes)

    def seats(self, worker: Worker, silent_for: float = 0.0) -> Worker:
        """A worker whose last beat, by the database's clock, was so long ago."""
        with self.database.write() as connection:
            beat = database_clock(self.database) - silent_for
            row = {**asdict(worker), "started_at": "", "heartbeat_at": beat, "lease_seconds": LEASE}
            connection.execute(insert(workers).values(**row))
        return worker

    def beats(self, worker: Worker, at: float | None = None) -> None:
        """One beat; `at` some time of the database's clock."""
        beat = database_clock(self.database) if at is None else at
        with self.database.write() as connection:
            mine = workers.c.executor_id == worker.executor_id
            connection.execute(update(workers).where(mine).values(heartbeat_at=beat))

    def works(self, worker: Worker | str, queue: str | None = None, version: str = VERSION) -> str:
        """A workflow that is PENDING under the worker; its id."""
        schema = "" if self.database.is_sqlite else "dbos."
        workflow_id = uuid.uuid4().hex
        present = int(time.time() * 1000)
        with self.database.write() as connection:
            connection.execute(
                text(
                    f"INSERT INTO {schema}workflow_status (workflow_uuid, status, name, executor_id, queue_name, "
                    "application_version, created_at, updated_at, recovery_attempts, priority) "
                    "VALUES (:id, 'PENDING', 'drive', :executor, :queue, :version, :at, :at, 1, 0)"
                ),
                {
                    "id": workflow_id,
                    "executor": worker if isinstance(worker, str) else worker.executor_id,
                    "queue": queue,
                    "version": version,
                    "at": present,
                },
            )
        return workflow_id

    def row(self, worker: Worker) -> Row[Any] | None:
        with self.database.read() as connection:
            return connection.execute(select(workers).where(workers.c.executor_id == worker.executor_id)).first()

    def counts_as_dead(self, worker: Worker) -> bool:
        row = self.row(worker)
        return row is None or row.declared_dead_at is not None

    def time_passes(self, seconds: float) -> int:
        """So long by my own clock, with a look at its end; how much was taken over."""
        self.clock.seconds += seconds
        return self.reaper.reap()
