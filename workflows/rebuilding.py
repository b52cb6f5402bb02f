"""Projections built anew from the journal, by the code that writes them, and compared with those that are stored."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Table, create_engine, delete, insert, select, update

from bot.domain.fold import apply
from bot.domain.journal import Record
from bot.domain.run import Run
from bot.domain.values import Value
from workflows import projections
from workflows.schema.tables import attempts, costs, deployments, gates, metadata, runs

TABLES = (runs, attempts, costs, gates, deployments)
"""The projections; those that others refer to first."""
_NOT_FROM_THE_JOURNAL = {"runs": {"publisher", "last_error"}, "attempts": {"restarts"}}

Row = dict[str, Any]
Rows = dict[str, dict[tuple[Any, ...], Row]]
"""By table's name and key, what the journal says of each row."""


class Difference(Value):
    """One place where a stored projection is not what the journal makes of it. `column` is None for a whole row."""

    table: str
    key: str
    column: str | None
    stored: str | None
    rebuilt: str | None

    def __str__(self) -> str:
        if self.column is None:
            return f"{self.table} {self.key}: {'is missing' if self.stored is None else 'should not be there'}"
        return f"{self.table} {self.key}: {self.column} is {self.stored}, the journal says {self.rebuilt}"


class Rebuilder:
    """Plays journals into an empty database in memory. Use it as a context: `with rebuilder() as build`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __call__(self, records: Iterable[Record]) -> Rows:
        """The projections of one run; raises ValueError when its entries cannot be played."""
        with self._connection.begin_nested() as scratch:
            try:
                run_id = self._play(records)
                return rows_of(self._connection, run_id) if run_id is not None else {t.name: {} for t in TABLES}
            except Exception as error:
                raise ValueError(f"cannot be played: {type(error).__name__}: {str(error).splitlines()[0]}") from error
            finally:
                scratch.rollback()

    def _play(self, records: Iterable[Record]) -> str | None:
        run: Run | None = None
        for record in records:
            entry = record.entry
            before, run = run, apply(run, entry, record.seq, record.hash, record.at)
            if run is None:
                return None
            if before is None:
                projections.insert_run(self._connection, run, record.at)
            else:
                projections.update_run(self._connection, before=before, after=run, entry=entry, at=record.at)
        return run.id if run else None


@contextmanager
def rebuilder() -> Iterator[Rebuilder]:
    """A place to build projections in."""
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            metadata.create_all(connection, tables=list(TABLES))
            yield Rebuilder(connection)
    finally:
        engine.dispose()


def rows_of(connection: Connection, run_id: str) -> Rows:
    """A run's stored projections, without what does not come from its journal."""
    found: Rows = {}
    for table in TABLES:
        rows = connection.execute(select(*_columns(table)).where(table.c.run_id == run_id))
        found[table.name] = {_key(table, row := dict(each._mapping)): row for each in rows}
    return found


def differences(stored: Rows, rebuilt: Rows) -> Iterator[Difference]:
    """Where they differ, row by row and column by column."""
    for table in TABLES:
        here, there = stored[table.name], rebuilt[table.name]
        for key in sorted(here.keys() | there.keys()):
            name = "/".join(map(str, key))
            was, should = here.get(key), there.get(key)
            if was is None or should is None:
                rows = (None if row is None else "a row" for row in (was, should))
                yield Difference(table=table.name, key=name, column=None, stored=next(rows), rebuilt=next(rows))
                continue
            for column in should:
                if was[column] != should[column]:
                    values = {"stored": repr(was[column]), "rebuilt": repr(should[column])}
                    yield Difference(table=table.name, key=name, column=column, **values)


def write(connection: Connection, stored: Rows, rebuilt: Rows) -> None:
    """Make the stored projections those that were rebuilt; what the journal does not tell stays as it is."""
    for table in TABLES:
        here, there = stored[table.name], rebuilt[table.name]
        for key, row in there.items():
            if key not in here:
                connection.execute(insert(table).values(**row))
            elif here[key] != row:
                connection.execute(update(table).where(_is(table, key)).values(**row))
    for table in reversed(TABLES):
        for key in stored[table.name].keys() - rebuilt[table.name].keys():
            connection.execute(delete(table).where(_is(table, key)))


def _columns(table: Table) -> list[Any]:
    return [column for column in table.c if column.name not in _NOT_FROM_THE_JOURNAL.get(table.name, ())]


def _key(table: Table, row: Row) -> tuple[Any, ...]:
    return tuple(row[column.name] for column in table.primary_key)


def _is(table: Table, key: tuple[Any, ...]) -> Any:
    first, *others = (column == value for column, value in zip(table.primary_key, key, strict=True))
    for condition in others:
        first &= condition
    return first
