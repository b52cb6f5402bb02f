"""Small, ready-made values for tests of the domain."""

from datetime import UTC, datetime, timedelta

from bot.domain.config import RepoConfig
from bot.domain.entries import AttemptStarted, Recorded, RunStarted
from bot.domain.facts import Facts, StartFacts
from bot.domain.fold import fold
from bot.domain.forge import Actor, Issue, Label, PullRequest
from bot.domain.gates import Subject
from bot.domain.journal import GENESIS, Record, seal
from bot.domain.permissions import Permission
from bot.domain.pipeline import Gate, Pipeline, Stage
from bot.domain.refs import IssueRef, RepoRef
from bot.domain.roles import Role
from bot.domain.run import Run

REPO = RepoRef(owner="acme", name="tally")
ISSUE = IssueRef(repo=REPO, number=7)
PULL = IssueRef(repo=REPO, number=8)
T0 = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)

BOT = Actor(id=1, login="issuewright[bot]", is_bot=True)
MONA = Actor(id=11, login="mona")
HUBOT = Actor(id=12, login="hubot")
STRANGER = Actor(id=13, login="stranger")

BASE, ONE, TWO, THREE = ("b" * 40, "1" * 40, "2" * 40, "3" * 40)

QUICK = Pipeline(
    name="quick",
    steps=(Stage(stage="builder", role="builder", checks=("tests",)), Gate(gate="merge", rejects_to="builder")),
)
PLANNED = Pipeline(
    name="planned",
    steps=(
        Stage(stage="planner", role="planner"),
        Gate(gate="plan", rejects_to="planner"),
        Stage(stage="builder", role="builder", rounds=2),
        Stage(stage="reviewer", role="reviewer"),
        Gate(gate="merge", rejects_to="builder", approvals=2),
    ),
)

SHIPPED = Pipeline(
    name="shipped",
    steps=(
        Stage(stage="planner", role="planner", writes="artifacts"),
        Gate(gate="plan", rejects_to="planner", shows=("planner.md",)),
        Stage(stage="builder", role="builder", inputs=("planner.md",)),
        Stage(stage="reviewer", role="reviewer", inputs=("code",), writes="artifacts", sends_back_to="builder"),
        Stage(stage="deployer", role="deployer", inputs=("code",), writes="artifacts", ships=True, rounds=2),
        Gate(gate="merge", rejects_to="builder"),
    ),
)


def at(seconds: float) -> datetime:
    """A time, in seconds after the tests' beginning."""
    return T0 + timedelta(seconds=seconds)


def run_started(plan: Pipeline = QUICK, config: RepoConfig | None = None) -> RunStarted:
    return RunStarted(
        run_id="acme--tally--7",
        issue=ISSUE,
        ordinal=1,
        title="Add a health check",
        body="Please.",
        author=MONA,
        started_by=MONA,
        plan=plan,
        config=config or RepoConfig(),
        base_branch="main",
        base_sha=BASE,
        branch="issuewright/7-add-a-health-check",
        folder="specs/7-add-a-health-check",
    )


def journal(*entries: Recorded, plan: Pipeline = QUICK, config: RepoConfig | None = None) -> list[Record]:
    """A run's whole journal: its start and these entries, a second apart."""
    records: list[Record] = []
    for seq, entry in enumerate((run_started(plan, config), *entries), start=1):
        before = records[-1].hash if records else GENESIS
        records.append(seal("acme--tally--7", seq, before, f"test:{seq}", at(seq), entry))
    return records


def run_of(*entries: Recorded, plan: Pipeline = QUICK, config: RepoConfig | None = None) -> Run:
    """The run that has just begun, and what these entries make of it."""
    run = fold(journal(*entries, plan=plan, config=config))
    assert run is not None
    return run


def attempt(number: int = 1, stage: str = "builder", start: str = BASE) -> AttemptStarted:
    return AttemptStarted(stage=stage, number=number, start_commit=start)


def subject(head: str = ONE, gate: str = "merge") -> Subject:
    return Subject(run_id="acme--tally--7", gate=gate, head=head, artifacts_digest="a", diff_digest="d")


def pull(head: str = ONE, *, merged: str | None = None, closed: bool = False) -> PullRequest:
    return PullRequest(
        number=PULL.number,
        node_id="PR_8",
        state="closed" if closed or merged else "open",
        draft=False,
        merged=merged is not None,
        merge_commit_sha=merged,
        head_ref="issuewright/7-add-a-health-check",
        head_sha=head,
        base_ref="main",
        base_sha=BASE,
        author=BOT,
    )


def facts(
    *,
    permission: Permission = Permission.WRITE,
    pull: PullRequest | None = None,
    head_is_ours: bool = False,
    start: StartFacts | None = None,
    withdrawn: bool = False,
    seconds: float = 1000,
) -> Facts:
    return Facts(
        now=at(seconds),
        bot=BOT,
        permission=permission,
        pull=pull,
        head_is_ours=head_is_ours,
        start=start,
        withdrawn=withdrawn,
    )


def issue(*, state: str = "open", is_pull_request: bool = False, labels: tuple[str, ...] = ("spec",)) -> Issue:
    return Issue.model_validate(
        {
            "repo": REPO,
            "number": ISSUE.number,
            "id": 700,
            "title": "Add a health check",
            "body": "Please.",
            "state": state,
            "labels": labels,
            "author": MONA,
            "is_pull_request": is_pull_request,
        }
    )


def start_facts(**changes: object) -> StartFacts:
    values: dict[str, object] = {
        "issue": issue(),
        "label": Label(event_id=900, name="spec", actor=MONA, at=at(0)),
        "base_branch": "main",
        "base_sha": BASE,
        "config": RepoConfig(pipeline="quick"),
        "pipelines": {"quick": QUICK, "planned": PLANNED},
        "roles": {name: Role(description=name, access="code") for name in ("planner", "builder", "reviewer")},
    }
    return StartFacts.model_validate({**values, **changes})
