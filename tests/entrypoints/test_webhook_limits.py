"""What the edge holds in memory is bounded, and a database that is full is answered with 503."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from tests.entrypoints.conftest import Edge, NewEdge, comment, signature
from tests.entrypoints.test_webhook_without_a_database import is_503, locked, storing


def large(edge: Edge, delivery: str) -> httpx.Response:
    return edge.delivers(comment(text="x" * 3500), delivery=delivery)


def test_what_is_too_much_at_once_is_refused_at_once(new_edge: NewEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISSUEWRIGHT_MAX_PENDING_BYTES", "6000")
    edge = new_edge("sqlite")
    edge.delivers(delivery="warm-up")
    answers: list[httpx.Response] = []
    first = threading.Thread(target=lambda: answers.append(large(edge, "first")))
    with locked(edge):
        first.start()
        while not storing():
            assert first.is_alive(), "it did not wait for the database"
        refused = large(edge, "second")
        assert refused.status_code == 503
        assert "too much is being delivered at once" in refused.json()["error"]
        assert edge.http.get("/healthz").status_code == 200
    first.join()
    assert answers[0].status_code == 202
    assert [large(edge, f"later-{number}").status_code for number in range(4)] == [202] * 4, "room is given back"
    assert {each[0] for each in edge.stored()} == {"warm-up", "first", "later-0", "later-1", "later-2", "later-3"}


def test_room_is_given_back_by_those_who_are_refused(new_edge: NewEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISSUEWRIGHT_MAX_PENDING_BYTES", "6000")
    edge = new_edge("sqlite")
    body = b'{"text": "' + b"x" * 3500 + b'"}'
    for _ in range(4):
        assert edge.posts(body, x_hub_signature_256=signature(b"another")).status_code == 401
        assert edge.posts(b"x" * 3600).status_code == 400
        assert edge.posts(b"x" * 5000).status_code == 413
    assert large(edge, "guid-1").status_code == 202


def test_a_full_sqlite_is_503_and_takes_deliveries_again_when_it_is_not(new_edge: NewEdge) -> None:
    edge = new_edge("sqlite")
    taken = {"warm-up"} if edge.delivers(delivery="warm-up").status_code == 202 else set()
    with full(edge):
        for number in range(200):
            answer = large(edge, f"guid-{number}")
            if answer.status_code != 202:
                break
            taken.add(f"guid-{number}")
        assert is_503(answer)
    assert large(edge, "after").status_code == 202
    assert {each[0] for each in edge.stored()} == {*taken, "after"}
    assert {name for name, _ in edge.readers()} == {f"inbox:{each}:1" for each in (*taken, "after")}


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("trouble", "undo"),
    [
        ("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE", ""),
        (
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$; "
            "CREATE TRIGGER full_disk BEFORE INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION full_disk()",
            "DROP TRIGGER full_disk ON deliveries",
        ),
    ],
    ids=["locked", "full"],
)
def test_a_postgres_that_refuses_is_503_and_asked_again_later(new_edge: NewEdge, trouble: str, undo: str) -> None:
    edge = new_edge("postgres")
    edge.delivers(delivery="before")
    with edge.database.engine.connect() as connection:
        connection.exec_driver_sql(trouble)
        if undo:
            connection.commit()
        assert is_503(edge.delivers(delivery="meanwhile"))
        connection.rollback()
    if undo:
        edge.executes(undo)
        assert [each[0] for each in edge.stored()] == ["before"]
    # What waited for a lock when its time was up may be stored all the same: delivered again, it is there once.
    assert edge.delivers(delivery="meanwhile").status_code == 202
    assert [each[0] for each in edge.stored()] == ["before", "meanwhile"]


@contextmanager
def full(edge: Edge) -> Iterator[None]:
    """SQLite may not add a page to its file, whoever asks, as when the disk is full."""
    pages = edge.query("PRAGMA page_count")[0][0]
    limit = [pages]

    def limited(connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {limit[0]}")

    event.listen(Pool, "checkout", limited)
    try:
        yield
        limit[0] = 1 << 30
    finally:
        # Connections that were limited are unlimited when they are taken again.
        edge.http.get("/readyz")
        edge.delivers(delivery="warm-up")
        event.remove(Pool, "checkout", limited)
