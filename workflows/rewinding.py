"""Rewinding: an attempt or a deployment that failed within is executed again from one of its steps on, with what the
steps before have come to."""

from typing import Any

from dbos import DBOSClient

from bot.domain.errors import UserError
from bot.domain.refs import AttemptRef
from bot.domain.run import Run
from bot.domain.values import Value
from workflows.wake import DEPLOYMENTS, REWOUND, VERSION

_ACTIVE = ("PENDING", "ENQUEUED", "DELAYED")


class Rewound(Value):
    """Which workflow is executed again, and from which of its steps (None: its beginning) on."""

    workflow_id: str
    step: str | None


def rewind(client: DBOSClient, run: Run | None, run_id: str, wanted: str | None = None) -> Rewound:
    """Have what the run has under way executed again from the step of that name (None: the one that failed). Raises
    UserError when there is nothing to rewind, or it is being executed."""
    if run is None:
        raise UserError(f"there is no run `{run_id}` that this release can read: `issuewright runs list --all`")
    prefix, queue, partition = _under_way(run)
    found = client.list_workflows(workflow_id_prefix=prefix, sort_desc=True, limit=1, load_input=False)
    if not found:
        raise UserError(f"no workflow of `{run_id}` is left to rewind: a worker starts one anew within seconds")
    workflow = found[0]
    if workflow.status in _ACTIVE:
        raise UserError(f"{workflow.workflow_id} is being executed: only what has failed can be rewound")
    steps = client.list_workflow_steps(workflow.workflow_id)
    number = failed_step(steps) if wanted is None else _step_named(steps, wanted)
    client.rewind_workflow(
        workflow.workflow_id,
        start_step=number,
        application_version=VERSION,
        queue_name=queue,
        queue_partition_key=partition,
    )
    name = next((step["function_name"] for step in steps if step["function_id"] == number), None)
    return Rewound(workflow_id=workflow.workflow_id, step=name)


def failed_step(steps: list[Any]) -> int:
    """The number of the first step that failed; the one after the last when none of those recorded did."""
    failed = [step["function_id"] for step in steps if step["error"] is not None]
    return min(failed, default=max((step["function_id"] for step in steps), default=0) + 1)


def _under_way(run: Run) -> tuple[str, str, str]:
    """What the run has under way: the beginning of its workflow's id, and where that is queued."""
    if run.live is not None:
        key = AttemptRef(run_id=run.id, stage=run.live.stage, number=run.live.number).key
        return f"attempt:{key}:", REWOUND, str(run.started.issue.repo)
    if run.deploying is not None:
        return f"deploy:{run.id}:{run.deploying.environment}:{run.deploying.number}:", DEPLOYMENTS, run.id
    raise UserError(f"`{run.id}` has no attempt and no deployment under way: `issuewright runs show {run.id}`")


def _step_named(steps: list[Any], name: str) -> int:
    """The number of the first step of that name."""
    for step in steps:
        if step["function_name"] == name:
            return int(step["function_id"])
    known = ", ".join(f"`{step['function_name']}`" for step in steps)
    raise UserError(f"there is no step `{name}`; the steps so far: {known or 'none'}")
