"""Homecoming: an attempt that was rewound is executed on the machine that has its files. From the agents' queue any
machine could take it, which would have to give it up and have its agent paid again."""

import logging
import time
from typing import Protocol

from dbos import DBOS, WorkflowStatus

from bot.domain.trees import Workspace
from workflows.local_steps import is_here
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


def waits(workflow: WorkflowStatus) -> bool:
    """Whether it was rewound, and no machine has fetched it yet."""
    return workflow.queue_name == REWOUND and workflow.status == "ENQUEUED"


def bring_home(recovery: Recovery, workflow: WorkflowStatus) -> bool:
    """Execute a rewound attempt here, if its files are here; nobody's is let go. Returns whether it goes on."""
    workspace = _workspace(workflow.workflow_id)
    if workspace is not None and is_here(workspace):
        return recovery.fetch(workflow.workflow_id)
    waiting = time.time() - (workflow.updated_at or 0) / 1000
    if workspace is not None and waiting < _PATIENCE_SECONDS:
        log.info("%s waits for the machine that has its files", workflow.workflow_id)
        return False
    return recovery.let_go(workflow.workflow_id)


def _workspace(workflow_id: str) -> Workspace | None:
    """What its first step has prepared; None when it has not come that far."""
    done = (step["output"] for step in DBOS.list_workflow_steps(workflow_id) if step["function_name"] == "prepare")
    prepared = next(done, None)
    return None if prepared is None else Workspace.model_validate(prepared)
