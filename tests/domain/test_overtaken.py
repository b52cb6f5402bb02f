"""A journal that has entries which come twice, late, or for something else: they change nothing. And while one
deployment is under way, no other is asked for."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain import entries as e
from bot.domain import moves as m
from bot.domain.agents import AgentStatus
from bot.domain.config import DeployConfig, EnvironmentConfig, RepoConfig
from bot.domain.fold import apply
from bot.domain.next_moves import next_moves, waiting_for
from bot.domain.pipeline import Gate, Pipeline, Stage
from bot.domain.run import Run
from tests.domain.samples import BASE, BOT, MONA, ONE, PULL, THREE, TWO, at, attempt, run_of, subject

SHIPS = Pipeline(
    name="ships", steps=(Stage(stage="builder", role="builder", ships=True), Gate(gate="merge", rejects_to="builder"))
)
IN_PRODUCTION = RepoConfig(deploy=DeployConfig(production=EnvironmentConfig(name="production", command=("true",))))

FAILED = e.AttemptFinished(stage="builder", number=1, status=AgentStatus.TIMEOUT)
DONE = e.AttemptFinished(stage="builder", number=1, status=AgentStatus.OK, commit=ONE, parent=BASE)
OPENED = e.PullRequestOpened(number=PULL.number, node_id="PR_8")
OPENING = e.GateOpening(gate="merge", round=1, subject=subject())
SHOWN = e.GateOpened(gate="merge", round=1, comment_id=5, shown_at=at(100))
APPROVED = e.Approved(gate="merge", round=1, by=MONA, head=ONE, given_at=at(110))
CANCEL = e.CommandAccepted(verb="cancel", by=MONA)
MERGED = e.PullRequestMerged(sha=TWO)
BUILT = (attempt(), DONE, OPENED)
AT_GATE = (*BUILT, OPENING, SHOWN)
SECOND_AT_WORK = (attempt(), FAILED, attempt(2))


def deploys(number: int = 1, environment: Any = "candidate", commit: str = ONE) -> e.DeploymentStarted:
    return e.DeploymentStarted(environment=environment, number=number, commit=commit)


def deployed(number: int = 1, environment: Any = "candidate", status: Any = "failure") -> e.DeploymentFinished:
    return e.DeploymentFinished(environment=environment, number=number, commit=ONE, status=status, release="r")


def tidied(parent: str) -> e.ArtifactsTidied:
    return e.ArtifactsTidied(commit=THREE, parent=parent, diff_digest="d", artifacts_digest="a")


def then(run: Run, entry: e.Recorded) -> Run:
    """The run after one more entry, as if that had no place in the journal."""
    after = apply(run, entry, run.seq + 1, "f" * 64, at(900))
    assert after is not None
    assert (after.seq, after.hash) == (run.seq + 1, "f" * 64)
    return replace(after, seq=run.seq, hash=run.hash)


@pytest.mark.parametrize(
    ("before", "late"),
    [
        ((attempt(), FAILED), attempt()),
        ((*SECOND_AT_WORK, FAILED.model_copy(update={"number": 2})), attempt()),
        (SECOND_AT_WORK, attempt(3)),
        ((), attempt(stage="nobody")),
        (BUILT, FAILED),
        ((attempt(), FAILED), DONE),
        (SECOND_AT_WORK, DONE),
        (SECOND_AT_WORK, DONE.model_copy(update={"number": 3})),
        (AT_GATE, SHOWN.model_copy(update={"shown_at": at(300)})),
        (AT_GATE, SHOWN.model_copy(update={"round": 2})),
        ((*AT_GATE, APPROVED), SHOWN),
        (BUILT, tidied(parent=TWO)),
        ((*BUILT, tidied(parent=ONE)), tidied(parent=ONE)),
        (BUILT, deployed()),
        ((*BUILT, deploys()), deploys(2, commit=TWO)),
        ((*BUILT, deploys()), deployed(2)),
        ((*BUILT, deploys()), deployed(environment="production")),
        ((*BUILT, deploys(), deployed(status="success")), deployed()),
    ],
)
def test_what_does_not_fit_changes_nothing(before: tuple[e.Recorded, ...], late: e.Recorded) -> None:
    run = run_of(*before, plan=SHIPS)
    assert then(run, late) == run


@pytest.mark.parametrize(
    "late",
    [
        attempt(2),
        deploys(),
        e.HeadMoved(head=TWO),
        OPENED.model_copy(update={"number": 99}),
        MERGED,
        CANCEL,
        e.PullRequestClosed(by=BOT),
        e.RunParked(reason="x"),
        e.RunFinished(outcome="merged"),
    ],
)
def test_a_run_that_is_over_stays_as_it_ended(late: e.Recorded) -> None:
    over = run_of(*BUILT, CANCEL, e.RunFinished(outcome="cancelled"))
    assert then(over, late) == over


# One deployment at a time


def test_while_a_candidate_is_deployed_nothing_else_is_begun() -> None:
    assert next_moves(run_of(*BUILT, plan=SHIPS)) == (m.Deploy(environment="candidate", number=1, commit=ONE),)
    under_way = run_of(*BUILT, deploys(), plan=SHIPS)
    assert next_moves(under_way) == ()
    assert waiting_for(under_way) == "the deployment of 1111111111 (candidate) to finish"
    over = run_of(*BUILT, deploys(), deployed(status="success"), plan=SHIPS)
    assert isinstance(next_moves(over)[0], m.StartAttempt | m.OpenGate)


def test_what_was_merged_is_deployed_once_and_the_run_ends_after_that() -> None:
    def moves(*entries: e.Recorded) -> tuple[m.Move, ...]:
        return next_moves(run_of(*BUILT, MERGED, *entries, config=IN_PRODUCTION))

    deployment = deploys(environment="production", commit=TWO)
    assert moves() == (m.Deploy(environment="production", number=1, commit=TWO),)
    assert moves(deployment) == ()
    assert moves(deployment, deployed(environment="production")) == (m.Finish(outcome="merged"),)


def test_a_run_that_is_cancelled_or_merged_waits_for_the_candidate_that_is_on_its_way() -> None:
    for end, outcome in ((CANCEL, m.Finish(outcome="cancelled")), (MERGED, m.Finish(outcome="merged"))):
        under_way = (*BUILT, deploys(), end)
        assert next_moves(run_of(*under_way, plan=SHIPS)) == ()
        assert next_moves(run_of(*under_way, deployed(), plan=SHIPS)) == (outcome,)
