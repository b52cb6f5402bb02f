"""What the groups of the bench share: a directory, how much to measure, and the databases."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support.postgres import PostgresServer, start_server


class Setting:
    """Directories of their own for those who ask, fresh databases, and one PostgreSQL started when it is needed."""

    def __init__(self, root: Path, *, quick: bool, database: str | None = None) -> None:
        self.quick = quick
        self._root = root
        self._only = database
        self._stack = ExitStack()
        self._server: PostgresServer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def often(self, usual: int, quick: int = 1) -> int:
        """How often to measure."""
        return quick if self.quick else usual

    def directory(self, name: str) -> Path:
        """A new directory."""
        made = self._root / f"{name}-{len(list(self._root.iterdir()))}"
        made.mkdir()
        return made

    def databases(self) -> tuple[str, ...]:
        """The kinds of database to measure on: PostgreSQL too where its programs can be had."""
        both = ("sqlite", "postgres") if self._postgres() is not None else ("sqlite",)
        return tuple(kind for kind in both if self._only in (None, kind))

    @contextmanager
    def fresh_database(self, kind: str) -> Iterator[str]:
        """The URL of an empty database for the time of the block."""
        server = self._postgres() if kind == "postgres" else None
        if server is None:
            yield f"sqlite:///{self.directory('database') / 'issuewright.db'}"
        else:
            with server.fresh_database() as url:
                yield url

    @contextmanager
    def fresh_databases(self, kind: str, number: int) -> Iterator[list[str]]:
        """The URLs of that many empty databases for the time of the block."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.fresh_database(kind)) for _ in range(number)]

    def _postgres(self) -> PostgresServer | None:
        if self._server is None and self._only != "sqlite":
            try:
                self._server = self._stack.enter_context(start_server())
            except pytest.skip.Exception:
                return None
        return self._server
