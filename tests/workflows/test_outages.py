"""Work goes through the database's absence, and through nothing else."""

import errno
import signal
import threading
from pathlib import Path

import pytest
from dbos import _sys_db as dbos_database
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.postgres import start_server
from workflows.database import Database
from workflows.outages import _JUDGE as JUDGE
from workflows.outages import have_dbos_wait_for_space, is_away, is_full, through_outages


@pytest.mark.postgres
def test_work_waits_for_a_server_that_crashed() -> None:
    with start_server() as server:
        database = Database(server.create_database())
        tries: list[int] = []
        with database.write() as connection:
            connection.execute(text("CREATE TABLE done (n int)"))

        def work() -> int:
            tries.append(1)
            with database.write() as connection:
                connection.execute(text("INSERT INTO done VALUES (1)"))
                if len(tries) == 1:
                    server.crash(signal.SIGKILL)
                    threading.Timer(0.5, server.start_again).start()
                connection.execute(text("INSERT INTO done VALUES (2)"))
                return int(connection.execute(text("SELECT count(*) FROM done")).scalar_one())

        assert through_outages(work) == 2
        assert len(tries) > 1
        database.close()


@pytest.mark.postgres
def test_a_statement_that_takes_too_long_is_no_outage(postgres_url: str) -> None:
    database = Database(postgres_url, wait_seconds=0.2)
    with pytest.raises(DBAPIError) as caught, database.read() as connection:
        connection.execute(text("SELECT pg_sleep(5)"))
    assert not is_away(caught.value)
    database.close()


def test_sqlite_is_never_away(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    one, other = Database(url), Database(url, wait_seconds=0.1)
    with one.write(), pytest.raises(DBAPIError) as caught, other.write():
        pass
    assert not is_away(caught.value)
    one.close()
    other.close()


def test_a_full_sqlite_is_waited_for_by_us_and_by_dbos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    with database.write() as connection:
        connection.execute(text("CREATE TABLE said (words text)"))
        connection.execute(text("PRAGMA max_page_count = 3"))
    seen: list[BaseException] = []

    def work() -> str:
        with database.write() as connection:
            if seen:
                connection.execute(text("PRAGMA max_page_count = 3000"))
            try:
                connection.execute(text("INSERT INTO said VALUES (:words)"), {"words": "x" * 50_000})
            except DBAPIError as full:
                seen.append(full)
                raise
        return "said"

    assert through_outages(work) == "said"
    (full,) = seen
    assert is_full(full)
    assert not is_away(full)
    # DBOS does not by itself: should it learn to, this is not needed any more.
    as_shipped = getattr(dbos_database, JUDGE)
    assert not as_shipped(full)
    monkeypatch.setattr(dbos_database, JUDGE, as_shipped)
    have_dbos_wait_for_space()
    tries: list[int] = []

    @dbos_database.db_retry(initial_backoff=0.01)
    def recorded() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise full
        return "recorded"

    assert recorded() == "recorded"
    database.close()


@pytest.mark.postgres
def test_a_full_postgres_is_waited_for(postgres_url: str) -> None:
    database = Database(postgres_url)
    with pytest.raises(DBAPIError) as caught, database.write() as connection:
        connection.execute(text("DO $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full'; END $$"))
    assert is_full(caught.value)
    database.close()


def test_only_a_missing_space_is_waited_for() -> None:
    tries: list[int] = []

    def work(number: int) -> str:
        tries.append(number)
        if len(tries) == 1:
            raise OSError(number, "…")
        return "done"

    assert through_outages(lambda: work(errno.ENOSPC)) == "done"
    tries.clear()
    with pytest.raises(PermissionError):
        through_outages(lambda: work(errno.EACCES))
