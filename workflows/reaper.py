"""The reaper: takes over whatever a worker without a live lease was executing, and looks after what such a worker may
still have done.

By level, not by edge: a workflow that is PENDING under an executor without a lease is taken, however long ago that
died.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from sqlalchemy import Connection, Row, TextClause, delete, select, text, update

from workflows.database import Database, ring_at_commit
from workflows.leases import LEASE_SECONDS, Worker, database_clock, process_lives
from workflows.proof import uptime
from workflows.schema.tables import workers
from workflows.wake import AGENTS, DEPLOYMENTS

log = logging.getLogger("issuewright.reaper")
State = Literal["lives", "silent", "gone"]
_BEATS_MISSED = 1.5 / 4
"""The part of a lease that we watch somebody ourselves before we believe the database's clock: it may have jumped."""
_PATIENCE = 1.2
"""The part of a lease after which another machine's agents are stopped by their supervisors, who look for a beat: but
for those of a machine that was the only one when a worker was last seen there."""
_ARRIVED = 0.25, 10.0
"""What a sleeper had sent is in GitHub's lists after this part of a lease, or after so many seconds."""
_BURIED_AFTER_SECONDS = 7 * 86400.0
_BOUND = (AGENTS, DEPLOYMENTS)
"""The queues whose workflows have processes and files on the machine where they were begun."""


@dataclass(frozen=True)
class Woken:
    """A worker that was declared dead, and woke up. `since`: what happened from then on it did not know."""

    executor_id: str
    since: datetime


@dataclass(frozen=True)
class Orphan:
    """A workflow that is PENDING under an executor which is dead; the machine where it was, if that is known."""

    workflow_id: str
    executor_id: str
    queue: str | None
    machine: str | None


class Recovery(Protocol):
    """What is done with an orphan; both answer whether it still was one."""

    def give_back(self, orphan: Orphan) -> bool:
        """Back to its queue, for whoever takes it."""
        ...

    def adopt(self, orphan: Orphan) -> bool:
        """Executed by this very process from now on."""
        ...


class Watch:
    """What one process has seen of the others' beats, by its own clock that never jumps."""

    def __init__(self, database: Database, me: Worker, clock: Callable[[], float] = uptime) -> None:
        self._database = database
        self._me = me
        self._clock = clock
        self._seen: dict[str, tuple[float, float]] = {}

    def look(self, rows: Sequence[Row[Any]]) -> dict[str, State]:
        """How each worker stands, the rows having been read just now."""
        present = self._clock()
        before, self._seen = self._seen, {}
        for row in rows:
            beat, since = before.get(row.executor_id, (None, present))
            self._seen[row.executor_id] = row.heartbeat_at, since if beat == row.heartbeat_at else present
        return {row.executor_id: self._state(row) for row in rows}

    def lost_machines(self, rows: Sequence[Row[Any]]) -> set[str]:
        """The machines none of whose workers has beaten for so long that no agent of theirs can be at work."""
        dead = {row.executor_id for row in rows if row.declared_dead_at and self._is_silent(row, _PATIENCE)}
        alive = {machine_of(row) for row in rows if row.executor_id not in dead}
        return {machine_of(row) for row in rows} - alive - {machine_of(self._me)}

    def _state(self, row: Row[Any]) -> State:
        if row.executor_id == self._me.executor_id:
            return "lives"
        if is_neighbour(row, self._me):
            if not process_lives(row.pid, row.pid_started_at, row.pid_start_time):
                return "gone"
            if self._database.is_sqlite:
                return "lives"
        elif self._database.is_sqlite and _is_of_an_earlier_boot(row, self._me):
            return "gone"
        return "silent" if self._is_silent(row, 1.0) else "lives"

    def _is_silent(self, row: Row[Any], leases: float) -> bool:
        lease = row.lease_seconds or LEASE_SECONDS
        watched = self._clock() - self._seen[row.executor_id][1]
        told = row.present - row.heartbeat_at
        return bool(watched > leases * lease or (told > leases * lease and watched > _BEATS_MISSED * lease))


class Reaper:
    """Looks for dead workers now and then."""

    def __init__(self, database: Database, me: Worker, recovery: Recovery, clock: Callable[[], float] = uptime) -> None:
        self._database = database
        self._me = me
        self._recovery = recovery
        self._watch = Watch(database, me, clock)
        self._rows: Sequence[Row[Any]] = ()

    def a_neighbour_died(self) -> bool:
        """Whether the process of a worker of this machine, as of the last look, is gone. Asks no database."""
        neighbours = [row for row in self._rows if row.declared_dead_at is None and is_neighbour(row, self._me)]
        return not all(process_lives(n.pid, n.pid_started_at, n.pid_start_time) for n in neighbours)

    def reap(self) -> int:
        """Take over from whoever is dead; returns how many workflows that were."""
        with self._database.write() as connection:
            rows = _workers(connection, self._database)
            states = self._watch.look(rows)
            if troubled := [row for row in rows if states[row.executor_id] != "lives" or row.declared_dead_at]:
                for row in troubled:
                    _note(connection, self._database, row, states[row.executor_id])
                rows = _workers(connection, self._database)
            lost, orphans = self._watch.lost_machines(rows), _orphans(connection, self._database)
        self._rows = rows
        # Afterwards: should we die here, the orphans are there for the next look, anybody's.
        taken = sum(self._take_over(orphan, lost) for orphan in orphans)
        if taken:
            log.info("taking over %d workflow(s) from dead workers", taken)
            with self._database.write() as connection:
                ring_at_commit(connection)
        return taken

    def _take_over(self, orphan: Orphan, lost: set[str]) -> bool:
        if orphan.queue not in _BOUND or orphan.machine is None or orphan.machine in lost:
            return self._recovery.give_back(orphan)
        return orphan.machine == machine_of(self._me) and self._recovery.adopt(orphan)

    def woken(self) -> list[Woken]:
        """Those who were declared dead, woke up, and are not looked after yet, what they had sent having arrived."""
        if all(row.woke_up_at is None for row in self._rows):
            return []
        with self._database.read() as connection:
            rows = [row for row in _workers(connection, self._database) if row.woke_up_at is not None]
        return [Woken(row.executor_id, _last_informed(row)) for row in rows if _has_arrived(row)]

    def looked_after(self, woken: Woken) -> None:
        """What a worker did after it had been declared dead is repaired, or being so."""
        told = {"gone_at": workers.c.woke_up_at, "woke_up_at": None}
        with self._database.write() as connection:
            connection.execute(update(workers).where(workers.c.executor_id == woken.executor_id).values(**told))


def machine_of(row: Row[Any] | Worker) -> str:
    """Where a worker works. An older release did not say: then it is known by its host and its boot."""
    return row.machine or f"{row.host} {row.boot_id}"


def is_neighbour(row: Row[Any] | Worker, me: Worker) -> bool:
    """Whether the row's worker is, or was, a process of `me`'s machine since its last start."""
    return (row.host, row.boot_id) == (me.host, me.boot_id)


def is_alive(row: Row[Any], me: Worker, database: Database) -> bool:
    """A single look at a worker's row, by somebody who has not watched it: may err for as long as a lease."""
    if row.declared_dead_at is not None:
        return False
    if is_neighbour(row, me):
        lives = process_lives(row.pid, row.pid_started_at, row.pid_start_time)
        if database.is_sqlite or not lives:
            return lives
    return bool(row.present - row.heartbeat_at <= (row.lease_seconds or LEASE_SECONDS))


def _workers(connection: Connection, database: Database) -> Sequence[Row[Any]]:
    # In one order, so that two who note the same at once wait for each other, and not in a circle.
    query = select(workers, database_clock(database).label("present")).order_by(workers.c.executor_id)
    return connection.execute(query).all()


def _note(connection: Connection, database: Database, row: Row[Any], state: State) -> None:
    """Have everybody know who is dead; unless it has just beaten: then the row is not what we have judged.

    The row stays: it says where the worker's agents are, and whoever is only silent may wake up.
    """
    mine = workers.c.executor_id == row.executor_id
    clock = database_clock(database)
    if row.declared_dead_at is None and state != "lives":
        unchanged = (workers.c.heartbeat_at == row.heartbeat_at) & workers.c.declared_dead_at.is_(None)
        if connection.execute(update(workers).where(mine, unchanged).values(declared_dead_at=clock)).rowcount:
            log.warning("worker %s on %s is %s", row.executor_id, row.host, state)
    if row.gone_at is None and state == "gone":
        connection.execute(update(workers).where(mine).values(gone_at=clock))
    forgotten = workers.c.declared_dead_at < clock - _BURIED_AFTER_SECONDS
    buried = (workers.c.gone_at.is_not(None) | forgotten) & workers.c.woke_up_at.is_(None)
    if row.declared_dead_at is not None:
        connection.execute(delete(workers).where(mine, buried, _nothing_pending(database)))


def _nothing_pending(database: Database) -> TextClause:
    """A condition on a row of workers: it has no workflow under way any more."""
    schema = "" if database.is_sqlite else "dbos."
    return text(
        f"NOT EXISTS (SELECT 1 FROM {schema}workflow_status AS s WHERE s.status = 'PENDING' "
        "AND s.status IN ('ENQUEUED', 'PENDING') AND s.executor_id = workers.executor_id)"
    )


def _orphans(connection: Connection, database: Database) -> list[Orphan]:
    """What is PENDING under executors that are dead.

    One statement, hence one view of the database: read one after the other, a worker that starts in between would have
    work and no lease.
    """
    schema = "" if database.is_sqlite else "dbos."
    query = text(
        "SELECT s.workflow_uuid, s.executor_id, s.queue_name, w.machine, w.host, w.boot_id "
        f"FROM {schema}workflow_status AS s LEFT JOIN workers AS w ON w.executor_id = s.executor_id "
        "WHERE s.status = 'PENDING' AND s.status IN ('ENQUEUED', 'PENDING') AND s.executor_id IS NOT NULL "
        "AND (w.executor_id IS NULL OR w.declared_dead_at IS NOT NULL)"
    )
    return [
        Orphan(row.workflow_uuid, row.executor_id, row.queue_name, machine_of(row) if row.host else None)
        for row in connection.execute(query)
    ]


def _is_of_an_earlier_boot(row: Row[Any], me: Worker) -> bool:
    """Only Linux names its boots; elsewhere the name is a time, which moves with the clock."""
    (theirs, _, container), (mine, _, _) = row.boot_id.partition(" "), me.boot_id.partition(" ")
    return bool(container.startswith("pid:[") and theirs != mine)


def _has_arrived(row: Row[Any]) -> bool:
    part, seconds = _ARRIVED
    return bool(row.present - row.woke_up_at >= min(part * (row.lease_seconds or LEASE_SECONDS), seconds))


def _last_informed(row: Row[Any]) -> datetime:
    return datetime.fromtimestamp(min(row.heartbeat_at, row.declared_dead_at or row.woke_up_at), UTC)
