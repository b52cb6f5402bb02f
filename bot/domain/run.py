"""A run as its journal tells it: `fold` reads the entries in order, and never raises."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.domain.agents import Feedback
from bot.domain.entries import (
    Approved,
    AttemptFinished,
    AttemptStarted,
    DeploymentFinished,
    DeploymentStarted,
    Environment,
    Outcome,
    RunStarted,
)
from bot.domain.forge import Actor, PullRequest
from bot.domain.gates import Subject
from bot.domain.pipeline import Pipeline, Stage, Step


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a stage: what it was given, and how it ended (None while it is live). `seq` and `hash` are those
    of the entry that started it."""

    started: AttemptStarted
    started_at: datetime
    seq: int
    hash: str
    finished: AttemptFinished | None = None


@dataclass(frozen=True, slots=True)
class StageState:
    """Where a stage stands. `feedback` is what the next attempt must answer; `refused` counts attempts in a row
    whose work was not handed on, `sent_back` how often in a row it found others' work wanting. A stage that is done
    has feedback when a commit that a person pushed later does not pass its checks."""

    attempts: tuple[Attempt, ...] = ()
    done: bool = False
    feedback: tuple[Feedback, ...] = ()
    refused: int = 0
    sent_back: int = 0

    @property
    def last_number(self) -> int:
        """The number of the newest attempt; 0 before there is one."""
        return self.attempts[-1].started.number if self.attempts else 0

    @property
    def kept(self) -> str | None:
        """The commit that holds the last attempt's refused work, if it was kept."""
        last = self.attempts[-1].finished if self.attempts else None
        return last.kept if last else None


@dataclass(frozen=True, slots=True)
class GateState:
    """A gate that waits. `shown_at` is None until its comment is up: till then approvals are `held`, since only then
    it can be told whether they came `early` (before there was anything to look at) and do not count."""

    gate: str
    round: int
    subject: Subject
    opening_at: datetime
    shown_at: datetime | None = None
    approvals: tuple[Actor, ...] = ()
    reviews: dict[int, Actor] = field(default_factory=dict)
    held: tuple[Approved, ...] = ()
    early: tuple[Actor, ...] = ()
    reminder_due: bool = False

    @property
    def review_ids(self) -> set[int]:
        """The reviews that count here, or will when the gate is shown."""
        return {*self.reviews, *(held.review_id for held in self.held if held.review_id is not None)}


@dataclass(frozen=True, slots=True)
class Passed:
    """A gate that people let through: what they approved, since when they could see it, who they were, and which of
    them did so by review."""

    subject: Subject
    shown_at: datetime
    by: tuple[Actor, ...]
    reviews: dict[int, Actor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """A head of the branch that the checks have seen, with digests of what a person would be shown: of all of it, and
    (`contents`) of single artifacts."""

    head: str
    artifacts_digest: str
    diff_digest: str
    contents: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """The state of one run. Built by `fold` only; everything that decides reads it."""

    started: RunStarted
    started_at: datetime
    seq: int
    hash: str
    stages: dict[str, StageState]
    head: str | None = None
    contents: dict[str, str] = field(default_factory=dict)
    judged: Judged | None = None
    pull_number: int | None = None
    pull_node_id: str | None = None
    live: AttemptStarted | None = None
    stop_requested: bool = False
    gate: GateState | None = None
    rounds: dict[str, int] = field(default_factory=dict)
    seen: dict[str, tuple[str, ...]] = field(default_factory=dict)
    passed: dict[str, Passed] = field(default_factory=dict)
    merging: Subject | None = None
    blocked: str | None = None
    budget_usd: float | None = None
    tidied: str | None = None
    artifacts_at: str | None = None
    tidied_from: tuple[str, ...] = ()
    deploying: DeploymentStarted | None = None
    deployments: tuple[DeploymentFinished, ...] = ()
    merged_sha: str | None = None
    cancelled_by: Actor | None = None
    cancel_reason: str = ""
    parked: str | None = None
    unreadable: str | None = None
    outcome: Outcome | None = None

    @property
    def id(self) -> str:
        return self.started.run_id

    @property
    def plan(self) -> Pipeline:
        return self.started.plan

    @property
    def is_over(self) -> bool:
        return self.outcome is not None

    @property
    def is_winding_up(self) -> bool:
        """Its outcome is certain, and only tidying up is left."""
        return self.merged_sha is not None or self.cancelled_by is not None

    @property
    def cost_usd(self) -> float:
        """US dollars spent on all attempts so far."""
        return sum(a.finished.cost_usd for s in self.stages.values() for a in s.attempts if a.finished)

    @property
    def tip(self) -> str:
        """The commit that the next attempt starts from: the branch's head, or the base before there is a branch."""
        return self.head or self.started.base_sha

    @property
    def step(self) -> Step | None:
        """Where the run is: the first stage that is not done or gate that is not passed; None when all of them are."""
        for step in self.plan.steps:
            past = self.stages[step.name].done if isinstance(step, Stage) else step.name in self.passed
            if not past:
                return step
        return None

    @property
    def cap_usd(self) -> float:
        """US dollars that the run may spend in all."""
        return self.started.config.budget.run_usd if self.budget_usd is None else self.budget_usd

    @property
    def counted_reviews(self) -> set[int]:
        """The reviews that count for the open gate, or for the merge."""
        passed = self.passed.get(self.plan.merge_gate.name)
        return {*(self.gate.review_ids if self.gate else ()), *(passed.reviews if passed else ())}

    @property
    def rejectable(self) -> GateState | None:
        """The gate that people can still say no at: the open one or, until the merge begins, the passed merge gate."""
        name = self.plan.merge_gate.name
        passed = self.passed.get(name)
        waits_for_merge = self.step is None and self.merging is None and not self.is_winding_up
        if self.gate is not None or passed is None or not waits_for_merge:
            return self.gate
        shown_at = passed.shown_at
        return GateState(name, self.rounds[name], passed.subject, shown_at, shown_at, passed.by, passed.reviews)

    def is_merged_by(self, pull: PullRequest) -> bool:
        """Whether that pull request brought the work to the run's base branch: a person may have given it another base
        before the merge, which is to the run as if it had been closed."""
        return pull.merged and pull.base_ref == self.started.base_branch

    def open_gate(self, name: str, round: int) -> GateState | None:
        """That gate, if it is open in that round; None for one that was decided, or asked about anew, meanwhile."""
        gate = self.gate
        return gate if gate is not None and (gate.gate, gate.round) == (name, round) else None

    def is_deploying(self, environment: Environment, number: int) -> bool:
        """Whether that deployment is under way."""
        started = self.deploying
        return started is not None and (started.environment, started.number) == (environment, number)

    def deployment(self, environment: Environment) -> DeploymentFinished | None:
        """The last deployment to that environment; None before there was one."""
        return next((d for d in reversed(self.deployments) if d.environment == environment), None)

    def attempt(self, stage: str, number: int) -> Attempt | None:
        """That attempt of that stage; None when the journal has none."""
        attempts = self.stages[stage].attempts if stage in self.stages else ()
        return next((a for a in reversed(attempts) if a.started.number == number), None)

    def with_stage(self, name: str, state: StageState) -> "Run":
        """The run with that stage in that state."""
        return replace(self, stages={**self.stages, name: state})

    def reopened(self, name: str, *feedback: Feedback) -> "Run":
        """That stage has something to answer: it is not done, no later gate is open, nothing is about to be merged.
        Whether later stages have to run again is seen when it has handed on what it changes."""
        state = self.stages[name]
        state = replace(state, done=False, refused=0, feedback=(*state.feedback, *feedback))
        return replace(
            self.with_stage(name, state), gate=None, merging=None, blocked=None, passed=self._still_passed(name)
        )

    def with_contents(self, stage: str, contents: dict[str, str]) -> "Run":
        """The stage has handed on files: whoever reads one that has changed, after it, has to look again."""
        everything = self.contents.keys() | contents.keys()
        changed = {name for name in everything if self.contents.get(name) != contents.get(name)}
        later = self._steps_after(stage)
        again = {s.name for s in self.plan.stages if s.name in later and changed & {*s.inputs}}
        shown = {gate.name for gate in self.plan.gates if gate.name in later and gate.shows_any_of(changed)}
        stages = {n: replace(s, done=False, refused=0) if n in again else s for n, s in self.stages.items()}
        passed = {n: p for n, p in self._still_passed(stage).items() if n not in shown}
        return replace(self, stages=stages, passed=passed, contents=contents)

    def _still_passed(self, stage: str) -> dict[str, Passed]:
        """The merge gate shows everything: it is passed for one head only."""
        later = self._steps_after(stage)
        return {n: p for n, p in self.passed.items() if n not in later or n != self.plan.merge_gate.name}

    def _steps_after(self, name: str) -> set[str]:
        names = [step.name for step in self.plan.steps]
        return set(names[names.index(name) + 1 :])
