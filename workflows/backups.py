"""Backups of the database: taken while the service works, and brought back while it does not."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from sqlalchemy import delete
from sqlalchemy.engine import URL, make_url

from bot.domain.errors import UserError
from workflows.clock import now
from workflows.database import Database
from workflows.maintenance import is_here, leased_workers, sqlite_file
from workflows.restoration import forget_unfinished_work, note_restored
from workflows.schema.migrate import REVISIONS, VERSION_TABLE
from workflows.schema.tables import workers

_WAIT_SECONDS = 10.0


def back_up(database: Database, file: Path) -> int:
    """Copy the database into a new file (mode 0600) while others write; returns its size in bytes.

    SQLite makes a database, PostgreSQL an archive for `pg_restore`. Raises UserError when that cannot be done; then
    there is no file.
    """
    is_here(database)
    if file.exists():
        raise UserError(f"{file} exists: a backup never overwrites one; give another name")
    if not file.parent.is_dir():
        raise UserError(f"there is no directory {file.parent}: make it first")
    partial = file.with_name(f"{file.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        (_copy_sqlite if database.is_sqlite else _dump_postgres)(database, partial)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.rename(file)
    except (OSError, sqlite3.Error) as error:
        raise UserError(f"{file} cannot be written: {error}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return file.stat().st_size


def restore(database: Database, file: Path) -> Path | None:
    """Put a backup in the database's place; returns where the one before was kept (None: there was none).

    Effects that the backup does not know are looked for on GitHub before they are done. Raises UserError when a worker
    lives, when the file is no backup that this release can use, and for PostgreSQL.
    """
    if not database.is_sqlite:
        raise UserError(
            "a PostgreSQL is restored with its own tools: stop all workers, `pg_restore --clean --if-exists --dbname "
            "URL FILE`, then `issuewright db restored`, so that nothing is done twice"
        )
    _check_backup(file)
    place, kept = sqlite_file(database), None
    if place.exists():
        _nobody_works(database)
        kept = place.with_name(f"{place.name}.before-{now():%Y%m%dT%H%M%SZ}")
        back_up(database, kept)
        database.close()
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f"{place.name}.restoring")
    try:
        _remove(draft)
        _write_marked(file, draft)
        # SQLite writes it as one transaction: whoever dies here leaves the old database, or one that knows its age.
        with closing(_open(draft, "rw")) as source, closing(sqlite3.connect(place, timeout=_WAIT_SECONDS)) as target:
            source.backup(target)
    except (OSError, sqlite3.Error) as error:
        raise UserError(f"{place} cannot be written ({error}): stop whatever uses it") from error
    finally:
        with suppress(OSError):
            _remove(draft)
    place.chmod(0o600)
    return kept


def restored(database: Database) -> datetime:
    """Note that this database is older than what was done with it: from here on effects are looked for first, and what
    was under way begins anew, since the workspaces that its recorded steps speak of are gone."""
    at = now()
    forget_unfinished_work(database)
    with database.write() as connection:
        # Their leases are of the backup's time.
        connection.execute(delete(workers))
        note_restored(connection, at)
    return at


def _write_marked(file: Path, draft: Path) -> None:
    """A copy of the backup that knows that it is one."""
    draft.touch(mode=0o600)
    with closing(_open(file, "ro")) as source, closing(sqlite3.connect(draft)) as copy:
        source.backup(copy)
    database = Database(URL.create("sqlite", database=str(draft)).render_as_string())
    try:
        restored(database)
    finally:
        database.close()


def _remove(draft: Path) -> None:
    """With what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        draft.with_name(f"{draft.name}{suffix}").unlink(missing_ok=True)


def _nobody_works(database: Database) -> None:
    with database.read() as connection:
        alive = [worker for worker in leased_workers(connection, database) if worker.alive]
    if alive:
        names = ", ".join(f"process {worker.pid} on {worker.host}" for worker in alive)
        raise UserError(
            f"a worker lives ({names}): stop the service first (one that was killed on another machine counts as "
            "alive for `lease_seconds`)"
        )


def _copy_sqlite(database: Database, target: Path) -> None:
    with closing(_open(sqlite_file(database), "rw")) as source, closing(sqlite3.connect(target)) as copy:
        # In one step, of one moment; in WAL mode nobody who writes waits for it.
        source.backup(copy)


def _check_backup(file: Path) -> None:
    if not file.is_file():
        raise UserError(f"there is no file {file}")
    try:
        with closing(_open(file, "ro")) as backup:
            found = [row[0] for row in backup.execute("PRAGMA integrity_check")]
            revision = backup.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()
    except sqlite3.Error as error:
        raise UserError(f"{file} is no backup of an Issuewright database: {error}") from None
    if found != ["ok"]:
        raise UserError(f"{file} is damaged: {found[0]}; take another backup")
    if revision is None or revision[0] not in REVISIONS:
        raise UserError(f"{file} was made by a newer release: restore it with that one")


def _open(file: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode={mode}", uri=True, timeout=_WAIT_SECONDS)


def _dump_postgres(database: Database, target: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise UserError(
            "pg_dump was not found: install PostgreSQL's client programs (apt-get install postgresql-client), or take "
            "the backup where the server is"
        )
    url = make_url(database.url)
    # In the environment, where other users of the machine do not see them.
    named = {
        "PGHOST": url.host,
        "PGPORT": str(url.port) if url.port else None,
        "PGUSER": url.username,
        "PGPASSWORD": str(url.password) if url.password else None,
        "PGDATABASE": url.database,
        **{f"PG{name.upper()}": unquote(str(value)) for name, value in url.query.items() if name.startswith("ssl")},
    }
    variables = {**os.environ, **{name: value for name, value in named.items() if value is not None}}
    command = [program, "--format=custom", "--no-owner", "--no-password", f"--file={target}"]
    done = subprocess.run(command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = " ".join(done.stderr.replace("pg_dump: ", "").split()) or "without a word"
        raise UserError(f"pg_dump failed: {words} (it must be at least as new as the server)")
