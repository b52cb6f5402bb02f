"""Work goes through the database's absence, and through nothing else."""

import signal
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.postgres import start_server
from workflows.database import Database
from workflows.outages import is_away, through_outages


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
