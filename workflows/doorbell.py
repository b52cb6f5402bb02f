"""The doorbell: queues are looked at when something was put into them, and seldom otherwise.

DBOS polls: often enough for people not to wait means a tenth of a core for nothing. So its queue workers wait on a bell
instead of a clock. It rings when another transaction was committed (SQLite counts them) or said so (PostgreSQL's
NOTIFY), or a quiet second has passed (what was delayed is put into its queue by DBOS, which says nothing), and a queue
has workflows waiting. Whatever the bell misses is found by the queue's own seldom polls.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import cast

import psycopg
from dbos import DBOS
from dbos._queue import queue_worker_thread
from psycopg.conninfo import make_conninfo
from sqlalchemy import text
from sqlalchemy.engine import make_url

from workflows.database import CHANNEL, Database
from workflows.proof import Proof

log = logging.getLogger("issuewright.doorbell")
_LOOK_SECONDS = 0.02
_AGAIN_SECONDS = 0.1
"""How soon a queue is looked at again where nothing new came: what waits there waits for a place."""
_QUIET_SECONDS = 1.0
_TROUBLE_SECONDS = 2.0

Waiting = Mapping[str, tuple[int, int]]
"""How many workflows wait in each queue that has any, and when the newest came."""


class Bell:
    """What DBOS takes for the event that stops a queue's worker: waiting for it ends when the bell rings."""

    def __init__(self, proof: Proof | None = None) -> None:
        self._rung = threading.Event()
        self._proof = proof or Proof()

    def ring(self) -> None:
        """Have the queue looked at now, or as soon as the look that is under way is over."""
        self._rung.set()

    def is_set(self) -> bool:
        """Never: a worker's queues are worked until its process ends."""
        return False

    def wait(self, timeout: float | None = None) -> bool:
        """Until the bell rings or the time is over; for ever in a process that others have taken over from."""
        self._rung.wait(timeout)
        self._rung.clear()
        self._proof.require()
        return False


def work_queues(dbos: DBOS, database: Database, names: Iterable[str], proof: Proof) -> None:
    """Work these queues, which DBOS was told not to listen to, in threads that end with the process."""
    bells = {name: Bell(proof) for name in names}
    for name, bell in bells.items():
        queue = DBOS.retrieve_queue(name)
        worker = (cast(threading.Event, bell), dbos, queue)
        threading.Thread(target=queue_worker_thread, args=worker, name=f"queue-{name}", daemon=True).start()
    threading.Thread(target=_listen, args=(database, bells), name="doorbell", daemon=True).start()


def _listen(database: Database, bells: Mapping[str, Bell]) -> None:
    listen = _listen_on_sqlite if database.is_sqlite else _listen_on_postgres
    porter = _Porter(database, bells)
    while True:
        try:
            listen(database, porter.answer)
        except Exception as trouble:
            log.warning("the doorbell is out of order, queues are looked at by the clock: %s", trouble)
            time.sleep(_TROUBLE_SECONDS)


class _Porter:
    """Rings for the queues in which something waits: at once when it is new, now and then while it still waits."""

    def __init__(self, database: Database, bells: Mapping[str, Bell]) -> None:
        self._database = database
        self._bells = bells
        self._rung: dict[str, tuple[tuple[int, int], float]] = {}

    def answer(self) -> bool:
        """Ring where somebody waits; whether anybody does."""
        waiting = _waiting(self._database)
        now = time.monotonic()
        for name, bell in self._bells.items():
            there = waiting.get(name)
            seen, at = self._rung.get(name, (None, 0.0))
            if there is None:
                self._rung.pop(name, None)
            elif there != seen or now - at >= _AGAIN_SECONDS:
                self._rung[name] = there, now
                bell.ring()
        return any(name in waiting for name in self._bells)


def _waiting(database: Database) -> Waiting:
    schema = "" if database.is_sqlite else "dbos."
    query = text(
        f"SELECT queue_name, count(*), max(created_at) FROM {schema}workflow_status "
        "WHERE status = 'ENQUEUED' AND status IN ('ENQUEUED', 'PENDING') GROUP BY queue_name"
    )
    with database.read() as connection:
        return {name: (number, newest) for name, number, newest in connection.execute(query)}


def _listen_on_sqlite(database: Database, answer: Callable[[], bool]) -> None:
    """SQLite tells every connection whether others have committed since it last asked; asking reads one number."""
    url = make_url(database.url).database
    with closing(sqlite3.connect(url or "", timeout=_TROUBLE_SECONDS)) as connection:
        before, waits = None, True
        while True:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            if version != before or waits:
                before, waits = version, answer()
            time.sleep(_LOOK_SECONDS)


def _listen_on_postgres(database: Database, answer: Callable[[], bool]) -> None:
    waits = True
    # After a while without a word we ask whether the other side is there: it may be gone without a farewell.
    url = make_conninfo(database.dbos_url, keepalives_idle=10, keepalives_interval=5, keepalives_count=2)
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        connection.execute(f"LISTEN {CHANNEL}")
        while True:
            patience = _AGAIN_SECONDS if waits else _QUIET_SECONDS
            list(connection.notifies(timeout=patience, stop_after=1))
            waits = answer()
