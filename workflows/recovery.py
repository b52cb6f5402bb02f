"""Recovery of single workflows, by what DBOS does itself; the names that it does not export are met here only."""

import logging
import uuid

from dbos import DBOS
from dbos._core import execute_dequeued_workflow
from dbos._utils import INTERNAL_QUEUE_NAME
from sqlalchemy import column, select, table, update

from workflows.database import Database
from workflows.reaper import Orphan
from workflows.wake import AGENTS, REWOUND

log = logging.getLogger("issuewright.recovery")
_COLUMNS = ("workflow_uuid", "status", "queue_name", "executor_id", "owner_xid", "recovery_attempts")
_REWOUND = {"status": "ENQUEUED", "queue_name": REWOUND}


class DbosRecovery:
    """Gives workflows back to their queues, or has this process execute them."""

    def __init__(self, dbos: DBOS, database: Database, executor_id: str) -> None:
        self._dbos = dbos
        self._database = database
        self._executor_id = executor_id
        schema = None if database.is_sqlite else "dbos"
        self._workflows = table("workflow_status", *(column(name) for name in _COLUMNS), schema=schema)
        self._idle: set[str] = set()

    def give_back(self, orphan: Orphan) -> bool:
        """Back to its queue, unless somebody was faster."""
        return self._dbos._sys_db.reenqueue_for_recovery(orphan.workflow_id, [orphan.executor_id], INTERNAL_QUEUE_NAME)

    def adopt(self, orphan: Orphan) -> bool:
        """Have this process execute it, unless somebody was faster. It never leaves its place in its queue: another
        machine's worker could take it from there, and has nothing of what it needs."""
        return self._execute(orphan.workflow_id, {"status": "PENDING", "executor_id": orphan.executor_id})

    def fetch(self, workflow_id: str) -> bool:
        """Have this process execute an attempt that was rewound, unless somebody was faster."""
        return self._execute(workflow_id, _REWOUND)

    def let_go(self, workflow_id: str) -> bool:
        """Have whoever is free execute an attempt that was rewound, unless somebody was faster."""
        return self._move(workflow_id, _REWOUND, {"queue_name": AGENTS})

    def take_up_stranded(self) -> int:
        """Execute what is this process's own and was found idle twice in a row; returns how many workflows that were.

        A queue's claim may be committed and its answer lost: DBOS then knows nothing of it, nobody else looks after
        what belongs to a process that lives, and whatever comes behind it in its partition waits.
        """
        rows, ours = self._workflows, {"status": "PENDING", "executor_id": self._executor_id}
        query = select(rows.c.workflow_uuid, rows.c.queue_name).where(
            *(rows.c[name] == each for name, each in ours.items())
        )
        with self._database.read() as connection:
            claimed = {row.workflow_uuid: row.queue_name for row in connection.execute(query)}
        before, self._idle = self._idle, claimed.keys() - self._dbos._active_workflows_set.activeList()
        stranded = before & self._idle
        for workflow_id in stranded:
            log.warning("%s was claimed by this process and never begun: executing it now", workflow_id)
            self._execute(workflow_id, ours)
        return len(stranded)

    def _execute(self, workflow_id: str, before: dict[str, str]) -> bool:
        owner = uuid.uuid4().hex
        ours = {"status": "PENDING", "executor_id": self._executor_id}
        queue = {"queue_name": AGENTS} if before == _REWOUND else {}
        if not self._move(workflow_id, before, {**ours, **queue, "owner_xid": owner}):
            return False
        try:
            status = self._dbos._sys_db.get_workflow_status(workflow_id)
            if status is None:
                return False
            execute_dequeued_workflow(self._dbos, status, owner)
        except Exception:
            # PENDING under a living executor that does not execute it, nobody would ever look after it.
            self._move(workflow_id, ours, {**before, "owner_xid": None})
            log.exception("%s could not be taken over; trying again", workflow_id)
            return False
        return True

    def _move(self, workflow_id: str, before: dict[str, str], after: dict[str, str | None]) -> bool:
        """Compare and set, as a queue does it."""
        rows = self._workflows
        as_before = [rows.c[name] == value for name, value in before.items()]
        tries = rows.c.recovery_attempts + 1
        moved = update(rows).where(rows.c.workflow_uuid == workflow_id, *as_before)
        with self._database.write() as connection:
            return bool(connection.execute(moved.values(recovery_attempts=tries, **after)).rowcount)
