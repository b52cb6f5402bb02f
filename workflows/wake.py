"""Wake-ups: workflows enqueued in the caller's own transaction. They carry names, never decisions."""

from typing import Any

from dbos import DBOSClient, EnqueueOptions
from sqlalchemy import Connection

from bot.domain.refs import AttemptRef, RepoRef
from workflows.database import ring_at_commit

APPLICATION = "issuewright"
VERSION = "1"
"""The application's version towards DBOS. It stays: one move a workflow and journalled decisions let a newer release
finish what an older one began, and DBOS would strand the rows of another version."""

INBOX = "inbox"
RUNS = "runs"
AGENTS = "agents"
DEPLOYMENTS = "deployments"
REWOUND = "rewound"
"""A queue that nobody works: from here what was rewound is fetched by the machine that has its files."""
_LAST = 1
"""Behind what has no priority, which is 0."""
SOON_SECONDS = 0.2
ROUTINE_SECONDS = 12.0
"""A burst of entries within this time costs one edit of the comments, not one each. What people wait for is shown
soon; that a stage has ended and the next has begun may take a little."""


def reading(delivery_id: str, tries: int) -> str:
    """The workflow that reads a delivery, at that try."""
    return f"inbox:{delivery_id}:{tries}"


def run_of(workflow_id: str) -> str | None:
    """The run that a workflow works for; None for those that read what comes in."""
    kind, _, rest = workflow_id.partition(":")
    match kind:
        case "drive" | "publish" | "timer" | "deploy":
            return rest.partition(":")[0]
        case "attempt":
            # The attempt's key: run, stage, number.
            return rest.partition(":")[0].rsplit(".", 2)[0]
        case _:
            return None


class Waker:
    """Enqueues workflows by name, on a connection that the caller commits."""

    def __init__(self, client: DBOSClient) -> None:
        self._client = client

    def read_delivery(self, connection: Connection, delivery_id: str, tries: int, about: str) -> None:
        """Have a stored delivery read; a repeated try of the same delivery is a workflow of its own.

        What is said `about` one issue is heard one after the other, so that nobody is answered twice at once.
        """
        self._enqueue(connection, "inbox", INBOX, reading(delivery_id, tries), delivery_id, partition=about)

    def hear(self, connection: Connection, name: str, event: str, about: str, *, last: bool) -> None:
        """Have an event (as JSON) heard that no delivery has told of; once for each `name`. One that is to come `last`
        waits for all others about the same: what was enqueued in the same millisecond has no order of its own."""
        priority = _LAST if last else None
        self._enqueue(connection, "missed", INBOX, f"missed:{name}", event, partition=about, priority=priority)

    def drive(self, connection: Connection, run_id: str, token: str) -> None:
        """Have the run's next move made. One workflow a token; runs take their moves one at a time."""
        self._enqueue(connection, "drive", RUNS, f"drive:{run_id}:{token}", run_id, partition=run_id)

    def publish(self, connection: Connection, run_id: str, token: str, *, soon: bool) -> str:
        """Have the run's state shown on GitHub; returns the workflow's id."""
        workflow_id = f"publish:{run_id}:{token}"
        delay = SOON_SECONDS if soon else ROUTINE_SECONDS
        self._enqueue(connection, "publish", RUNS, workflow_id, run_id, workflow_id, partition=run_id, delay=delay)
        return workflow_id

    def attempt(self, connection: Connection, repo: RepoRef, ref: AttemptRef, restart: int) -> None:
        """Have an attempt executed; `restart` counts the workflows that were lost under it."""
        workflow_id = f"attempt:{ref.key}:{restart}"
        self._enqueue(
            connection, "attempt", AGENTS, workflow_id, ref.run_id, ref.stage, ref.number, partition=str(repo)
        )

    def deployment(self, connection: Connection, run_id: str, environment: str, number: int, restart: int) -> None:
        """Have a deployment executed; `restart` counts the workflows that were lost under it."""
        workflow_id = f"deploy:{run_id}:{environment}:{number}:{restart}"
        arguments = (run_id, environment, number)
        self._enqueue(connection, "deploy", DEPLOYMENTS, workflow_id, *arguments, partition=run_id)

    def timer(
        self,
        connection: Connection,
        run_id: str,
        gate: str,
        round: int,
        timer: str,
        delay_seconds: float | None,
        *,
        again: str = "",
    ) -> None:
        """Have the run looked at again when a gate's time has come (None: now); `again` tells one look from another."""
        workflow_id = f"timer:{run_id}:{gate}:{round}:{timer}{again and f':{again}'}"
        arguments = (run_id, gate, round, timer)
        self._enqueue(connection, "timer", RUNS, workflow_id, *arguments, partition=run_id, delay=delay_seconds)

    def _enqueue(
        self,
        connection: Connection,
        workflow: str,
        queue: str,
        workflow_id: str,
        *arguments: Any,
        partition: str | None = None,
        delay: float | None = None,
        priority: int | None = None,
    ) -> None:
        options: EnqueueOptions = {
            "workflow_name": workflow,
            "queue_name": queue,
            "workflow_id": workflow_id,
            "app_version": VERSION,
        }
        if partition is not None:
            options["queue_partition_key"] = partition
        if delay is not None:
            options["delay_seconds"] = delay
        if priority is not None:
            options["priority"] = priority
        self._client.enqueue_in_transaction(connection, options, *arguments)
        if delay is None:
            ring_at_commit(connection)
