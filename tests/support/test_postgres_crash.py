"""The tests' PostgreSQL can be made to crash, and comes back with what it had committed."""

import signal

import psycopg
import pytest

from tests.support.postgres import start_server

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGKILL])
def test_committed_rows_survive_a_crash_of_the_server(number: signal.Signals) -> None:
    with start_server() as server, server.fresh_database() as url:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE seen (turn int)")
        before = server.pid
        server.crash(number)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        server.start_again()
        assert server.pid != before
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM seen").fetchone() == (0,)
