"""A run's stored entries, as the database has them: read by the journal and by everything that looks at it."""

from datetime import datetime

from sqlalchemy import Connection, select

from bot.domain.journal import Record
from workflows.clock import stamp
from workflows.schema.tables import entries


def records_of(connection: Connection, run_id: str) -> list[Record]:
    """The run's records, in order; none when there is no such run."""
    query = select(entries).where(entries.c.run_id == run_id).order_by(entries.c.seq)
    return [Record(**{**row._mapping, "at": datetime.fromisoformat(row.at)}) for row in connection.execute(query)]


def row_of(record: Record) -> dict[str, object]:
    """The row of a record."""
    return {**record.model_dump(), "at": stamp(record.at)}
