"""The doorbell: it rings where something waits, whoever put it there, and nowhere else."""

import inspect
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dbos._queue import queue_worker_thread
from sqlalchemy import Connection, text

from workflows import doorbell
from workflows.database import Database
from workflows.runtime import connect_client, prepare_system_tables
from workflows.schema.migrate import migrate
from workflows.wake import INBOX, RUNS, Waker

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


class _Over(Exception):
    pass


class House:
    """A database with bells at two queues, and somebody who listens until `close`."""

    def __init__(self, url: str) -> None:
        self.database, self.others = Database(url), Database(url)
        migrate(self.database)
        prepare_system_tables(self.database)
        self.waker = Waker(connect_client(self.others))
        self.bells = {name: doorbell.Bell() for name in (INBOX, RUNS)}
        self.porter = doorbell._Porter(self.database, self.bells)
        self.answers = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        self._answered(1)

    def close(self) -> None:
        self._closing.set()
        with self.others.write() as connection:
            self.waker.drive(connection, "the-last", "1")
        self._thread.join(10)
        assert not self._thread.is_alive()
        self.database.close()
        self.others.close()

    def puts(self, workflow: str, run_id: str, delay: float | None = None) -> None:
        """Somebody with connections of his own puts a workflow into a queue."""
        with self.others.write() as connection:
            self.put(connection, workflow, run_id, delay)

    def put(self, connection: Connection, workflow: str, run_id: str, delay: float | None = None) -> None:
        self.waker._enqueue(connection, workflow, RUNS, f"{workflow}:{run_id}", run_id, partition=run_id, delay=delay)

    def rings(self, queue: str, seconds: float = 10.0) -> bool:
        """Whether a queue's worker, waiting this long, is called."""
        begun = time.monotonic()
        self.bells[queue].wait(seconds)
        return time.monotonic() - begun < seconds

    def _answer(self) -> bool:
        if self._closing.is_set():
            raise _Over
        self.answers += 1
        return self.porter.answer()

    def _answered(self, times: int) -> None:
        deadline = time.monotonic() + 10
        while self.answers < times:
            assert time.monotonic() < deadline, "nobody listens"
            time.sleep(0.005)

    def _listen(self) -> None:
        listen = doorbell._listen_on_sqlite if self.database.is_sqlite else doorbell._listen_on_postgres
        try:
            listen(self.database, self._answer)
        except _Over:
            return


@pytest.fixture(params=BOTH)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    postgres = request.param == "postgres"
    made = House(request.getfixturevalue("postgres_url") if postgres else f"sqlite:///{tmp_path / 'house.db'}")
    yield made
    made.close()


def test_it_rings_where_somebody_else_put_something(house: House) -> None:
    house.puts("drive", "one")
    assert house.rings(RUNS)
    assert not house.rings(INBOX, 0.3)


def test_it_rings_after_the_commit_and_not_before(house: House) -> None:
    with house.others.write() as connection:
        house.put(connection, "drive", "one")
        assert not house.rings(RUNS, 0.3)
    assert house.rings(RUNS)


def test_what_is_delayed_rings_nobody(house: House) -> None:
    house.puts("timer", "one", delay=3600)
    assert not house.rings(RUNS, 0.5)


def test_it_rings_again_while_something_still_waits(house: House) -> None:
    house.puts("drive", "one")
    assert house.rings(RUNS)
    assert house.rings(RUNS)
    schema = "" if house.database.is_sqlite else "dbos."
    with house.others.write() as connection:
        connection.execute(text(f"UPDATE {schema}workflow_status SET status = 'SUCCESS'"))
    while house.rings(RUNS, 0.5):
        pass
    assert not house.rings(RUNS, 0.5)


def test_a_ring_during_a_look_is_not_lost() -> None:
    bell = doorbell.Bell()
    bell.ring()
    begun = time.monotonic()
    assert bell.wait(60) is False
    assert time.monotonic() - begun < 30
    assert not bell.is_set()


def test_dbos_takes_a_bell_for_its_event() -> None:
    """The worker of a queue is DBOS's own and not public: this is all that we know of it."""
    assert list(inspect.signature(queue_worker_thread).parameters) == ["stop_event", "dbos", "queue"]
    used = set(re.findall(r"\bstop_event\.(\w+)", inspect.getsource(queue_worker_thread)))
    assert used == {"is_set", "wait"}
    assert "stop_event.wait(timeout=polling_interval" in inspect.getsource(queue_worker_thread)
