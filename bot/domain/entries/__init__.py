"""The kinds of journal entry: one recorded fact of a run each, in the past tense.

An entry's kind and version are stored with it. A shape that changes gets a new version and a line in `_UPCASTS`;
stored bytes are never rewritten.
"""

import json
from collections.abc import Callable
from typing import Annotated, Any, get_args

from pydantic import Field, TypeAdapter

from bot.domain.entries.attempts import AttemptFinished, AttemptMode, AttemptStarted, StopRequested
from bot.domain.entries.deployments import DeploymentFinished, DeploymentStarted, Environment
from bot.domain.entries.gates import (
    ApprovalWithdrawn,
    Approved,
    GateOpened,
    GateOpening,
    Rejected,
    Reminded,
    ReviewDismissed,
    TimerFired,
)
from bot.domain.entries.pull_requests import (
    ArtifactsTidied,
    HeadMoved,
    MergeStarted,
    MergeUnblocked,
    MergeWasRefused,
    PullRequestClosed,
    PullRequestMerged,
    PullRequestOpened,
)
from bot.domain.entries.runs import (
    BudgetRaised,
    CommandAccepted,
    Outcome,
    RunFinished,
    RunParked,
    RunStarted,
    Unreadable,
)

__all__ = [
    "ApprovalWithdrawn",
    "Approved",
    "ArtifactsTidied",
    "AttemptFinished",
    "AttemptMode",
    "AttemptStarted",
    "BudgetRaised",
    "CommandAccepted",
    "DeploymentFinished",
    "DeploymentStarted",
    "Entry",
    "Environment",
    "GateOpened",
    "GateOpening",
    "HeadMoved",
    "MergeStarted",
    "MergeUnblocked",
    "MergeWasRefused",
    "Outcome",
    "PullRequestClosed",
    "PullRequestMerged",
    "PullRequestOpened",
    "Recorded",
    "Rejected",
    "Reminded",
    "ReviewDismissed",
    "RunFinished",
    "RunParked",
    "RunStarted",
    "StopRequested",
    "TimerFired",
    "Unreadable",
    "is_known",
    "read_entry",
]

Recorded = (
    RunStarted
    | AttemptStarted
    | AttemptFinished
    | PullRequestOpened
    | GateOpening
    | GateOpened
    | Approved
    | ApprovalWithdrawn
    | ReviewDismissed
    | Rejected
    | CommandAccepted
    | BudgetRaised
    | DeploymentStarted
    | DeploymentFinished
    | ArtifactsTidied
    | HeadMoved
    | TimerFired
    | Reminded
    | StopRequested
    | MergeStarted
    | MergeWasRefused
    | MergeUnblocked
    | PullRequestMerged
    | PullRequestClosed
    | RunParked
    | RunFinished
)
Entry = Recorded | Unreadable

_ADAPTER: TypeAdapter[Recorded] = TypeAdapter(Annotated[Recorded, Field(discriminator="kind")])

_KNOWN = {(each.model_fields["kind"].default, each.model_fields["version"].default) for each in get_args(Recorded)}

_UPCASTS: dict[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""(kind, version) → a function that turns stored data of that version into the next version's."""


def is_known(kind: str, version: int) -> bool:
    """Whether this release knows entries of that kind and version (one may still be damaged)."""
    return (kind, version) in _KNOWN or (kind, version) in _UPCASTS


def read_entry(kind: str, version: int, body: str) -> Entry:
    """A stored entry (its body is JSON) as this release understands it, upcast step by step; never raises."""
    stored = version
    try:
        data = json.loads(body)
        while (upcast := _UPCASTS.get((kind, version))) is not None:
            data, version = upcast(dict(data)), version + 1
        return _ADAPTER.validate_python({**data, "kind": kind, "version": version})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return Unreadable(stored_kind=kind, stored_version=stored, problem=str(error).splitlines()[0])
