"""The intake: deliveries that come at the same time are stored in one transaction, each with an answer of its own.

A commit costs about the same for one row as for thirty, and writers that take turns wait less than writers that fight
for the lock: so few threads write, and each takes along whatever has come meanwhile.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from workflows.clock import now, stamp
from workflows.database import Database
from workflows.failpoints import reach
from workflows.schema.tables import deliveries
from workflows.wake import Waker

_MOST = 32
_MOST_CHARACTERS = 1 << 20


@dataclass(frozen=True, eq=False)
class Delivery:
    """A verified delivery, as it came; `stored` becomes True once it is kept, False when it was here before.

    Deliveries `about` the same thing are read one after the other.
    """

    id: str
    event: str
    payload: str
    about: str
    stored: "Future[bool]" = field(default_factory=Future)


class Intake:
    """Stores deliveries, in the order in which they came. Its threads begin with the first one."""

    def __init__(self, database: Database, waker: Waker) -> None:
        self._database = database
        self._waker = waker
        self._waiting: SimpleQueue[Delivery] = SimpleQueue()
        self._start = threading.Lock()
        self._started = False

    def store(self, delivery_id: str, event: str, payload: str, about: str) -> "Future[bool]":
        """Have a delivery stored and its reader woken; does not wait. One that is cancelled in time is not stored."""
        delivery = Delivery(delivery_id, event, payload, about)
        self._waiting.put(delivery)
        if not self._started:
            self._begin()
        return delivery.stored

    def _begin(self) -> None:
        with self._start:
            if self._started:
                return
            self._started = True
            # SQLite has one writer; on PostgreSQL a second one fills the first one's waits.
            for number in range(1 if self._database.is_sqlite else 2):
                threading.Thread(target=self._work, name=f"intake-{number}", daemon=True).start()

    def _work(self) -> None:
        while True:
            batch = [each for each in self._next_batch() if each.stored.set_running_or_notify_cancel()]
            if batch:
                self._store(batch)

    def _next_batch(self) -> list[Delivery]:
        batch = [self._waiting.get()]
        characters = len(batch[0].payload)
        while len(batch) < _MOST and characters < _MOST_CHARACTERS:
            try:
                batch.append(self._waiting.get_nowait())
            except Empty:
                break
            characters += len(batch[-1].payload)
        return batch

    def _store(self, batch: Sequence[Delivery]) -> None:
        try:
            new = store_deliveries(self._database, self._waker, batch)
        except Exception as trouble:
            if len(batch) == 1 or isinstance(trouble, OperationalError | NoConnection):
                # The database is busy or away: nobody is helped by trying again at once.
                for each in batch:
                    each.stored.set_exception(trouble)
            else:
                # One that cannot be stored must not take the others with it.
                for each in batch:
                    self._store([each])
            return
        for each in batch:
            each.stored.set_result(each in new)


def store_deliveries(database: Database, waker: Waker, batch: Sequence[Delivery]) -> list[Delivery]:
    """Keep verified deliveries and wake their readers, in one transaction; returns those that were not here before.

    A redelivery of one whose reading failed is read again.
    """

    def work(connection: Connection) -> list[Delivery]:
        query = select(deliveries.c.id, deliveries.c.status, deliveries.c.tries)
        rows = connection.execute(query.where(deliveries.c.id.in_([each.id for each in batch]))).all()
        known, failed = {row.id for row in rows}, {row.id: row.tries for row in rows if row.status == "failed"}
        new: list[Delivery] = []
        for each in batch:
            if each.id not in known:
                known.add(each.id)
                new.append(each)
            elif each.id in failed:
                tries = failed.pop(each.id) + 1
                again = {"status": "received", "tries": tries}
                connection.execute(update(deliveries).where(deliveries.c.id == each.id).values(**again))
                waker.read_delivery(connection, each.id, tries, each.about)
        if new:
            at = stamp(now())
            rows_of_new = [
                {"id": each.id, "event": each.event, "payload": each.payload, "received_at": at, "status": "received"}
                for each in new
            ]
            connection.execute(insert(deliveries), rows_of_new)
        for each in new:
            waker.read_delivery(connection, each.id, 1, each.about)
        return new

    stored = database.in_transaction(work)
    reach("inbox.stored")
    return stored
