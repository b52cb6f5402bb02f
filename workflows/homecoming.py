"""Homecoming: an attempt that was rewound is executed on the machine that has its files. From the agents' queue any
machine could take it, which would have to give it up and have its agent paid again."""

import logging
from typing import Any, Protocol

from dbos import DBOS, WorkflowStatus
from sqlalchemy import select

from bot.domain.agents import HAS_WORK, AgentResult
from bot.domain.trees import Workspace
from workflows.leases import database_clock
from workflows.local_steps import has_its_work, is_here
from workflows.services import Services
from workflows.wake import REWOUND

log = logging.getLogger("issuewright.homecoming")
_PATIENCE_SECONDS = 60.0
"""A machine that has the files and works looks for them every few seconds; after this time it is gone."""


class Recovery(Protocol):
    """What is done with an attempt that was rewound; both answer whether it still waited for that."""

    def fetch(self, workflow_id: str) -> bool:
        """Executed by this very process from now on."""
        ...

    def let_go(self, workflow_id: str) -> bool:
        """For whoever is free to execute."""
        ...


def bring_home(here: Services, recovery: Recovery) -> int:
    """Execute the rewound attempts whose files are here, and let those go whose files nobody has; returns how many
    go on."""
    found = DBOS.list_workflows(queue_name=REWOUND, status="ENQUEUED", load_input=False, load_output=False)
    return sum(_goes_on(here, recovery, workflow) for workflow in found)


def _goes_on(here: Services, recovery: Recovery, workflow: WorkflowStatus) -> bool:
    done = {step["function_name"]: step["output"] for step in DBOS.list_workflow_steps(workflow.workflow_id)}
    workspace = None if done.get("prepare") is None else Workspace.model_validate(done["prepare"])
    if workspace is not None and _is_home(here, workspace, done.get("agent")):
        return recovery.fetch(workflow.workflow_id)
    if workspace is not None and _seconds_since(here, workflow.updated_at or 0) < _PATIENCE_SECONDS:
        log.info("%s waits for the machine that has its files", workflow.workflow_id)
        return False
    return recovery.let_go(workflow.workflow_id)


def _is_home(here: Services, workspace: Workspace, answered: Any) -> bool:
    """Whether what is still needed is on this machine: work once there is some, until then a place to work in."""
    has_work = answered is not None and AgentResult.model_validate(answered).status in HAS_WORK
    return has_its_work(here.supervisors, workspace) if has_work else is_here(workspace)


def _seconds_since(here: Services, milliseconds: int) -> float:
    """By the clock of the database, which has stamped it."""
    with here.database.read() as connection:
        return float(connection.execute(select(database_clock(here.database))).scalar_one()) - milliseconds / 1000
