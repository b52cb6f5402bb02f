"""SQLite behind one lock: every request is one transaction, committed before it is answered."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from bot.localhub.schema import SCHEMA

Record = TypeVar("Record")


class Store:
    """The hub's database. Reads and writes happen inside `transaction()`, one at a time."""

    def __init__(self, path: Path) -> None:
        # WAL with synchronous NORMAL survives the process being killed; only a power cut may cost the tail.
        self._path = path
        self._connection = self._connect()
        self._connection.executescript(SCHEMA)
        self._lock = threading.RLock()
        self._depth = 0
        self._after_commit: list[Callable[[], None]] = []

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA busy_timeout = 5000")
        return connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; what was asked for with `after_commit` happens before anyone else's turn.
        A transaction inside another one is part of it."""
        with self._lock:
            if self._depth:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._depth, self._after_commit = 1, []
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            else:
                self._connection.execute("COMMIT")
                for action in self._after_commit:
                    action()
            finally:
                self._depth = 0

    def after_commit(self, action: Callable[[], None]) -> None:
        """Do `action` once this transaction is durable; it is forgotten if the transaction fails."""
        self._after_commit.append(action)

    def new_id(self) -> int:
        """The next id: rising, never used twice, whatever it is for."""
        row = self._connection.execute("UPDATE sequence SET next = next + 1 RETURNING next - 1").fetchone()
        return int(row[0])

    def all(self, kind: type[Record], sql: str, *values: object) -> list[Record]:
        """Every row of a query as a record of `kind`."""
        return [kind(**dict(row)) for row in self._connection.execute(sql, values)]

    def one(self, kind: type[Record], sql: str, *values: object) -> Record | None:
        """The first row of a query as a record of `kind`, None without rows."""
        row = self._connection.execute(sql, values).fetchone()
        return None if row is None else kind(**dict(row))

    def value(self, sql: str, *values: object) -> Any:
        """The first column of the first row, None without rows."""
        row = self._connection.execute(sql, values).fetchone()
        return None if row is None else row[0]

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """The rows of a query as they are."""
        return self._connection.execute(sql, values).fetchall()

    def run(self, sql: str, *values: object) -> int:
        """Execute a change; answers the number of rows it touched."""
        return self._connection.execute(sql, values).rowcount

    def insert(self, table: str, **columns: object) -> None:
        """Insert one row; table and column names are the program's own."""
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        self._connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(columns.values()))

    def update(self, table: str, key: int, **columns: object) -> None:
        """Change columns of the row with the id `key` (`issue_id` for pulls)."""
        names = ", ".join(f"{name} = ?" for name in columns)
        key_column = "issue_id" if table == "pulls" else "id"
        self._connection.execute(f"UPDATE {table} SET {names} WHERE {key_column} = ?", (*columns.values(), key))

    def close(self) -> None:
        """Close the database; nothing may be asked of it afterwards."""
        with self._lock:
            self._connection.close()
