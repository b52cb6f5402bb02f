"""The edge while its database is busy or away: 503 within its patience, and nothing that piles up behind."""

import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psutil
import pytest

from tests.entrypoints.conftest import Edge, NewEdge
from tests.support.postgres import PostgresServer


def is_503(answer: httpx.Response) -> bool:
    return answer.status_code == 503 and "database" in answer.json()["error"] and "\n" not in answer.text


def timed(edge: Edge) -> tuple[httpx.Response, float]:
    begin = time.monotonic()
    answer = edge.delivers()
    return answer, time.monotonic() - begin


def test_a_locked_sqlite_is_503_in_time_and_taken_later(new_edge: NewEdge) -> None:
    edge = new_edge("sqlite")
    edge.delivers(delivery="warm-up")
    with locked(edge):
        answer, took = timed(edge)
        assert edge.http.get("/healthz").status_code == 200
    assert is_503(answer)
    assert 2.5 < took < 8  # GitHub waits for 10
    assert edge.delivers().status_code == 202
    assert [row[0] for row in edge.stored()] == ["guid-1", "warm-up"]


def test_a_lock_shorter_than_the_patience_is_waited_for(new_edge: NewEdge) -> None:
    edge = new_edge("sqlite")
    edge.delivers(delivery="warm-up")
    answers: list[httpx.Response] = []
    delivering = threading.Thread(target=lambda: answers.append(edge.delivers()))
    with locked(edge):
        delivering.start()
        deadline = time.monotonic() + 10
        while not storing():
            assert time.monotonic() < deadline, "the delivery never came to the database"
            time.sleep(0.01)
    delivering.join()
    assert answers[0].json() == {"status": "accepted"}


def test_many_deliveries_to_a_locked_database_are_all_answered_in_time(new_edge: NewEdge) -> None:
    edge = new_edge("sqlite")
    edge.delivers(delivery="warm-up")
    took: list[tuple[int, float]] = []

    def deliver(number: int) -> None:
        begin = time.monotonic()
        status = edge.delivers(delivery=f"guid-{number}").status_code
        took.append((status, time.monotonic() - begin))

    with locked(edge):
        threads = [threading.Thread(target=deliver, args=(number,)) for number in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {status for status, _ in took} == {503}
    assert max(seconds for _, seconds in took) < 9.0  # GitHub waits for 10


def test_nobody_goes_on_trying_to_store_what_was_refused_long_ago(new_edge: NewEdge) -> None:
    edge = new_edge("sqlite")
    edge.delivers(delivery="warm-up")
    with locked(edge):
        assert is_503(edge.delivers())
        deadline = time.monotonic() + 4
        while storing():
            assert time.monotonic() < deadline, "a thread is still storing what was answered with 503"
            time.sleep(0.05)


@pytest.mark.postgres
def test_a_stopped_postgres_is_503_in_time(new_edge: NewEdge, postgres_server: PostgresServer) -> None:
    edge = new_edge("postgres")
    edge.delivers(delivery="warm-up")
    with stopped(postgres_server.pid):
        answer, took = timed(edge)
        ready = edge.http.get("/readyz")
        assert edge.http.get("/healthz").status_code == 200
    assert is_503(answer)
    assert 2.5 < took < 8  # GitHub waits for 10
    assert is_503(ready)
    assert edge.delivers().status_code == 202


@pytest.mark.postgres
def test_connections_that_the_server_has_closed_cost_nobody_a_delivery(new_edge: NewEdge) -> None:
    edge = new_edge("postgres")
    edge.delivers(delivery="warm-up")
    edge.executes("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert edge.delivers().json() == {"status": "accepted"}


def storing() -> bool:
    """Whether a thread of this process is in the middle of storing deliveries."""
    for top in sys._current_frames().values():
        frame = top
        while frame is not None:
            if frame.f_code.co_name == "store_deliveries":
                return True
            frame = frame.f_back  # type: ignore[assignment]
    return False


@contextmanager
def locked(edge: Edge) -> Iterator[None]:
    """Somebody else holds the write lock of the SQLite file."""
    file = edge.database.engine.url.database
    assert file is not None
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The whole server stands still, as behind a network that swallows everything."""
    server = psutil.Process(pid)
    everyone = [server, *server.children(recursive=True)]
    for process in everyone:
        process.suspend()
    try:
        yield
    finally:
        for process in everyone:
            if process.is_running():
                process.resume()
