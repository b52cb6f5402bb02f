"""The PostgreSQL that other tests rely on is real, empty for every test, and gone afterwards."""

import psycopg
import pytest

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_gets_an_empty_database(postgres_url: str, turn: int) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
        connection.execute("CREATE TABLE seen (turn int)")


def test_committed_rows_survive_a_client_that_vanishes(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE seen (turn int)")
        connection.execute("INSERT INTO seen VALUES (1)")
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT turn FROM seen").fetchall() == [(1,)]
