"""The database's state, its checks, and backups taken while others write."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from bot.domain.entries import AttemptStarted, DeploymentStarted
from bot.domain.errors import UserError
from tests.support.postgres import _find_programs
from tests.workflows.books import RUN, Books
from workflows import backups
from workflows.backups import back_up, restore, restored
from workflows.claims import Claims
from workflows.database import Database
from workflows.effects import Effects
from workflows.leases import Lease, this_process
from workflows.maintenance import check_database, database_status, require_schema
from workflows.restoration import restored_at
from workflows.schema.migrate import current_revision, migrate


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Books]:
    made = Books(f"sqlite:///{tmp_path / 'data' / 'issuewright.db'}", tmp_path / "data")
    yield made
    made.close()


def place(books: Books) -> Path:
    return Path(books.database.engine.url.database or "")


def test_status_tells_who_works_and_what_waits(books: Books) -> None:
    books.starts()
    books.parks()
    lease = Lease(books.database, this_process())
    lease.take()
    books.executes(
        "INSERT INTO workers (executor_id, host, boot_id, pid, pid_started_at, started_at, heartbeat_at) "
        "VALUES ('gone', 'elsewhere', 'boot', 1, 1.0, '2026-01-01T00:00:00+00:00', 1.0)"
    )
    found = database_status(books.database)
    lease.release()
    assert found.is_current
    assert found.runs == {"parked": 1}
    assert [(worker.host == "elsewhere", worker.alive) for worker in found.workers] == [(False, True), (True, False)]
    assert found.oldest_waiting is not None
    assert found.oldest_waiting.name == RUN
    assert (found.size_bytes or 0) > 10_000
    lease.release()


@pytest.mark.postgres
def test_status_hides_the_password(postgres_url: str) -> None:
    database = Database(postgres_url)
    password = database.engine.url.password
    assert password
    found = database_status(database)
    assert str(password) not in found.model_dump_json()
    assert found.revision is None
    with pytest.raises(UserError, match="is empty"):
        require_schema(database)
    database.close()


def test_looking_at_a_database_that_is_not_there_makes_none(tmp_path: Path) -> None:
    file = tmp_path / "issuewright.db"
    database = Database(f"sqlite:///{file}")
    with pytest.raises(UserError, match="there is no database"):
        database_status(database)
    assert not file.exists()


def test_a_newer_schema_is_worked_on_as_it_is(books: Books) -> None:
    books.executes("UPDATE issuewright_schema SET version_num = '9999'")
    books.executes("ALTER TABLE runs ADD COLUMN mood TEXT")
    migrate(books.database)
    require_schema(books.database)
    books.starts()
    assert current_revision(books.database) == "9999"
    assert database_status(books.database).runs == {"working": 1}


def test_a_newer_schema_that_lacks_something_is_refused(books: Books) -> None:
    books.executes("UPDATE issuewright_schema SET version_num = 'breaking_9999'")
    with pytest.raises(UserError, match="of a newer release"):
        require_schema(books.database)
    with pytest.raises(UserError, match="of a newer release"):
        migrate(books.database)


def test_a_sound_database_has_no_problems(books: Books) -> None:
    books.starts()
    books.tries(1)
    assert list(check_database(books.database)) == []


def test_wrong_tables_and_orphans_are_found(books: Books) -> None:
    books.starts()
    books.executes(
        "INSERT INTO effects (key, run_id, kind, intended_at) VALUES ('k', 'acme--tally--99', 'comment', '2026')"
    )
    books.executes("UPDATE runs SET waiting_for = 'nothing'")
    problems = list(check_database(books.database))
    assert problems[0] == "`effects` has rows of run acme--tally--99, which does not exist"
    assert problems[1].startswith("acme--tally--7: runs acme--tally--7: waiting_for is 'nothing'")


def test_a_damaged_file_is_found(on_sqlite: Books) -> None:
    on_sqlite.starts()
    file = place(on_sqlite)
    on_sqlite.close()
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        query = "SELECT rootpage FROM sqlite_master WHERE name LIKE 'sqlite_autoindex_entries%'"
        (root,) = connection.execute(query).fetchone()
    connection.close()
    with file.open("r+b") as damaged:
        damaged.seek((root - 1) * 4096)
        damaged.write(b"\x00" * 100)
    assert any("integrity_check" in each or "cannot read" in each for each in check_database(on_sqlite.database))


def test_a_file_that_is_not_in_wal_mode_is_found(on_sqlite: Books) -> None:
    file = place(on_sqlite)
    on_sqlite.close()
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    assert any("was not in WAL mode" in each for each in check_database(on_sqlite.database))


def test_a_locked_database_can_be_looked_at_and_backed_up(on_sqlite: Books, tmp_path: Path) -> None:
    on_sqlite.starts()
    holder = sqlite3.connect(place(on_sqlite), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert list(check_database(on_sqlite.database)) == []
    assert back_up(on_sqlite.database, tmp_path / "copy.db") > 0
    impatient = Database(on_sqlite.database.url, wait_seconds=0.05)
    with pytest.raises(OperationalError, match="locked"):
        restored(impatient)
    holder.close()
    impatient.close()


def test_a_backup_of_a_moment_while_others_write(on_sqlite: Books, tmp_path: Path) -> None:
    on_sqlite.starts()
    stop, written = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            on_sqlite.tries(number)
            written.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert written.wait(20)
        copies = [tmp_path / f"copy-{number}.db" for number in range(3)]
        for copy in copies:
            back_up(on_sqlite.database, copy)
            assert copy.stat().st_mode & 0o777 == 0o600
    finally:
        stop.set()
        writer.join()
    for copy in copies:
        database = Database(f"sqlite:///{copy}")
        assert list(check_database(database)) == []
        database.close()


def test_a_backup_overwrites_nothing(on_sqlite: Books, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("precious")
    with pytest.raises(UserError, match="never overwrites"):
        back_up(on_sqlite.database, tmp_path / "there")
    with pytest.raises(UserError, match="make it first"):
        back_up(on_sqlite.database, tmp_path / "nowhere" / "copy.db")
    assert (tmp_path / "there").read_text() == "precious"


def test_a_backup_is_restored_and_the_one_before_is_kept(on_sqlite: Books, tmp_path: Path) -> None:
    on_sqlite.starts()
    back_up(on_sqlite.database, tmp_path / "copy.db")
    on_sqlite.tries(1)
    kept = restore(on_sqlite.database, tmp_path / "copy.db")
    assert len(on_sqlite.journal.records(RUN)) == 1
    assert list(check_database(on_sqlite.database)) == []
    assert kept is not None
    with closing(sqlite3.connect(kept)) as before:
        assert before.execute("SELECT count(*) FROM entries").fetchone() == (3,)


def test_a_restore_that_dies_leaves_the_database_before_or_one_that_knows_its_age(
    on_sqlite: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contents and the mark arrive together: an old database that does not know its age does things twice."""

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    on_sqlite.starts()
    back_up(on_sqlite.database, tmp_path / "copy.db")
    on_sqlite.tries(1)
    monkeypatch.setattr(backups, "note_restored", dies)
    with pytest.raises(KeyboardInterrupt):
        restore(on_sqlite.database, tmp_path / "copy.db")
    monkeypatch.undo()
    assert len(on_sqlite.journal.records(RUN)) == 3
    (kept,) = place(on_sqlite).parent.glob("*.before-*")
    kept.unlink()  # within the same second the next one has the same name
    for suffix in ("", "-wal", "-shm"):
        place(on_sqlite).with_name(f"issuewright.db.restoring{suffix}").write_text("left by one that was killed")
    restore(on_sqlite.database, tmp_path / "copy.db")
    assert len(on_sqlite.journal.records(RUN)) == 1
    with on_sqlite.database.read() as connection:
        assert restored_at(connection) is not None
    assert not list(place(on_sqlite).parent.glob("*.restoring*"))
    assert place(on_sqlite).stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(tmp_path / "copy.db")) as backup:
        marks = backup.execute("SELECT count(*) FROM effects WHERE kind = 'restored'").fetchone()
    assert marks == (0,), "the backup is left as it was"


def test_no_restore_under_a_living_worker(on_sqlite: Books, tmp_path: Path) -> None:
    on_sqlite.starts()
    back_up(on_sqlite.database, tmp_path / "copy.db")
    lease = Lease(on_sqlite.database, this_process())
    lease.take()
    on_sqlite.tries(1)
    with pytest.raises(UserError, match="a worker lives"):
        restore(on_sqlite.database, tmp_path / "copy.db")
    assert len(on_sqlite.journal.records(RUN)) == 3
    lease.release()


def test_only_a_backup_is_restored(on_sqlite: Books, tmp_path: Path) -> None:
    (tmp_path / "poem.txt").write_text("Not a database at all, but long enough to look like one. " * 100)
    with pytest.raises(UserError, match="is no backup"):
        restore(on_sqlite.database, tmp_path / "poem.txt")
    with pytest.raises(UserError, match="there is no file"):
        restore(on_sqlite.database, tmp_path / "nothing.db")


def test_after_a_restore_what_is_not_known_is_looked_for(books: Books) -> None:
    effects, claims = Effects(books.database), Claims(books.database, "test")
    done: list[str] = []

    def act() -> str:
        done.append("again")
        return "2"

    def once(key: str) -> str:
        claim = claims.take("test")
        return effects.once(key, "comment", act, find=lambda: "1", claim=claim, run_id=None)

    assert once("before") == "2"
    restored(books.database)
    assert once("after") == "1", "what GitHub has already is found"
    assert done == ["again"]


def test_after_a_restore_what_was_under_way_begins_anew(books: Books) -> None:
    """Its recorded steps speak of workspaces that are gone; what only has to be driven or shown goes on."""

    def workflows() -> list[object]:
        schema = "" if books.database.is_sqlite else "dbos."
        query = f"SELECT workflow_uuid FROM {schema}workflow_status ORDER BY workflow_uuid"
        return [row[0] for row in books.query(query)]

    books.starts()
    books.tries(1)
    books.records(AttemptStarted(stage="builder", number=2, start_commit="b" * 40))
    books.records(DeploymentStarted(environment="candidate", number=1, commit="1" * 40))
    before = workflows()
    under_way = [f"attempt:{RUN}.builder.2:0", f"deploy:{RUN}:candidate:1:0"]
    assert {f"attempt:{RUN}.builder.1:0", f"drive:{RUN}:1", *under_way} < {*before}
    restored(books.database)
    assert workflows() == [each for each in before if each not in under_way]


@pytest.mark.postgres
def test_postgres_is_dumped_or_it_is_said_why_not(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = Books(postgres_url, tmp_path)
    books.starts()
    file = tmp_path / "copy.dump"
    programs = _find_programs()
    assert programs is not None
    # The server's own: an older pg_dump would refuse.
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    back_up(books.database, file)
    assert file.read_bytes().startswith(b"PGDMP")
    with pytest.raises(UserError, match="issuewright db restored"):
        restore(books.database, file)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="pg_dump was not found"):
        back_up(books.database, tmp_path / "other.dump")
    assert not list(tmp_path.glob("*.partial"))
    books.close()
