"""The intake: deliveries that come together share a transaction, and nothing else."""

import threading
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DataError

from workflows.database import Database
from workflows.intake import Intake
from workflows.runtime import connect_client, prepare_system_tables
from workflows.schema.migrate import migrate
from workflows.wake import Waker

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    postgres = request.param == "postgres"
    url = request.getfixturevalue("postgres_url") if postgres else f"sqlite:///{tmp_path / 'intake.db'}"
    opened = Database(url)
    migrate(opened)
    prepare_system_tables(opened)
    yield opened
    opened.close()


class Counted(Waker):
    """Wakes readers; the first of them waits for `go`, so that others gather behind it."""

    def __init__(self, database: Database) -> None:
        super().__init__(connect_client(database))
        self.begun, self.go = threading.Event(), threading.Event()

    def read_delivery(self, connection: Connection, delivery_id: str, tries: int, about: str) -> None:
        if delivery_id.startswith("first"):
            self.begun.set()
            assert self.go.wait(10)
        if delivery_id == "poison":
            raise DataError("INSERT", {}, ValueError("cannot be stored"))
        super().read_delivery(connection, delivery_id, tries, about)


def gathered(database: Database, ids: list[str], *, cancelled: str = "") -> dict[str, object]:
    """What each of these deliveries is answered when all of them come while others are being stored."""
    waker = Counted(database)
    intake = Intake(database, waker)
    threads = 1 if database.is_sqlite else 2
    firsts = [intake.store(f"first-{number}", "issues", "{}", "acme/tally#7") for number in range(threads)]
    assert waker.begun.wait(10)
    waiting = [(each, intake.store(each, "issues", "{}", "acme/tally#7")) for each in ids]
    for each, stored in waiting:
        if each == cancelled:
            assert stored.cancel()
    waker.go.set()
    wait(firsts, 10)
    wait([stored for _, stored in waiting], 10)
    return {
        f"{number}:{each}": "cancelled" if stored.cancelled() else stored.exception() or stored.result()
        for number, (each, stored) in enumerate(waiting)
    }


def stored(database: Database) -> list[str]:
    with database.read() as connection:
        rows = connection.execute(text("SELECT id FROM deliveries WHERE id NOT LIKE 'first%' ORDER BY id"))
        return list(rows.scalars())


def readers(database: Database) -> list[str]:
    schema = "" if database.is_sqlite else "dbos."
    query = f"SELECT workflow_uuid FROM {schema}workflow_status WHERE workflow_uuid NOT LIKE 'inbox:first%' ORDER BY 1"
    with database.read() as connection:
        return list(connection.execute(text(query)).scalars())


def test_those_that_come_together_share_a_transaction(database: Database) -> None:
    commits: list[object] = []
    event.listen(database.engine, "commit", commits.append)
    answers = gathered(database, [f"d{number:02}" for number in range(20)])
    assert set(answers.values()) == {True}
    assert len(commits) <= 4
    assert len(stored(database)) == 20
    assert len(readers(database)) == 20


def test_one_that_comes_twice_at_once_is_new_once(database: Database) -> None:
    answers = gathered(database, ["same", "same"])
    assert sorted(map(bool, answers.values())) == [False, True]
    assert stored(database) == ["same"]
    assert readers(database) == ["inbox:same:1"]


def test_one_that_cannot_be_stored_takes_no_other_with_it(database: Database) -> None:
    answers = gathered(database, ["before", "poison", "after"])
    assert isinstance(answers.pop("1:poison"), DataError)
    assert set(answers.values()) == {True}
    assert stored(database) == ["after", "before"]
    assert readers(database) == ["inbox:after:1", "inbox:before:1"]


def test_one_whose_sender_was_refused_meanwhile_is_not_stored(database: Database) -> None:
    answers = gathered(database, ["kept", "left"], cancelled="left")
    assert answers == {"0:kept": True, "1:left": "cancelled"}
    assert stored(database) == ["kept"]


def test_a_failed_reading_is_read_again_once(database: Database) -> None:
    gathered(database, ["again"])
    with database.write() as connection:
        connection.execute(text("UPDATE deliveries SET status = 'failed'"))
    intake = Intake(database, Waker(connect_client(database)))
    answers = [intake.store("again", "issues", "{}", "acme/tally#7") for _ in range(3)]
    assert [each.result(10) for each in answers] == [False] * 3
    assert readers(database) == ["inbox:again:1", "inbox:again:2"]
