"""One database for the journal, the inbox and DBOS: its engine, and transactions on it."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from bot.domain.errors import UserError

Result = TypeVar("Result")
_WAIT_SECONDS = 30.0
_TRIES = 12
_RINGS = "issuewright.rings"
CHANNEL = "issuewright"
"""Where PostgreSQL tells listeners that something was put into a queue; on SQLite they see for themselves."""


class Database:
    """Transactions on the one database. `wait_seconds` bounds how long a statement or connection may wait,
    `idle_seconds` how long PostgreSQL lets a transaction stand still: who was stopped must not keep its locks."""

    def __init__(
        self,
        url: str,
        *,
        wait_seconds: float = _WAIT_SECONDS,
        pool_size: int = 10,
        idle_seconds: float | None = None,
    ) -> None:
        self.url = sqlalchemy_url(url)
        self.is_sqlite = self.url.startswith("sqlite")
        self._wait_seconds = wait_seconds
        self.engine = (
            _sqlite(self.url, wait_seconds)
            if self.is_sqlite
            else _postgres(self.url, wait_seconds, pool_size, idle_seconds)
        )

    @property
    def dbos_url(self) -> str:
        """The same database, as DBOS wants it named."""
        return self.url if self.is_sqlite else self.url.replace("postgresql+psycopg://", "postgresql://", 1)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write; on SQLite it holds the write lock from its beginning."""
        with self.engine.begin() as connection:
            connection.info.pop(_RINGS, None)
            yield connection
            if connection.info.pop(_RINGS, False) and not self.is_sqlite:
                connection.execute(select(func.pg_notify(CHANNEL, "")))

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, and waits for nobody."""
        with self.engine.connect() as connection:
            reader = connection.execution_options(reads_only=True)
            with reader.begin():
                yield reader

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction that only reads, and whose every statement sees the database as it was at the first."""
        options = {"reads_only": True} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with self.engine.connect() as connection:
            reader = connection.execution_options(**options)
            with reader.begin():
                yield reader

    def in_transaction(self, work: Callable[[Connection], Result]) -> Result:
        """Do `work` in one transaction, again from the start when another writer came first (compare-and-set)."""
        give_up_at = time.monotonic() + self._wait_seconds
        for attempt in range(_TRIES):
            try:
                with self.write() as connection:
                    return work(connection)
            except DBAPIError as error:
                if attempt == _TRIES - 1 or not _lost_a_race(error) or time.monotonic() >= give_up_at:
                    raise
                time.sleep(random.uniform(0, 0.01 * 2**attempt))
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def ring_at_commit(connection: Connection) -> None:
    """Have the workers look into their queues once this transaction, of `Database.write`, is committed."""
    connection.info[_RINGS] = True


def insert_or(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say what becomes of a row that is there already: `.on_conflict_do_…`."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def sqlalchemy_url(url: str) -> str:
    """The URL with the driver that we ship; raises UserError for a database that is not supported."""
    name = make_url(url).drivername
    if name in ("postgres", "postgresql", "postgresql+psycopg2"):
        return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    if name in ("postgresql+psycopg", "sqlite"):
        return url
    raise UserError(f"database {name!r} is not supported: use sqlite:///… or postgresql://…")


def idle_option(seconds: float) -> str:
    """For a connection to PostgreSQL: how long a transaction may stand still."""
    return f"-c idle_in_transaction_session_timeout={int(seconds * 1000)}"


def _lost_a_race(error: DBAPIError) -> bool:
    if isinstance(error, IntegrityError):
        return True
    if not isinstance(error, OperationalError):
        return False
    code = getattr(error.orig, "sqlstate", None)
    return code in ("40001", "40P01") or (
        isinstance(error.orig, sqlite3.OperationalError) and "locked" in str(error.orig)
    )


def _sqlite(url: str, wait_seconds: float) -> Engine:
    path = make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": wait_seconds, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: the driver would begin too late
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "journal_size_limit=67108864"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads_only = connection.get_execution_options().get("reads_only", False)
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")

    return engine


def _postgres(url: str, wait_seconds: float, pool_size: int, idle_seconds: float | None) -> Engine:
    milliseconds = int(wait_seconds * 1000)
    idle = f" {idle_option(idle_seconds)}" if idle_seconds is not None else ""
    return create_engine(
        url,
        pool_size=pool_size,
        pool_timeout=wait_seconds,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": max(1, int(wait_seconds)),
            "tcp_user_timeout": milliseconds,  # a connection whose other side is gone, without a word, ends
            "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}{idle}",
        },
    )
