"""The database's state for its operator: what is in it, who works on it, and whether it is sound."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field
from sqlalchemy import Connection, Table, func, select, text, union
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from bot.domain.errors import UserError
from bot.domain.values import Value
from workflows.audit import audit
from workflows.database import Database
from workflows.leases import database_clock, this_process
from workflows.reaper import is_alive
from workflows.schema.migrate import REVISIONS, current_revision, is_added_to
from workflows.schema.tables import (
    archived_runs,
    attempts,
    decisions,
    deliveries,
    effects,
    metadata,
    runs,
    workers,
)


class WorkerLine(Value):
    """A worker that has a lease; `alive` unless it has not beaten for too long, or its process here is gone."""

    executor_id: str
    host: str
    pid: int
    started_at: str
    beat_seconds_ago: float
    alive: bool


class Oldest(Value):
    """What has waited the longest: which, since when, for what."""

    name: str
    since: str
    waiting_for: str


class DatabaseStatus(Value):
    """What `issuewright db status` shows. Sizes are bytes; None where the database does not tell. With another
    release's schema nothing is known but where and how large it is."""

    url: str
    kind: str
    revision: str | None
    newest_revision: str
    size_bytes: int | None
    wal_bytes: int | None = None
    runs: dict[str, int] = Field(default_factory=dict)
    archived_runs: int = 0
    agents_at_work: int = 0
    deliveries: dict[str, int] = Field(default_factory=dict)
    oldest_delivery: Oldest | None = None
    oldest_waiting: Oldest | None = None
    unfinished_effects: int = 0
    workers: tuple[WorkerLine, ...] = ()

    @property
    def is_current(self) -> bool:
        """Whether the schema is this release's, or has more than it needs."""
        return self.revision == self.newest_revision or is_added_to(self.revision)


def require_schema(database: Database) -> None:
    """Raises UserError, with what to do, unless the database is at this release's schema."""
    is_here(database)
    revision = refuse_newer(database)
    if revision == REVISIONS[-1] or is_added_to(revision):
        return
    if revision is None:
        raise UserError(f"{shown_url(database)} is empty: start the service once, or run `issuewright db migrate`")
    raise UserError(
        f"the database is at revision {revision}, this release needs {REVISIONS[-1]}: run `issuewright db migrate` "
        "(a service that starts does so, too)"
    )


def refuse_newer(database: Database) -> str | None:
    """The revision that the database is at (None: it is empty); raises UserError for one of a newer release that
    this one cannot work with."""
    revision = current_revision(database)
    if revision is not None and revision not in REVISIONS and not is_added_to(revision):
        raise UserError(f"the database is at revision {revision}, of a newer release: use that release, or a newer one")
    return revision


def is_here(database: Database) -> None:
    """Raises UserError when the SQLite file does not exist: looking must not create it."""
    if database.is_sqlite and not sqlite_file(database).exists():
        raise UserError(
            f"there is no database at {sqlite_file(database)} yet: is --dir the service's directory? "
            "`issuewright db migrate` makes one"
        )


def sqlite_file(database: Database) -> Path:
    """The file of a SQLite database."""
    return Path(make_url(database.url).database or "")


def shown_url(database: Database) -> str:
    """The database's URL without its password."""
    return make_url(database.dbos_url).render_as_string(hide_password=True)


def database_status(database: Database) -> DatabaseStatus:
    """How the database stands; raises UserError when there is none."""
    is_here(database)
    size, wal = _sizes(database)
    found = DatabaseStatus(
        url=shown_url(database),
        kind="SQLite" if database.is_sqlite else "PostgreSQL",
        revision=current_revision(database),
        newest_revision=REVISIONS[-1],
        size_bytes=size,
        wal_bytes=wal,
    )
    if not found.is_current:
        return found
    with database.snapshot() as connection:
        at_work = select(func.count()).select_from(attempts).where(attempts.c.finished_at.is_(None))
        begun = select(func.count()).select_from(effects).where(effects.c.done_at.is_(None))
        return found.model_copy(
            update={
                "runs": _counts(connection, runs),
                "archived_runs": connection.execute(select(func.count()).select_from(archived_runs)).scalar_one(),
                "agents_at_work": connection.execute(at_work).scalar_one(),
                "deliveries": _counts(connection, deliveries),
                "oldest_delivery": _oldest_delivery(connection),
                "oldest_waiting": _oldest_waiting(connection),
                "unfinished_effects": connection.execute(begun).scalar_one(),
                "workers": tuple(leased_workers(connection, database)),
            }
        )


def leased_workers(connection: Connection, database: Database) -> Iterator[WorkerLine]:
    """All workers that have a lease, the newest first."""
    here = this_process()
    rows = select(workers, database_clock(database).label("present")).where(workers.c.declared_dead_at.is_(None))
    for row in connection.execute(rows.order_by(workers.c.started_at.desc())):
        yield WorkerLine(
            executor_id=row.executor_id,
            host=row.host,
            pid=row.pid,
            started_at=row.started_at,
            beat_seconds_ago=round(max(0.0, row.present - row.heartbeat_at), 1),
            alive=is_alive(row, here, database),
        )


def check_database(database: Database) -> Iterator[str]:
    """What is wrong with the database, in sentences; nothing when it is sound. Raises UserError as `require_schema`."""
    is_here(database)
    if database.is_sqlite and not _is_in_wal_mode(database):
        yield "the file was not in WAL mode, so readers and writers waited for each other: it is now"
    require_schema(database)
    if database.is_sqlite:
        try:
            yield from _sqlite_problems(database)
        except DBAPIError as error:
            yield f"SQLite cannot read its file: {error.orig}; restore a backup"
            return
    yield from _orphans(database)
    for found in audit(database):
        yield from (f"{found.run_id}: {problem}" for problem in found.problems)


def _sqlite_problems(database: Database) -> Iterator[str]:
    with database.read() as connection:
        for line in connection.exec_driver_sql("PRAGMA integrity_check").scalars().all():
            if line != "ok":
                yield f"integrity_check: {line}"
        for table, *_ in connection.exec_driver_sql("PRAGMA foreign_key_check").all():
            yield f"a row of `{table}` refers to a row that is not there"


def _is_in_wal_mode(database: Database) -> bool:
    """As the file itself says: opening it sets the mode."""
    with sqlite_file(database).open("rb") as stored:
        return stored.read(20)[18:20] == b"\x02\x02"


def _orphans(database: Database) -> Iterator[str]:
    with database.snapshot() as connection:
        here, archived = select(runs.c.run_id), select(archived_runs.c.run_id)
        for run_id in connection.execute(archived.where(archived_runs.c.run_id.in_(here))).scalars():
            yield f"run {run_id} is archived, and there all the same"
        for table in metadata.sorted_tables:
            if table in (runs, archived_runs) or "run_id" not in table.c:
                continue
            # What was decided in an archived run is remembered, so that it does not count again.
            known = union(here, archived) if table is decisions else here
            strays = select(table.c.run_id).where(table.c.run_id.is_not(None), table.c.run_id.not_in(known)).distinct()
            for run_id in connection.execute(strays).scalars():
                yield f"`{table.name}` has rows of run {run_id}, which does not exist"
        live = select(attempts.c.run_id, attempts.c.stage, attempts.c.number).join(runs)
        for row in connection.execute(live.where(attempts.c.finished_at.is_(None), runs.c.is_open.is_(False))):
            yield f"attempt {row.number} of {row.stage} is under way in {row.run_id}, which is over"


def _sizes(database: Database) -> tuple[int | None, int | None]:
    if database.is_sqlite:
        file = sqlite_file(database)
        wal = file.with_name(f"{file.name}-wal")
        # What is still in the WAL is not in the file yet.
        with database.read() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            return pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one(), (
                wal.stat().st_size if wal.exists() else 0
            )
    with database.read() as connection:
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()), None


def _counts(connection: Connection, table: Table) -> dict[str, int]:
    """How many rows of a table have which status."""
    query = select(table.c.status, func.count()).group_by(table.c.status)
    return {row[0]: row[1] for row in connection.execute(query)}


def _oldest_delivery(connection: Connection) -> Oldest | None:
    query = select(deliveries).where(deliveries.c.status == "received").order_by(deliveries.c.received_at).limit(1)
    row = connection.execute(query).first()
    return (
        None if row is None else Oldest(name=row.id, since=row.received_at, waiting_for=f"its {row.event} to be read")
    )


def _oldest_waiting(connection: Connection) -> Oldest | None:
    query = select(runs).where(runs.c.is_open, runs.c.waiting_for.is_not(None)).order_by(runs.c.updated_at).limit(1)
    row = connection.execute(query).first()
    return None if row is None else Oldest(name=row.run_id, since=row.updated_at, waiting_for=row.waiting_for)
