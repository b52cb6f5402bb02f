"""Recovery of single workflows, by what DBOS does itself; the two names that it does not export are met here only."""

import logging
import uuid

from dbos import DBOS
from dbos._core import execute_dequeued_workflow
from dbos._utils import INTERNAL_QUEUE_NAME
from sqlalchemy import text

from workflows.database import Database
from workflows.reaper import Orphan

log = logging.getLogger("issuewright.recovery")


class DbosRecovery:
    """Gives orphans back to their queues, or has this process execute them."""

    def __init__(self, dbos: DBOS, database: Database, executor_id: str) -> None:
        self._dbos = dbos
        self._database = database
        self._executor_id = executor_id

    def give_back(self, orphan: Orphan) -> bool:
        """Back to its queue, unless somebody was faster."""
        return self._dbos._sys_db.reenqueue_for_recovery(orphan.workflow_id, [orphan.executor_id], INTERNAL_QUEUE_NAME)

    def adopt(self, orphan: Orphan) -> bool:
        """Have this process execute it, unless somebody was faster. It never leaves its place in its queue: another
        machine's worker could take it from there, and has nothing of what it needs."""
        owner = uuid.uuid4().hex
        if not self._claim(orphan.workflow_id, orphan.executor_id, self._executor_id, owner):
            return False
        try:
            status = self._dbos._sys_db.get_workflow_status(orphan.workflow_id)
            if status is None:
                return False
            execute_dequeued_workflow(self._dbos, status, owner)
        except Exception:
            # PENDING under a living executor that does not execute it, nobody would ever look after it.
            self._claim(orphan.workflow_id, self._executor_id, orphan.executor_id, None)
            log.exception("%s could not be adopted; trying again", orphan.workflow_id)
            return False
        return True

    def _claim(self, workflow_id: str, old: str, new: str, owner: str | None) -> bool:
        """Compare and set, as a queue does it."""
        schema = "" if self._database.is_sqlite else "dbos."
        statement = text(
            f"UPDATE {schema}workflow_status SET executor_id = :new, owner_xid = :owner, "
            "recovery_attempts = recovery_attempts + 1 "
            "WHERE workflow_uuid = :id AND status = 'PENDING' AND executor_id = :old"
        )
        with self._database.write() as connection:
            found = connection.execute(statement, {"new": new, "owner": owner, "id": workflow_id, "old": old})
            return bool(found.rowcount)
