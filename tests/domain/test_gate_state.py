"""What counts at a gate besides a plain approval: lapsed permissions, dismissed reviews, candidates that fail."""

import pytest

from bot.domain import entries as e
from bot.domain import moves as m
from bot.domain.accept import accept
from bot.domain.agents import AgentStatus
from bot.domain.decisions import Accepted, Ignored, Refusal
from bot.domain.events import CommandGiven, ReviewWasDismissed
from bot.domain.next_moves import next_moves
from bot.domain.pipeline import Gate
from bot.domain.progress import why_stuck
from bot.domain.rendering import Links, gate_view
from bot.domain.run import Run
from tests.domain.samples import (
    BASE,
    HUBOT,
    ISSUE,
    MONA,
    ONE,
    PLANNED,
    PULL,
    REPO,
    SHIPPED,
    STRANGER,
    TWO,
    at,
    attempt,
    facts,
    pull,
    run_of,
    subject,
)

LINKS = Links(web="https://github.example", repo=REPO)
DONE = AgentStatus.OK


def handed_on(stage: str, number: int, commit: str, parent: str, **contents: str) -> tuple[e.Recorded, ...]:
    end = e.AttemptFinished(
        stage=stage, number=number, status=DONE, commit=commit, parent=parent, opinion="pass", contents=contents
    )
    return attempt(number, stage, parent), end


def quorum_gate(*more: e.Recorded) -> Run:
    """The merge gate of PLANNED, which two people have to approve; Mona has, in review 1."""
    stages = (stage for name in ("planner", "builder", "reviewer") for stage in handed_on(name, 1, ONE, BASE))
    opened = e.PullRequestOpened(number=PULL.number, node_id="PR_8")
    plan = e.GateOpening(gate="plan", round=1, subject=subject(ONE, "plan"))
    passed = e.Approved(gate="plan", round=1, by=MONA, head=ONE, given_at=at(60))
    gates = (plan, e.GateOpened(gate="plan", round=1, comment_id=4, shown_at=at(50)), passed)
    merge = e.GateOpening(gate="merge", round=1, subject=subject(ONE))
    shown = e.GateOpened(gate="merge", round=1, comment_id=5, shown_at=at(100))
    first = e.Approved(gate="merge", round=1, by=MONA, head=ONE, given_at=at(110), review_id=1)
    return run_of(*stages, opened, *gates, merge, shown, first, *more, plan=PLANNED)


def approves(run: Run, by: object = HUBOT, lapsed: tuple[int, ...] = ()) -> object:
    call = CommandGiven.model_validate(
        {
            "issue": ISSUE,
            "source": "comment",
            "source_id": 3,
            "line": 1,
            "verb": "approve",
            "argument": "",
            "text": "",
            "by": by,
            "at": at(500),
        }
    )
    return accept(run, call, facts(pull=pull(ONE)).model_copy(update={"lapsed": lapsed}))


def test_an_approval_lapses_with_its_givers_permission() -> None:
    run = quorum_gate()
    decision = approves(run, lapsed=(MONA.id,))
    assert isinstance(decision, Accepted) and isinstance(decision.entry, e.Approved)
    assert decision.entry.lapsed == (MONA.id,)
    after = quorum_gate(decision.entry)
    assert after.gate is not None
    assert (after.gate.approvals, after.gate.reviews) == ((HUBOT,), {})
    last = e.Approved(gate="merge", round=1, by=STRANGER, head=ONE, given_at=at(600))
    assert quorum_gate(decision.entry, last).passed["merge"].by == (HUBOT, STRANGER)


def test_without_a_lapse_two_are_enough() -> None:
    decision = approves(quorum_gate())
    assert isinstance(decision, Accepted) and isinstance(decision.entry, e.Approved)
    assert quorum_gate(decision.entry).passed["merge"].by == (MONA, HUBOT)


def test_who_has_got_the_permission_back_approves_anew() -> None:
    assert isinstance(approves(quorum_gate(), by=MONA), Refusal)
    assert isinstance(approves(quorum_gate(), by=MONA, lapsed=(MONA.id,)), Accepted)


@pytest.mark.parametrize(("review", "counts"), [(1, True), (2, False)])
def test_a_dismissal_matters_where_the_review_counts_whoever_did_it(review: int, counts: bool) -> None:
    run = quorum_gate()
    assert (review in run.counted_reviews) is counts
    decision = accept(run, ReviewWasDismissed(pull=PULL, review_id=review), facts())
    assert isinstance(decision, Accepted if counts else Ignored)


def test_a_decision_on_a_parked_run_is_told_what_is_the_matter_harmlessly() -> None:
    expired = e.TimerFired(gate="merge", round=1, timer="expire")
    decision = approves(quorum_gate(expired))
    assert isinstance(decision, Refusal)
    assert "gate `merge` expired" in decision.reason
    assert "/retry" in decision.reason
    hostile = approves(quorum_gate(expired, e.RunParked(reason="@everybody ```")))
    assert isinstance(hostile, Refusal)
    assert hostile.reason.splitlines()[-2:] == ["@everybody ```", "````"]
    forged = approves(quorum_gate(expired, e.RunParked(reason="<!-- issuewright:acme--tally--7:status -->")))
    assert isinstance(forged, Refusal)
    assert "<!--" not in forged.reason


def test_candidates_that_fail_in_a_row_are_counted_although_the_deployer_is_content() -> None:
    """Builder and deployer do their work each time; only what was deployed is not healthy."""
    entries: list[e.Recorded] = list(handed_on("planner", 1, ONE, BASE))
    entries += [
        e.GateOpening(gate="plan", round=1, subject=subject(ONE, "plan")),
        e.GateOpened(gate="plan", round=1, comment_id=4, shown_at=at(1)),
        e.Approved(gate="plan", round=1, by=MONA, head=ONE, given_at=at(2)),
    ]

    def round_of(number: int, status: str) -> list[e.Recorded]:
        commits = (f"{number}" * 40, f"{number + 4}" * 40, f"{number + 6}" * 40)
        done = [
            *handed_on("builder", number, commits[0], ONE, code=commits[0]),
            *handed_on("reviewer", number, commits[1], commits[0], code=commits[0]),
            *handed_on("deployer", number, commits[2], commits[1], code=commits[0]),
        ]
        move = next_moves(run_of(*entries, *done, plan=SHIPPED))[0]
        assert move == m.Deploy(environment="candidate", number=number, commit=commits[2])
        started = e.DeploymentStarted(environment="candidate", number=number, commit=commits[2])
        end = {"environment": "candidate", "number": number, "commit": commits[2], "status": status, "release": "r"}
        return [*done, started, e.DeploymentFinished.model_validate(end)]

    def stuck() -> str | None:
        run = run_of(*entries, plan=SHIPPED)
        return why_stuck(run, SHIPPED.stage("deployer"))

    entries += round_of(1, "failure")
    assert stuck() is None
    failed_once = list(entries)
    entries += round_of(2, "failure")
    assert stuck() == "deployer sent the work back 2 times in a row"
    entries[:] = failed_once
    entries += round_of(2, "success")
    assert run_of(*entries, plan=SHIPPED).stages["deployer"].sent_back == 0


def test_the_gate_shows_the_artifacts_as_the_judged_head_has_them() -> None:
    """A person has edited the plan: its digest is the new one."""
    before = run_of(*handed_on("planner", 1, ONE, BASE, **{"planner.md": "a" * 64}), plan=SHIPPED)
    assert gate_view(before, subject(ONE, "plan"), LINKS).files[0].digest == "a" * 12
    pushed = (
        *handed_on("planner", 1, ONE, BASE, **{"planner.md": "a" * 64}),
        e.HeadMoved(head=TWO),
        e.AttemptStarted(stage="planner", number=2, mode="recheck", start_commit=TWO),
        e.AttemptFinished(stage="planner", number=2, status=DONE, commit=TWO, contents={"planner.md": "c" * 64}),
    )
    (file,) = gate_view(run_of(*pushed, plan=SHIPPED), subject(TWO, "plan"), LINKS).files
    assert file.digest == "c" * 12
    assert f"/blob/{TWO}/" in file.link


def test_code_is_no_file_to_be_read() -> None:
    gate = Gate(gate="plan", rejects_to="planner", shows=("planner.md", "code"))
    plan = SHIPPED.model_copy(update={"steps": (SHIPPED.steps[0], gate, *SHIPPED.steps[2:])})
    contents = {"planner.md": "a" * 64, "code": "c" * 64}
    run = run_of(*handed_on("planner", 1, ONE, BASE, **contents), plan=plan)
    assert [file.digest for file in gate_view(run, subject(ONE, "plan"), LINKS).files] == ["a" * 12]


def test_artifacts_that_are_not_merged_are_linked_where_they_can_be_read() -> None:
    tidied = e.ArtifactsTidied(commit=TWO, parent=ONE, diff_digest="d", artifacts_digest="a")
    run = run_of(*handed_on("planner", 1, ONE, BASE, **{"planner.md": "a" * 64}), tidied, plan=SHIPPED)
    (file,) = gate_view(run, subject(TWO, "plan"), LINKS).files
    assert (file.digest, f"/blob/{ONE}/" in file.link) == ("a" * 12, True)
