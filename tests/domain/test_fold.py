"""What each entry does to a run, and what the run does next."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import entries as e
from bot.domain import moves as m
from bot.domain.agents import AgentStatus, Finding
from bot.domain.fold import apply, fold
from bot.domain.next_moves import next_moves, waiting_for
from bot.domain.pipeline import Gate, Pipeline, Stage
from bot.domain.progress import why_stuck
from bot.domain.run import Run
from bot.domain.verdicts import Verdict
from tests.domain.samples import (
    BASE,
    HUBOT,
    MONA,
    ONE,
    PLANNED,
    PULL,
    QUICK,
    SHIPPED,
    STRANGER,
    THREE,
    TWO,
    at,
    attempt,
    journal,
    run_of,
    run_started,
    subject,
)

OPENED = e.PullRequestOpened(number=PULL.number, node_id="PR_8")
EVIDENCE = (Finding(message="expected 0.00", path="tests/test_cli.py", line=3),)
REFUSED = Verdict.fail("tests", "1 of 9 failed", EVIDENCE)


def finished(
    number: int = 1, commit: str | None = ONE, parent: str | None = BASE, stage: str = "builder", **more: Any
) -> e.AttemptFinished:
    values = {"status": AgentStatus.OK, "diff_digest": "d", "artifacts_digest": "a", **more}
    return e.AttemptFinished(stage=stage, number=number, commit=commit, parent=parent, **values)


def failed(number: int = 1, status: AgentStatus = AgentStatus.OK, stage: str = "builder") -> e.AttemptFinished:
    verdicts = (REFUSED,) if status is AgentStatus.OK else ()
    return e.AttemptFinished(stage=stage, number=number, status=status, verdicts=verdicts, detail="why")


def opening(head: str = ONE, round: int = 1, gate: str = "merge") -> e.GateOpening:
    return e.GateOpening(gate=gate, round=round, subject=subject(head, gate))


def shown(round: int = 1, gate: str = "merge") -> e.GateOpened:
    return e.GateOpened(gate=gate, round=round, comment_id=5, shown_at=at(100))


def approved(by: Any = MONA, head: str = ONE, round: int = 1, gate: str = "merge", seconds: int = 110) -> e.Approved:
    return e.Approved(gate=gate, round=round, by=by, head=head, given_at=at(seconds))


def rejected(round: int = 1, gate: str = "merge") -> e.Rejected:
    return e.Rejected(gate=gate, round=round, by=MONA, reason="use Decimal")


def retry(stage: str | None = "builder", note: str = "") -> e.CommandAccepted:
    return e.CommandAccepted(verb="retry", by=MONA, stage=stage, note=note)


def recheck(number: int = 2, start: str = TWO) -> e.AttemptStarted:
    return e.AttemptStarted(stage="builder", number=number, mode="recheck", start_commit=start)


BUILT = (attempt(), finished(), OPENED)
AT_GATE = (*BUILT, opening(), shown())
CANCEL = e.CommandAccepted(verb="cancel", by=MONA)
MERGING = e.MergeStarted(subject=subject())
PUSHED = e.HeadMoved(head=TWO, by=HUBOT)


def move_of(*entries: e.Recorded, plan: Pipeline = QUICK) -> m.Move | None:
    """The next move after these entries; None when the run waits, or is over."""
    moves = next_moves(run_of(*entries, plan=plan))
    return moves[0] if moves else None


# The straight way


def test_a_run_goes_from_stage_to_merge_by_itself_but_for_the_gate() -> None:
    steps: list[tuple[e.Recorded | None, type[m.Move] | None]] = [
        (None, m.StartAttempt),
        (attempt(), None),
        (finished(), m.OpenPullRequest),
        (OPENED, m.OpenGate),
        (opening(), m.OpenGate),
        (shown(), None),
        (approved(), m.Merge),
        (MERGING, m.Merge),
        (e.PullRequestMerged(sha=TWO), m.Finish),
        (e.RunFinished(outcome="merged"), None),
    ]
    so_far: list[e.Recorded] = []
    for entry, move in steps:
        so_far += [entry] if entry else []
        assert type(move_of(*so_far) or None) is (move or type(None)), entry


def test_the_first_attempt_starts_from_the_base_and_later_ones_from_the_head() -> None:
    assert move_of() == m.StartAttempt(stage="builder", number=1, mode="work", start_commit=BASE, feedback=())
    second = move_of(*AT_GATE, rejected())
    assert isinstance(second, m.StartAttempt)
    assert (second.number, second.mode, second.start_commit) == (2, "work", ONE)


def test_the_gate_shows_what_was_judged_and_the_merge_takes_what_was_shown() -> None:
    shows = move_of(*BUILT)
    assert shows == m.OpenGate(gate="merge", round=1, subject=subject(ONE))
    assert move_of(*AT_GATE, approved()) == m.Merge(subject=subject(ONE))


# Attempts


def test_a_refused_attempt_is_answered_by_the_next_one() -> None:
    second = move_of(attempt(), failed())
    assert isinstance(second, m.StartAttempt)
    (feedback,) = second.feedback
    assert (feedback.source, feedback.name, feedback.reason) == ("check", "tests", "1 of 9 failed")
    assert feedback.findings == EVIDENCE


def test_check_evidence_is_replaced_by_the_newest_and_what_people_said_stands() -> None:
    third = move_of(*AT_GATE, rejected(), attempt(2, start=ONE), failed(2))
    assert isinstance(third, m.StartAttempt)
    assert [(f.source, f.reason) for f in third.feedback] == [("rejection", "use Decimal"), ("check", "1 of 9 failed")]
    fourth = move_of(*AT_GATE, rejected(), attempt(2, start=ONE), failed(2), attempt(3, start=ONE), failed(3))
    assert isinstance(fourth, m.StartAttempt)
    assert fourth.feedback == third.feedback


def test_an_agent_that_failed_leaves_the_task_as_it_was() -> None:
    third = move_of(attempt(), failed(), attempt(2), failed(2, AgentStatus.TIMEOUT))
    assert isinstance(third, m.StartAttempt)
    assert [f.source for f in third.feedback] == ["check"]


@pytest.mark.parametrize("status", [status for status in AgentStatus if status is not AgentStatus.OK])
def test_every_way_to_fail_ends_with_a_person_after_as_many_rounds_as_planned(status: AgentStatus) -> None:
    tries = [entry for number in (1, 2, 3) for entry in (attempt(number), failed(number, status))]
    assert isinstance(move_of(*tries[:2]), m.StartAttempt)
    if status is AgentStatus.BAD_OUTPUT:
        assert move_of(*tries[:4]) == m.Park(reason="builder gave no valid result twice: why")
    else:
        assert isinstance(move_of(*tries[:4]), m.StartAttempt)
    assert move_of(*tries) == m.Park(reason="builder did not succeed in 3 attempts in a row")


def test_a_retry_gives_as_many_rounds_again_and_passes_the_note_on() -> None:
    tries = [entry for number in (1, 2, 3) for entry in (attempt(number), failed(number))]
    again = move_of(*tries, e.RunParked(reason="3"), retry(note="try the stdlib"))
    assert isinstance(again, m.StartAttempt)
    assert (again.number, [f.reason for f in again.feedback]) == (4, ["1 of 9 failed", "try the stdlib"])
    assert isinstance(move_of(*tries, e.RunParked(reason="3"), retry(), attempt(4), failed(4)), m.StartAttempt)


def test_an_attempt_is_counted_once_however_often_it_is_recorded() -> None:
    run = run_of(attempt(), attempt(), finished(cost_usd=1.5), finished(cost_usd=1.5))
    assert (len(run.stages["builder"].attempts), run.cost_usd, run.live) == (1, 1.5, None)


def test_a_second_live_attempt_is_not_believed() -> None:
    run = run_of(attempt(), attempt(2))
    assert run.live == attempt()
    assert [a.started.number for a in run.stages["builder"].attempts] == [1]


def test_an_attempt_that_committed_nothing_at_all_leaves_nothing_to_approve() -> None:
    assert move_of(attempt(), finished(commit=None, parent=None)) == m.Park(
        reason="no stage has committed anything, so there is nothing to approve"
    )


def test_a_cost_counts_whatever_became_of_the_attempt() -> None:
    lost = failed(2, AgentStatus.LOST).model_copy(update={"cost_usd": 0.25})
    assert run_of(attempt(), failed().model_copy(update={"cost_usd": 1.0}), attempt(2), lost).cost_usd == 1.25


# The head moves


def test_a_push_at_the_gate_is_judged_before_it_is_shown() -> None:
    pushed = (*AT_GATE, PUSHED)
    assert move_of(*pushed) == m.StartAttempt(stage="builder", number=2, mode="recheck", start_commit=TWO, feedback=())
    judged = (*pushed, recheck(), finished(2, TWO, TWO))
    assert move_of(*judged) == m.OpenGate(gate="merge", round=2, subject=subject(TWO))
    assert run_of(*judged).gate is None


@pytest.mark.parametrize(
    "before",
    [AT_GATE, (*AT_GATE, approved()), (*AT_GATE, approved(), MERGING), (*BUILT, opening())],
    ids=["shown", "approved", "merging", "opening"],
)
def test_a_push_voids_what_was_approved_or_about_to_be(before: tuple[e.Recorded, ...]) -> None:
    run = run_of(*before, PUSHED)
    assert (run.gate, run.passed, run.merging, run.head) == (None, {}, None, TWO)
    assert isinstance(next_moves(run)[0], m.StartAttempt)


def test_a_push_back_to_what_was_judged_is_shown_again_and_approved_again() -> None:
    back = run_of(*AT_GATE, approved(), PUSHED, e.HeadMoved(head=ONE, by=HUBOT))
    assert next_moves(back) == (m.OpenGate(gate="merge", round=2, subject=subject(ONE)),)


def test_approvals_before_a_push_do_not_count_towards_the_quorum_after_it() -> None:
    two = Pipeline(name="two", steps=(QUICK.steps[0], Gate(gate="merge", rejects_to="builder", approvals=2)))
    entries = (*AT_GATE, approved(MONA), PUSHED, e.HeadMoved(head=ONE), opening(ONE, 2), shown(2))
    assert next_moves(run_of(*entries, approved(HUBOT, round=2), plan=two)) == ()
    both = run_of(*entries, approved(HUBOT, round=2), approved(MONA, round=2), plan=two)
    assert next_moves(both) == (m.Merge(subject=subject(ONE)),)


def test_a_push_on_top_of_the_attempt_stays_the_head_and_is_judged() -> None:
    run = run_of(attempt(), e.HeadMoved(head=TWO), finished(), OPENED)
    assert run.head == TWO
    assert next_moves(run)[0] == m.StartAttempt(
        stage="builder", number=2, mode="recheck", start_commit=TWO, feedback=()
    )


def test_an_attempt_that_was_put_on_top_of_a_push_is_the_head() -> None:
    run = run_of(attempt(), e.HeadMoved(head=TWO), finished(commit=THREE, parent=TWO), OPENED)
    assert run.head == THREE
    assert next_moves(run) == (m.OpenGate(gate="merge", round=1, subject=subject(THREE)),)


def test_a_push_that_fails_the_checks_waits_for_a_person_with_the_evidence() -> None:
    stuck = (*AT_GATE, PUSHED, recheck(), failed(2))
    assert waiting_for(run_of(*stuck)) == "a person: 2222222222, which a person pushed, does not pass the checks"
    repair = move_of(*stuck, retry())
    assert isinstance(repair, m.StartAttempt)
    assert (repair.mode, repair.start_commit, [f.name for f in repair.feedback]) == ("work", TWO, ["tests"])


def test_another_push_after_a_failed_check_is_judged_by_itself() -> None:
    again = move_of(*AT_GATE, PUSHED, recheck(), failed(2), e.HeadMoved(head=THREE))
    assert again == m.StartAttempt(stage="builder", number=3, mode="recheck", start_commit=THREE, feedback=())


def test_a_push_during_a_check_is_not_blamed_for_what_the_check_finds() -> None:
    again = move_of(*AT_GATE, PUSHED, recheck(), e.HeadMoved(head=THREE), failed(2))
    assert again == m.StartAttempt(stage="builder", number=3, mode="recheck", start_commit=THREE, feedback=())


def test_a_check_that_could_not_be_made_is_made_again_on_retry_without_an_agent() -> None:
    stuck = (*AT_GATE, PUSHED, recheck(), failed(2, AgentStatus.LOST))
    assert "222, which a person pushed, could not be checked (lost: why)" in (waiting_for(run_of(*stuck)) or "")
    again = move_of(*stuck, retry(stage=None))
    assert again == m.StartAttempt(stage="builder", number=3, mode="recheck", start_commit=TWO, feedback=())


def test_a_check_that_does_not_say_what_it_checked_checked_what_it_was_given() -> None:
    run = run_of(*AT_GATE, PUSHED, recheck(), finished(2, None, None))
    assert isinstance(next_moves(run)[0], m.OpenGate)


# Gates


def test_people_count_once() -> None:
    two = Pipeline(name="two", steps=(QUICK.steps[0], Gate(gate="merge", rejects_to="builder", approvals=2)))
    assert move_of(*AT_GATE, approved(MONA), approved(MONA), plan=two) is None
    assert isinstance(move_of(*AT_GATE, approved(MONA), approved(MONA), approved(HUBOT), plan=two), m.Merge)


@pytest.mark.parametrize("stale", [approved(round=2), approved(head=TWO), approved(gate="plan")])
def test_an_approval_of_something_else_changes_nothing(stale: e.Approved) -> None:
    assert move_of(*AT_GATE, stale) is None


def test_an_approval_while_the_gate_opens_counts_once_it_is_shown() -> None:
    assert move_of(*BUILT, opening(), approved(seconds=100)) == m.OpenGate(gate="merge", round=1, subject=subject())
    assert isinstance(move_of(*BUILT, opening(), approved(seconds=100), shown()), m.Merge)


def test_an_approval_from_before_the_gate_was_shown_is_named_and_does_not_count() -> None:
    run = run_of(*BUILT, opening(), approved(seconds=99), shown())
    assert next_moves(run) == ()
    assert waiting_for(run) == "approval at gate merge (0 of 1; @mona approved before it was shown)"
    assert isinstance(move_of(*BUILT, opening(), approved(seconds=99), shown(), approved()), m.Merge)


def test_a_rejection_goes_to_its_stage_and_what_follows_is_done_again() -> None:
    def stage(name: str, head: str, parent: str, number: int = 1) -> tuple[e.Recorded, ...]:
        start = e.AttemptStarted(stage=name, number=number, start_commit=parent)
        return start, finished(number, head, parent, stage=name, contents={"code": head})

    plan_passed = (opening(ONE, gate="plan"), shown(gate="plan"), approved(gate="plan"))
    planned = (*stage("planner", ONE, BASE), OPENED, *plan_passed)
    at_merge = (*planned, *stage("builder", TWO, ONE), *stage("reviewer", THREE, TWO), opening(THREE), shown())
    back = run_of(*at_merge, rejected(), plan=PLANNED)
    (builder,) = next_moves(back)
    assert isinstance(builder, m.StartAttempt)
    assert (builder.stage, [f.reason for f in builder.feedback]) == ("builder", ["use Decimal"])
    rebuilt = (*at_merge, rejected(), *stage("builder", "4" * 40, THREE, 2))
    (reviewer,) = next_moves(run_of(*rebuilt, plan=PLANNED))
    assert isinstance(reviewer, m.StartAttempt)
    assert reviewer.stage == "reviewer"
    assert list(run_of(*rebuilt, plan=PLANNED).passed) == ["plan"]


@pytest.mark.parametrize(
    ("shows", "changed", "asks_again"),
    [
        ((), {"plan.md": "2"}, True),
        ((), {"code": "2"}, True),
        ((), {}, False),
        (("plan.md",), {"plan.md": "2"}, True),
        (("plan.md",), {"code": "2"}, False),
        (("code",), {"code": "2"}, True),
        (("code",), {"plan.md": "2"}, False),
    ],
)
def test_a_gate_asks_again_when_what_it_shows_has_changed(
    shows: tuple[str, ...], changed: dict[str, str], asks_again: bool
) -> None:
    """A gate that names nothing shows everything."""
    gate = Gate(gate="plan", rejects_to="planner", shows=shows)
    plan = Pipeline(name="gated", steps=(Stage(stage="planner", role="planner"), gate, *QUICK.steps))

    def planned(number: int, head: str, parent: str, **contents: str) -> tuple[e.Recorded, ...]:
        done = finished(number, head, parent, stage="planner", contents=contents)
        return e.AttemptStarted(stage="planner", number=number, start_commit=parent), done

    asked = (opening(gate="plan"), shown(gate="plan"), approved(gate="plan"))
    first = {"plan.md": "1", "code": "1"}
    stuck = (*planned(1, ONE, BASE, **first), OPENED, *asked, e.RunParked(reason="x"), retry("planner"))
    move = move_of(*stuck, *planned(2, TWO, ONE, **{**first, **changed}), plan=plan)
    assert isinstance(move, m.OpenGate if asks_again else m.StartAttempt)


def test_a_retried_stage_closes_the_gate_that_shows_its_old_work() -> None:
    run = run_of(*AT_GATE, e.RunParked(reason="x"), retry())
    assert run.gate is None
    again = (*AT_GATE, e.RunParked(reason="x"), retry(), attempt(2, start=ONE), finished(2, TWO, ONE))
    assert move_of(*again) == m.OpenGate(gate="merge", round=2, subject=subject(TWO))


def test_a_reminder_is_asked_for_once() -> None:
    due = e.TimerFired(gate="merge", round=1, timer="remind")
    assert move_of(*AT_GATE, due) == m.Remind(gate="merge", round=1)
    assert move_of(*AT_GATE, due, e.Reminded(gate="merge", round=1)) is None


def test_an_expired_gate_parks_and_a_retry_asks_again() -> None:
    expired = (*AT_GATE, e.TimerFired(gate="merge", round=1, timer="expire"))
    assert waiting_for(run_of(*expired)) == "a person: gate `merge` expired before enough people approved"
    assert move_of(*expired, retry(stage=None)) == m.OpenGate(gate="merge", round=2, subject=subject())


def test_an_expired_gate_cancels_where_the_pipeline_says_so() -> None:
    gate = Gate(gate="merge", rejects_to="builder", on_expiry="cancel")
    plan = Pipeline(name="brisk", steps=(QUICK.steps[0], gate))
    expired = run_of(*AT_GATE, e.TimerFired(gate="merge", round=1, timer="expire"), plan=plan)
    assert next_moves(expired) == (m.Finish(outcome="cancelled"),)
    assert expired.cancel_reason == "gate `merge` expired"


@pytest.mark.parametrize("timer", ["remind", "expire"])
def test_a_timer_of_an_old_round_is_stale(timer: Any) -> None:
    again = (*AT_GATE, PUSHED, recheck(), finished(2, TWO, TWO), opening(TWO, 2), shown(2))
    assert move_of(*again, e.TimerFired(gate="merge", round=1, timer=timer)) is None
    assert run_of(*again, e.TimerFired(gate="merge", round=1, timer=timer)).parked is None


# Merging


def test_a_refused_merge_waits_for_a_person_and_is_tried_again() -> None:
    stuck = (*AT_GATE, approved(), MERGING, e.MergeWasRefused(reason="a check is missing"))
    assert waiting_for(run_of(*stuck)) == "a person: GitHub does not allow the merge: a check is missing"
    assert move_of(*stuck, retry(stage=None)) == m.Merge(subject=subject())


@pytest.mark.parametrize("may_pass", [True, False], ids=["held up", "not mergeable"])
def test_a_rejection_of_what_waits_to_be_merged_takes_the_approval_back(may_pass: bool) -> None:
    refused = (*AT_GATE, approved(), MERGING, e.MergeWasRefused(reason="CI", may_pass=may_pass))
    back = run_of(*refused, rejected())
    assert (back.passed, back.blocked, back.parked) == ({}, None, None)
    (builder,) = next_moves(back)
    assert isinstance(builder, m.StartAttempt)
    assert (builder.stage, [f.reason for f in builder.feedback]) == ("builder", ["use Decimal"])
    assert next_moves(run_of(*refused, rejected(), e.MergeUnblocked())) == (builder,)
    again = (*refused, rejected(), attempt(2, start=ONE), finished(2, TWO, ONE))
    assert move_of(*again) == m.OpenGate(gate="merge", round=2, subject=subject(TWO))


@pytest.mark.parametrize("other", [rejected(round=2), rejected(round=0), rejected(gate="plan")])
def test_a_rejection_of_something_else_takes_no_approval_back(other: e.Rejected) -> None:
    held_up = (*AT_GATE, approved(), MERGING, e.MergeWasRefused(reason="CI", may_pass=True))
    assert run_of(*held_up, other).passed == run_of(*held_up).passed
    assert run_of(*AT_GATE, approved(), MERGING, rejected()).merging == subject(), "its merge has begun"


def test_an_earlier_gate_stays_passed_when_what_waits_to_be_merged_is_rejected() -> None:
    def did(stage: str) -> tuple[e.Recorded, ...]:
        return attempt(stage=stage), finished(stage=stage)

    def passes(gate: str) -> tuple[e.Recorded, ...]:
        return opening(gate=gate), shown(gate=gate), approved(MONA, gate=gate), approved(HUBOT, gate=gate)

    story = (*did("planner"), OPENED, *passes("plan"), *did("builder"), *did("reviewer"), *passes("merge"))
    assert list(run_of(*story, plan=PLANNED).passed) == ["plan", "merge"]
    assert list(run_of(*story, rejected(), plan=PLANNED).passed) == ["plan"]


def test_a_refusal_that_comes_after_the_head_moved_is_of_no_interest() -> None:
    run = run_of(*AT_GATE, approved(), MERGING, PUSHED, e.MergeWasRefused(reason="head moved"))
    assert run.parked is None
    assert isinstance(next_moves(run)[0], m.StartAttempt)


def test_a_persons_merge_during_an_attempt_stops_it_first() -> None:
    merged = (attempt(), e.PullRequestMerged(sha=TWO, by=MONA))
    stop = move_of(*merged)
    assert stop == m.StopAttempt(stage="builder", number=1, reason="the pull request was merged")
    stopped = (*merged, e.StopRequested(stage="builder", number=1, reason="x"))
    assert waiting_for(run_of(*stopped)) == "attempt 1 of builder to stop"
    assert move_of(*stopped, failed(1, AgentStatus.INTERRUPTED)) == m.Finish(outcome="merged")


# Cancelling

ANYWHERE: list[tuple[e.Recorded, ...]] = [
    (),
    (attempt(),),
    BUILT,
    (*BUILT, opening()),
    AT_GATE,
    (*AT_GATE, approved()),
    (*AT_GATE, PUSHED, recheck()),
    (attempt(), failed(), e.RunParked(reason="x")),
    (attempt(), e.RunParked(reason="the worker is gone")),
    (*AT_GATE, approved(), MERGING, e.RunParked(reason="GitHub is gone")),
]


@pytest.mark.parametrize("before", ANYWHERE)
@pytest.mark.parametrize("end", [CANCEL, e.PullRequestClosed(by=MONA)])
def test_a_cancelled_run_stops_its_agent_and_ends(before: tuple[e.Recorded, ...], end: e.Recorded) -> None:
    run = run_of(*before, end)
    assert run.gate is None
    if run.live is not None:
        (stop,) = next_moves(run)
        assert isinstance(stop, m.StopAttempt)
        last = (e.StopRequested(stage=stop.stage, number=stop.number, reason=stop.reason),)
        run = run_of(*before, end, *last, failed(stop.number, AgentStatus.INTERRUPTED))
    assert next_moves(run) == (m.Finish(outcome="cancelled"),)


def test_a_run_that_cannot_be_tidied_up_asks_instead_of_trying_for_ever() -> None:
    stuck = (*BUILT, CANCEL, e.RunParked(reason="tidying up: 403"))
    assert waiting_for(run_of(*stuck)) == "a person: tidying up: 403"
    assert move_of(*stuck, retry(stage=None)) == m.Finish(outcome="cancelled")
    assert move_of(*stuck, CANCEL) == m.Finish(outcome="cancelled")
    assert move_of(*stuck, PUSHED) is None


def test_nothing_happens_to_a_run_that_is_over() -> None:
    over = run_of(*BUILT, CANCEL, e.RunFinished(outcome="cancelled"))
    later = apply(over, retry(), over.seq + 1, "f" * 64, at(900))
    assert later is not None
    assert (later.outcome, later.seq, next_moves(later), waiting_for(later)) == ("cancelled", over.seq + 1, (), None)


# Anything at all


def test_a_journal_begins_with_a_readable_start() -> None:
    assert fold([]) is None
    assert fold(journal()[1:]) is None
    assert fold(journal(*AT_GATE)[1:]) is None


def test_an_entry_that_this_release_does_not_know_parks_the_run() -> None:
    records = journal(*AT_GATE)
    odd = records[-1].model_copy(update={"kind": "hold_placed"})
    run = fold([*records[:-1], odd])
    assert run is not None
    assert next_moves(run) == ()
    problem = waiting_for(run) or ""
    assert problem.startswith("this release cannot read a journal entry `hold_placed` of version 1: run the release")


heads = st.sampled_from([ONE, TWO, THREE])
stages = st.sampled_from(["planner", "builder", "reviewer", "nobody"])
gates = st.sampled_from(["plan", "merge", "nothing"])
small = st.integers(0, 3)
actors = st.sampled_from([MONA, HUBOT, STRANGER])
statuses = st.sampled_from(list(AgentStatus))
modes: st.SearchStrategy[Any] = st.sampled_from(["work", "recheck"])
subjects = st.builds(subject, heads, gates)
verdicts = st.sampled_from([(), (REFUSED,), (Verdict.ok("tests", "fine"),)])
maybe_head = st.none() | heads
environments: st.SearchStrategy[Any] = st.sampled_from(["candidate", "production"])

anything: st.SearchStrategy[e.Recorded] = st.one_of(
    st.builds(e.AttemptStarted, stage=stages, number=small, mode=modes, start_commit=heads),
    st.builds(
        e.AttemptFinished,
        stage=stages,
        number=small,
        status=statuses,
        verdicts=verdicts,
        commit=maybe_head,
        parent=maybe_head,
        opinion=st.sampled_from([None, "pass", "changes"]),
        contents=st.dictionaries(st.sampled_from(["code", "planner.md"]), heads),
    ),
    st.just(OPENED),
    st.builds(e.ApprovalWithdrawn, review_id=small),
    st.builds(e.ReviewDismissed, review_id=small),
    st.builds(e.BudgetRaised, run_usd=st.floats(0, 100), by=actors),
    st.builds(e.MergeUnblocked),
    st.builds(e.DeploymentStarted, environment=environments, number=small, commit=heads),
    st.builds(
        e.DeploymentFinished,
        environment=environments,
        number=small,
        commit=heads,
        status=st.sampled_from(["success", "failure", "rolled_back"]),
        release=st.just("r1"),
    ),
    st.builds(e.GateOpening, gate=gates, round=small, subject=subjects),
    st.builds(shown, small, gates),
    st.builds(
        e.Approved,
        gate=gates,
        round=small,
        by=actors,
        head=heads,
        given_at=st.sampled_from([at(0), at(200)]),
        review_id=small,
    ),
    st.builds(e.Rejected, gate=gates, round=small, by=actors, reason=st.just("no")),
    st.builds(
        e.CommandAccepted,
        verb=st.sampled_from(["retry", "retry", "cancel"]),
        by=actors,
        stage=st.none() | stages,
        note=st.sampled_from(["", "note"]),
    ),
    st.builds(e.HeadMoved, head=heads),
    st.builds(e.TimerFired, gate=gates, round=small, timer=st.sampled_from(["remind", "expire"])),
    st.builds(e.Reminded, gate=gates, round=small),
    st.builds(e.StopRequested, stage=stages, number=small, reason=st.just("x")),
    st.builds(e.MergeStarted, subject=subjects),
    st.builds(e.MergeWasRefused, reason=st.just("rules"), may_pass=st.booleans()),
    st.builds(e.PullRequestMerged, sha=heads),
    st.builds(e.PullRequestClosed, by=actors),
    st.builds(e.RunParked, reason=st.just("x")),
    st.builds(e.RunFinished, outcome=st.sampled_from(["merged", "cancelled"])),
    st.just(run_started()),
)


@given(st.lists(anything, max_size=30), st.sampled_from([QUICK, PLANNED, SHIPPED]))
def test_any_entries_in_any_order_make_a_run_that_is_sound(entries: list[e.Recorded], plan: Pipeline) -> None:
    run = run_of(*entries, plan=plan)
    moves, waits = next_moves(run), waiting_for(run)
    assert bool(moves) + (waits is not None) + run.is_over == 1
    assert all(m.describe(move) for move in moves)
    assert len([m.claim(move) for move in moves]) == len(moves)
    unfinished = [a for state in run.stages.values() for a in state.attempts if a.finished is None]
    assert len(unfinished) <= 1
    for move in moves:
        if isinstance(move, m.StartAttempt):
            assert run.live is None
        if isinstance(move, m.Merge):
            assert move.subject == run.passed[run.plan.merge_gate.name].subject


@given(st.lists(anything, max_size=12))
def test_folding_is_applying_one_by_one(entries: list[e.Recorded]) -> None:
    records = journal(*entries, plan=PLANNED)
    run: Run | None = None
    for record in records:
        run = apply(run, record.entry, record.seq, record.hash, record.at)
    assert run == fold(records)
    assert run is not None
    assert (run.seq, run.hash) == (records[-1].seq, records[-1].hash)


def test_a_dismissed_review_does_not_count_wherever_its_gate_stands() -> None:
    by_review = approved().model_copy(update={"review_id": 77})
    withdrawn = e.ApprovalWithdrawn(review_id=77)
    assert move_of(*BUILT, opening(), by_review, withdrawn, shown()) is None
    assert run_of(*AT_GATE, withdrawn).gate is not None
    again = run_of(*AT_GATE, by_review, MERGING, withdrawn)
    assert next_moves(again) == (m.OpenGate(gate="merge", round=2, subject=subject()),)


@pytest.mark.parametrize("more", [(), (e.MergeWasRefused(reason="CI runs", may_pass=True),)])
def test_an_approval_that_is_withdrawn_takes_back_the_merge_that_had_begun(more: tuple[e.Recorded, ...]) -> None:
    by_review = approved().model_copy(update={"review_id": 77})
    begun = (*AT_GATE, by_review, MERGING, *more)
    run = run_of(*begun, e.ApprovalWithdrawn(review_id=77))
    assert (run.passed, run.merging, run.blocked) == ({}, None, None)
    of_another = run_of(*begun, e.ApprovalWithdrawn(review_id=78))
    assert (of_another.merging, of_another.blocked) == ((None, "CI runs") if more else (subject(), None))


def test_a_merge_that_the_rules_hold_up_waits_for_them_and_can_be_retried_or_cancelled() -> None:
    held_up = (*AT_GATE, approved(), MERGING, e.MergeWasRefused(reason="CI runs", may_pass=True))
    assert waiting_for(run_of(*held_up)) == "the repository's rules to allow the merge: CI runs"
    for entry in (e.MergeUnblocked(), retry(stage=None)):
        assert move_of(*held_up, entry) == m.Merge(subject=subject())
    assert move_of(*held_up, CANCEL) == m.Finish(outcome="cancelled")


def test_deployments_that_fail_without_an_end_are_a_persons_business() -> None:
    stages = (*SHIPPED.steps[:4], Stage(stage="deployer", role="deployer", ships=True, rounds=2), SHIPPED.merge_gate)
    plan = Pipeline(name="alone", steps=stages)

    def ship(number: int) -> tuple[e.Recorded, ...]:
        failure = e.DeploymentFinished(
            environment="candidate", number=number, commit=TWO, status="failure", release="r", detail="502"
        )
        return e.DeploymentStarted(environment="candidate", number=number, commit=TWO), failure

    run = run_of(*ship(1), *ship(2), plan=plan)
    assert run.stages["deployer"].sent_back == 2
    assert why_stuck(run, plan.stage("deployer")) == "deployer sent the work back 2 times in a row"


def test_claims_record_the_intent_and_every_move_can_be_named() -> None:
    start = m.StartAttempt(stage="builder", number=1, mode="work", start_commit=BASE, feedback=())
    assert m.claim(start) == attempt()
    assert m.claim(m.OpenGate(gate="merge", round=1, subject=subject())) == opening()
    assert m.claim(m.Merge(subject=subject())) == MERGING
    assert m.claim(m.Park(reason="x")) == e.RunParked(reason="x")
    for unclaimed in (m.OpenPullRequest(), m.Remind(gate="merge", round=1), m.Finish(outcome="merged")):
        assert m.claim(unclaimed) is None
        assert m.describe(unclaimed)


def test_stages_of_a_plan_can_be_looked_up() -> None:
    assert PLANNED.stage("reviewer") == Stage(stage="reviewer", role="reviewer")
    assert [stage.name for stage in PLANNED.stages_before("merge")] == ["planner", "builder", "reviewer"]
    for look_up in (PLANNED.stage, PLANNED.gate):
        with pytest.raises(KeyError):
            look_up("nobody")
