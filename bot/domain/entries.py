"""The kinds of journal entry: one recorded fact of a run each, in the past tense.

An entry's kind and version are stored with it. A shape that changes gets a new version and a line in `_UPCASTS`;
stored bytes are never rewritten.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter

from bot.domain.agents import AgentStatus, Feedback, Finding, Opinion
from bot.domain.config import RepoConfig
from bot.domain.forge import Actor
from bot.domain.gates import Subject
from bot.domain.pipeline import Pipeline
from bot.domain.refs import IssueRef
from bot.domain.values import Value
from bot.domain.verdicts import Verdict

Outcome = Literal["merged", "cancelled"]
AttemptMode = Literal["work", "recheck"]
Environment = Literal["candidate", "production"]


class RunStarted(Value):
    """Somebody who may spend asked for this spec. Plan, config and names are frozen here."""

    kind: Literal["run_started"] = "run_started"
    version: Literal[1] = 1
    run_id: str
    issue: IssueRef
    ordinal: int
    title: str
    body: str
    author: Actor
    started_by: Actor
    plan: Pipeline
    config: RepoConfig
    base_branch: str
    base_sha: str
    branch: str
    folder: str
    parent: str | None = None


class AttemptStarted(Value):
    """One try at a stage was claimed: from here on it is the run's one live attempt. A `recheck` judges a head
    that a person pushed, and calls no agent."""

    kind: Literal["attempt_started"] = "attempt_started"
    version: Literal[1] = 1
    stage: str
    number: int
    mode: AttemptMode = "work"
    start_commit: str
    feedback: tuple[Feedback, ...] = ()


class AttemptFinished(Value):
    """The attempt ended. `commit` is the branch's head after it and `parent` the head it was put on; both are None
    when its work was not handed on. `contents` are digests of the artifacts and of the code on that head, `paths`
    what the attempt itself changed. `opinion` and `findings` are the agent's word on others' work. `kept` is the
    commit that holds refused work: the next attempt goes on from it."""

    kind: Literal["attempt_finished"] = "attempt_finished"
    version: Literal[1] = 1
    stage: str
    number: int
    status: AgentStatus
    summary: str = ""
    detail: str = ""
    verdicts: tuple[Verdict, ...] = ()
    commit: str | None = None
    parent: str | None = None
    kept: str | None = None
    opinion: Opinion | None = None
    findings: tuple[Finding, ...] = ()
    questions: tuple[str, ...] = ()
    contents: dict[str, str] = Field(default_factory=dict)
    paths: tuple[str, ...] = ()
    diff_digest: str | None = None
    artifacts_digest: str | None = None
    changed_files: int = 0
    cost_usd: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0


class PullRequestOpened(Value):
    """The run's pull request exists."""

    kind: Literal["pull_request_opened"] = "pull_request_opened"
    version: Literal[1] = 1
    number: int
    node_id: str


class GateOpening(Value):
    """People are about to be asked to approve exactly `subject`."""

    kind: Literal["gate_opening"] = "gate_opening"
    version: Literal[1] = 1
    gate: str
    round: int
    subject: Subject


class GateOpened(Value):
    """The gate's comment is up; `shown_at` is when, by GitHub's clock. Earlier approvals do not count."""

    kind: Literal["gate_opened"] = "gate_opened"
    version: Literal[1] = 1
    gate: str
    round: int
    comment_id: int
    shown_at: datetime


class Approved(Value):
    """Somebody with permission approved the open gate's subject. `given_at` is when, by GitHub's clock."""

    kind: Literal["approved"] = "approved"
    version: Literal[1] = 1
    gate: str
    round: int
    by: Actor
    head: str
    given_at: datetime
    review_id: int | None = None


class ApprovalWithdrawn(Value):
    """An approving review was dismissed before what it approved was merged: it does not count any more."""

    kind: Literal["approval_withdrawn"] = "approval_withdrawn"
    version: Literal[1] = 1
    review_id: int
    by: Actor | None = None


class ReviewDismissed(Value):
    """We dismissed the approving review of an earlier gate, because code has followed it."""

    kind: Literal["review_dismissed"] = "review_dismissed"
    version: Literal[1] = 1
    review_id: int


class Rejected(Value):
    """Somebody with permission refused the open gate's subject, and said why. `stage` is the one that can act on it
    (None: the gate's own choice)."""

    kind: Literal["rejected"] = "rejected"
    version: Literal[1] = 1
    gate: str
    round: int
    by: Actor
    reason: str
    findings: tuple[Finding, ...] = ()
    stage: str | None = None


class CommandAccepted(Value):
    """A person's command that changes the run and has no entry of its own."""

    kind: Literal["command_accepted"] = "command_accepted"
    version: Literal[1] = 1
    verb: Literal["retry", "cancel"]
    by: Actor
    stage: str | None = None
    note: str = ""


class BudgetRaised(Value):
    """A person allowed the run to spend up to `run_usd` US dollars in all."""

    kind: Literal["budget_raised"] = "budget_raised"
    version: Literal[1] = 1
    run_usd: float
    by: Actor


class DeploymentStarted(Value):
    """A commit is being brought to an environment: the candidate to the preview, or what was merged to production."""

    kind: Literal["deployment_started"] = "deployment_started"
    version: Literal[1] = 1
    environment: Environment
    number: int
    commit: str


class DeploymentFinished(Value):
    """How it went. `rolled_back` means that the last good version was brought back after a failed health check;
    `detail` says in words what was done, and what was not for want of configuration."""

    kind: Literal["deployment_finished"] = "deployment_finished"
    version: Literal[1] = 1
    environment: Environment
    number: int
    commit: str
    status: Literal["success", "failure", "rolled_back"]
    release: str
    detail: str = ""
    url: str | None = None
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0


class ArtifactsTidied(Value):
    """The run's folder of artifacts was taken out of what is to be merged. `parent` is the commit that has it."""

    kind: Literal["artifacts_tidied"] = "artifacts_tidied"
    version: Literal[1] = 1
    commit: str
    parent: str
    diff_digest: str
    artifacts_digest: str


class HeadMoved(Value):
    """The branch's head is a commit that is not ours; `by` is None when GitHub did not say whose."""

    kind: Literal["head_moved"] = "head_moved"
    version: Literal[1] = 1
    head: str
    by: Actor | None = None


class TimerFired(Value):
    """A gate's reminder or deadline came."""

    kind: Literal["timer_fired"] = "timer_fired"
    version: Literal[1] = 1
    gate: str
    round: int
    timer: Literal["remind", "expire"]


class Reminded(Value):
    """The people asked were reminded of an open gate."""

    kind: Literal["reminded"] = "reminded"
    version: Literal[1] = 1
    gate: str
    round: int


class StopRequested(Value):
    """The live attempt was asked to stop; it ends with what it cost."""

    kind: Literal["stop_requested"] = "stop_requested"
    version: Literal[1] = 1
    stage: str
    number: int
    reason: str


class MergeStarted(Value):
    """The last gate is approved, and GitHub is about to be asked to merge exactly `subject.head`."""

    kind: Literal["merge_started"] = "merge_started"
    version: Literal[1] = 1
    subject: Subject


class MergeWasRefused(Value):
    """GitHub would not merge the approved head: the repository's rules are not met. `may_pass` when they can be met
    without anybody touching this run (a required check still runs, a required review is missing)."""

    kind: Literal["merge_was_refused"] = "merge_was_refused"
    version: Literal[1] = 1
    reason: str
    may_pass: bool = False


class MergeUnblocked(Value):
    """The repository's rules, which a merge waited for, are met now."""

    kind: Literal["merge_unblocked"] = "merge_unblocked"
    version: Literal[1] = 1


class PullRequestMerged(Value):
    """The pull request is merged; `by` is None when we did it."""

    kind: Literal["pull_request_merged"] = "pull_request_merged"
    version: Literal[1] = 1
    sha: str
    by: Actor | None = None


class PullRequestClosed(Value):
    """A person closed the pull request without merging it: the run is over."""

    kind: Literal["pull_request_closed"] = "pull_request_closed"
    version: Literal[1] = 1
    by: Actor


class RunParked(Value):
    """The run needs a person, who may `/retry` or `/cancel`; `reason` says what for."""

    kind: Literal["run_parked"] = "run_parked"
    version: Literal[1] = 1
    reason: str


class RunFinished(Value):
    """The run is over and tidied up behind itself."""

    kind: Literal["run_finished"] = "run_finished"
    version: Literal[1] = 1
    outcome: Outcome


class Unreadable(Value):
    """Not stored: stands for an entry whose kind or version this release does not know, so that a rollback
    parks the run instead of misreading it."""

    kind: Literal["unreadable"] = "unreadable"
    version: Literal[1] = 1
    stored_kind: str
    stored_version: int
    problem: str


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
