"""The mark of a database that came back from a backup: it may not know all that was done to the outside world."""

from datetime import datetime

from dbos import DBOSClient
from sqlalchemy import Connection, delete, insert, select

from bot.domain.refs import AttemptRef
from workflows.clock import stamp
from workflows.database import Database
from workflows.schema.tables import attempts, deployments, effects

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


def forget_unfinished_work(database: Database) -> None:
    """Remove the workflows of attempts and deployments that are under way: the sweep has them executed anew."""
    with database.read() as connection:
        names = [
            *(
                f"attempt:{AttemptRef(run_id=row.run_id, stage=row.stage, number=row.number).key}:"
                for row in connection.execute(select(attempts).where(attempts.c.finished_at.is_(None)))
            ),
            *(
                f"deploy:{row.run_id}:{row.environment}:{row.number}:"
                for row in connection.execute(select(deployments).where(deployments.c.finished_at.is_(None)))
            ),
        ]
    if not names:
        return
    client = DBOSClient(system_database_url=database.dbos_url, retry_connection_errors=False)
    found = client.list_workflows(workflow_id_prefix=names, load_input=False, load_output=False)
    client.delete_workflows([workflow.workflow_id for workflow in found])
    client.destroy()
