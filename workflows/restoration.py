"""The mark of a database that came back from a backup: it may not know all that was done to the outside world."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from workflows.clock import stamp
from workflows.schema.tables import effects

_KEY = "database:restored"


def note_restored(connection: Connection, at: datetime) -> None:
    """The ledger of effects is that of an earlier time: from here on nothing that it does not know counts as new."""
    connection.execute(delete(effects).where(effects.c.key == _KEY))
    values = {"key": _KEY, "kind": "restored", "intended": "", "remote_id": "-"}
    connection.execute(insert(effects).values(**values, intended_at=stamp(at), done_at=stamp(at)))


def restored_at(connection: Connection) -> datetime | None:
    """When the database last came back from a backup; None for one that never did."""
    at = connection.execute(select(effects.c.intended_at).where(effects.c.key == _KEY)).scalar()
    return None if at is None else datetime.fromisoformat(at)
