"""What each event means, in each state of a run and with each kind of facts: tables of sentences and entries."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain import entries as e
from bot.domain.accept import accept
from bot.domain.agents import AgentStatus
from bot.domain.config import GateConfig, RepoConfig, Trigger
from bot.domain.decisions import Accepted, Answer, Decision, Ignored, Refusal, Start
from bot.domain.events import (
    CommandGiven,
    IssueLabelled,
    MoveMade,
    PullRequestChanged,
    ReviewSubmitted,
    TimerDue,
)
from bot.domain.forge import Actor, Label, Review
from bot.domain.permissions import Permission
from bot.domain.run import Run
from tests.domain.samples import (
    BOT,
    HUBOT,
    ISSUE,
    MONA,
    ONE,
    PLANNED,
    PULL,
    QUICK,
    STRANGER,
    TWO,
    at,
    attempt,
    facts,
    issue,
    pull,
    run_of,
    start_facts,
    subject,
)

DONE = e.AttemptFinished(stage="builder", number=1, status=AgentStatus.OK, commit=ONE, parent="b" * 40)
FAILED = e.AttemptFinished(stage="builder", number=1, status=AgentStatus.TIMEOUT)
OPENED = e.PullRequestOpened(number=PULL.number, node_id="PR_8")
OPENING = e.GateOpening(gate="merge", round=1, subject=subject())
SHOWN = e.GateOpened(gate="merge", round=1, comment_id=5, shown_at=at(100))
APPROVED = e.Approved(gate="merge", round=1, by=MONA, head=ONE, given_at=at(110))
MERGING = e.MergeStarted(subject=subject())
PARKED = e.RunParked(reason="no luck")
CANCELLED = e.CommandAccepted(verb="cancel", by=MONA)
TIDIED = e.ArtifactsTidied(commit=TWO, parent=ONE, diff_digest="d", artifacts_digest="a")
SHIPPED_IT = e.DeploymentFinished(environment="candidate", number=1, commit=ONE, status="success", release="r")
ODD = e.Unreadable(stored_kind="hold", stored_version=3, problem="?")

WORKING = run_of(attempt())
OPENING_GATE = run_of(attempt(), DONE, OPENED, OPENING)
AT_GATE = run_of(attempt(), DONE, OPENED, OPENING, SHOWN)
PASSED = run_of(attempt(), DONE, OPENED, OPENING, SHOWN, APPROVED)
SHIPPING = run_of(attempt(), DONE, e.DeploymentStarted(environment="candidate", number=1, commit=ONE))
IN_MERGE = run_of(attempt(), DONE, OPENED, OPENING, SHOWN, APPROVED, MERGING)
STUCK = run_of(attempt(), FAILED, PARKED)
STUCK_AT_GATE = run_of(attempt(), DONE, OPENED, OPENING, SHOWN, PARKED)
HELD_UP = run_of(
    attempt(), DONE, OPENED, OPENING, SHOWN, APPROVED, MERGING, e.MergeWasRefused(reason="CI runs", may_pass=True)
)
NOT_MERGEABLE = run_of(
    attempt(), DONE, OPENED, OPENING, SHOWN, APPROVED, MERGING, e.MergeWasRefused(reason="a conflict")
)
STUCK_IN_MERGE = run_of(attempt(), DONE, OPENED, OPENING, SHOWN, APPROVED, MERGING, PARKED)
MERGED = run_of(attempt(), DONE, OPENED, e.PullRequestMerged(sha=TWO))
CANCELLING = run_of(attempt(), CANCELLED)
STUCK_TIDYING = run_of(attempt(), DONE, CANCELLED, PARKED)
OVER = run_of(attempt(), DONE, CANCELLED, e.RunFinished(outcome="cancelled"))


def unreadable() -> Run:
    from bot.domain.fold import apply

    run = apply(AT_GATE, ODD, AT_GATE.seq + 1, "0" * 64, at(200))
    assert run is not None
    return run


def says(verb: str, argument: str = "", *, by: Actor = MONA, seconds: float = 500, **more: Any) -> CommandGiven:
    given = {"issue": ISSUE, "source": "comment", "source_id": 42, "line": 1, "text": "", **more}
    return CommandGiven(verb=verb, argument=argument, by=by, at=at(seconds), **given)


def reviews(
    state: str = "APPROVED", *, by: Actor = MONA, commit: str = ONE, seconds: float = 500, body: str = ""
) -> ReviewSubmitted:
    values = {"id": 77, "pull_number": PULL.number, "author": by, "state": state, "body": body}
    review = Review.model_validate({**values, "commit_id": commit, "submitted_at": at(seconds)})
    return ReviewSubmitted(pull=PULL, review=review)


def entry_of(decision: Decision) -> e.Recorded:
    assert isinstance(decision, Accepted), decision
    return decision.entry


def refusal_of(decision: Decision) -> str:
    assert isinstance(decision, Refusal), decision
    return decision.reason


# Starting

LABELLED = IssueLabelled(issue=ISSUE, label="spec")


def test_the_label_starts_a_run_with_everything_frozen_into_it() -> None:
    decision = accept(None, LABELLED, facts(start=start_facts()))
    assert isinstance(decision, Start)
    assert decision.cause == "label:900"
    assert decision.entry.started_by == MONA
    assert decision.entry.plan == QUICK
    assert (decision.entry.run_id, decision.entry.branch) == ("acme--tally--7", "issuewright/7-add-a-health-check")
    assert decision.entry.folder == "specs/7-add-a-health-check"


def test_a_later_run_of_the_issue_numbers_its_names_up() -> None:
    decision = accept(None, LABELLED, facts(start=start_facts(runs_before=1)))
    assert isinstance(decision, Start)
    assert decision.entry.run_id == "acme--tally--7-2"
    assert decision.entry.branch == "issuewright/7-add-a-health-check-2"


def test_the_repository_decides_how_many_must_approve() -> None:
    config = RepoConfig(pipeline="quick", gates={"merge": GateConfig(approvals=3)})
    decision = accept(None, LABELLED, facts(start=start_facts(config=config)))
    assert isinstance(decision, Start)
    assert decision.entry.plan.merge_gate.approvals == 3


@pytest.mark.parametrize(
    ("start", "why"),
    [
        (None, "is not the label that starts a run here"),
        (start_facts(label=None), "does not carry the label `spec` any more"),
        (start_facts(issue=issue(labels=())), "does not carry the label"),
        (start_facts(issue=issue(labels=("bug", "specs"))), "does not carry the label"),
        (start_facts(config=RepoConfig(trigger=Trigger(label="build me"))), "is not the label that starts a run here"),
        (start_facts(label=Label(event_id=9, name="spec", actor=BOT, at=at(0))), "is a bot: a person has to ask"),
    ],
)
def test_a_label_that_starts_nothing_is_passed_over(start: Any, why: str) -> None:
    decision = accept(None, LABELLED, facts(start=start))
    assert isinstance(decision, Ignored)
    assert why in decision.why


@pytest.mark.parametrize(("event", "label", "configured"), [("Spec", "Spec", "spec"), ("spec", "SPEC", "sPEC")])
def test_a_labels_case_makes_no_difference(event: str, label: str, configured: str) -> None:
    start = start_facts(
        issue=issue(labels=("bug", label)),
        label=Label(event_id=900, name=label, actor=MONA, at=at(0)),
        config=RepoConfig(pipeline="quick", trigger=Trigger(label=configured)),
    )
    decision = accept(None, IssueLabelled(issue=ISSUE, label=event), facts(start=start))
    assert isinstance(decision, Start)


def test_a_label_on_an_issue_with_a_run_starts_no_second_one() -> None:
    assert isinstance(accept(WORKING, LABELLED, facts(start=start_facts())), Ignored)


@pytest.mark.parametrize(
    ("start", "permission", "reason"),
    [
        (start_facts(), Permission.TRIAGE, "needs write permission, which @mona does not have"),
        (start_facts(), Permission.NONE, "needs write permission, which @mona does not have"),
        (start_facts(issue=issue(state="closed")), Permission.ADMIN, "closed: reopen it"),
        (start_facts(issue=issue(is_pull_request=True)), Permission.ADMIN, "this is a pull request"),
        (
            start_facts(config_problem="x.yml, line 3: `foo`"),
            Permission.WRITE,
            "the configuration on `main` has a problem.\n\n```\nx.yml, line 3: `foo`\n```",
        ),
        (start_facts(base_sha=""), Permission.WRITE, "There is no branch `main` here yet: push a first commit"),
        (start_facts(config_problem="```\n@all"), Permission.WRITE, "\n\n````\n```\n@all\n````"),
        (
            start_facts(config=RepoConfig(pipeline="six")),
            Permission.WRITE,
            "There is no pipeline `six` (named in `.github/issuewright.yml`). There is `planned`, `quick`.",
        ),
        (
            start_facts(config=RepoConfig(pipeline="quick", gates={"mrege": GateConfig(approvals=2)})),
            Permission.WRITE,
            "sets something for a gate `mrege`, which no pipeline has. There is `merge`, `plan`.",
        ),
    ],
)
def test_a_start_that_cannot_be_is_refused_with_the_way_to_mend_it(
    start: Any, permission: Permission, reason: str
) -> None:
    assert reason in refusal_of(accept(None, LABELLED, facts(start=start, permission=permission)))


def test_spec_starts_the_pipeline_that_it_names() -> None:
    decision = accept(None, says("spec", "planned", by=HUBOT), facts(start=start_facts(label=None)))
    assert isinstance(decision, Start)
    assert (decision.cause, decision.entry.plan, decision.entry.started_by) == ("comment:42:1", PLANNED, HUBOT)


def test_spec_with_an_unknown_pipeline_lists_the_known_ones() -> None:
    decision = accept(None, says("spec", "`x` @all"), facts(start=start_facts()))
    assert refusal_of(decision) == "There is no pipeline `'x' @all`. There is `planned`, `quick`."


def test_spec_is_refused_while_a_run_is_open_unless_it_is_older_than_that_run() -> None:
    assert "is open for this issue already" in refusal_of(accept(WORKING, says("spec"), facts(start=start_facts())))
    assert isinstance(accept(WORKING, says("spec", seconds=-9), facts(start=start_facts())), Ignored)


def test_spec_starts_anew_once_the_last_run_is_over() -> None:
    assert isinstance(accept(OVER, says("spec"), facts(start=start_facts(runs_before=1))), Start)


# Commands in general


@pytest.mark.parametrize("verb", ["approve", "reject", "retry", "cancel", "spec", "status", "help"])
def test_an_edit_never_runs_a_command(verb: str) -> None:
    decision = accept(AT_GATE, says(verb, "why", edited=True), facts(pull=pull()))
    assert refusal_of(decision).endswith(f"please repeat `/{verb}` in a new comment.")


def test_a_command_in_a_review_that_may_have_been_edited_is_not_called_an_edit() -> None:
    decision = accept(AT_GATE, says("retry", source="review", edited=True), facts(pull=pull()))
    assert "GitHub does not tell whether it was edited" in refusal_of(decision)
    assert "This comment was edited" not in refusal_of(decision)


@pytest.mark.parametrize("verb", ["approve", "reject", "retry", "cancel", "spec"])
@pytest.mark.parametrize("permission", [Permission.NONE, Permission.READ, Permission.TRIAGE])
def test_what_changes_a_run_needs_write_permission(verb: str, permission: Permission) -> None:
    decision = accept(AT_GATE, says(verb, by=STRANGER), facts(permission=permission, pull=pull()))
    assert "needs write permission on this repository, which @stranger does not have" in refusal_of(decision)


@pytest.mark.parametrize("verb", ["status", "help"])
def test_whoever_can_read_may_ask(verb: str) -> None:
    assert isinstance(accept(AT_GATE, says(verb, by=STRANGER), facts(permission=Permission.READ)), Answer)
    assert isinstance(accept(AT_GATE, says(verb, by=STRANGER), facts(permission=Permission.NONE)), Refusal)


@pytest.mark.parametrize("verb", ["approve", "cancel", "spec", "nonsense"])
def test_bots_give_no_commands(verb: str) -> None:
    assert isinstance(accept(AT_GATE, says(verb, by=BOT), facts(pull=pull())), Ignored)


def test_where_short_commands_are_off_they_belong_to_other_bots() -> None:
    config = AT_GATE.started.config.model_copy(update={"short_commands": False})
    run = replace(AT_GATE, started=AT_GATE.started.model_copy(update={"config": config}))
    assert isinstance(accept(run, says("approve", explicit=False), facts(pull=pull())), Ignored)
    assert isinstance(accept(run, says("approve", explicit=True), facts(pull=pull())), Accepted)
    assert isinstance(accept(AT_GATE, says("approve", explicit=False), facts(pull=pull())), Accepted)


def test_a_strangers_short_command_where_nothing_runs_is_another_bots() -> None:
    stranger = facts(permission=Permission.READ)
    assert isinstance(accept(None, says("approve", explicit=False), stranger), Ignored)
    assert refusal_of(accept(None, says("approve", explicit=True), stranger))
    assert refusal_of(accept(None, says("approve", explicit=False), facts()))


def test_an_unknown_command_is_answered_with_the_known_ones_and_quoted_harmlessly() -> None:
    reason = refusal_of(accept(AT_GATE, says("`@acme/all"), facts(permission=Permission.NONE)))
    assert reason.startswith("I do not know `/'@acme/all`. I know `/spec`, `/approve`, ")


@pytest.mark.parametrize("verb", ["approve", "reject", "retry", "cancel", "status"])
@pytest.mark.parametrize("run", [None, OVER])
def test_a_command_that_needs_a_run_says_how_to_get_one(verb: str, run: Run | None) -> None:
    assert "needs an open run, and this issue has none. `/spec` starts one." in refusal_of(
        accept(run, says(verb), facts())
    )


@pytest.mark.parametrize("verb", ["approve", "reject", "retry", "cancel", "status"])
def test_what_was_written_before_a_run_does_not_concern_it(verb: str) -> None:
    assert isinstance(accept(STUCK_AT_GATE, says(verb, seconds=-5), facts(pull=pull())), Ignored)


@pytest.mark.parametrize("verb", ["approve", "reject", "retry", "cancel"])
def test_nothing_is_decided_on_a_journal_that_this_release_cannot_read(verb: str) -> None:
    assert "cannot read a journal entry `hold` of version 3" in refusal_of(
        accept(unreadable(), says(verb, text="why"), facts(pull=pull()))
    )


def test_help_shows_every_command_or_the_one_that_was_asked_for() -> None:
    everything = accept(None, says("help"), facts())
    one = accept(None, says("help", "/Retry"), facts())
    assert isinstance(everything, Answer)
    assert isinstance(one, Answer)
    assert all(f"`/{verb}" in everything.text for verb in ("spec", "approve", "reject", "retry", "cancel", "status"))
    assert "`/retry [stage]`" in one.text
    assert "`/spec" not in one.text


def test_status_says_where_the_run_stands() -> None:
    decision = accept(AT_GATE, says("status"), facts())
    assert isinstance(decision, Answer)
    assert decision.text == "Waiting for approval at gate merge (0 of 1). Spent so far: $0.00."


def test_status_repeats_an_agents_words_harmlessly() -> None:
    words = "builder gave no valid result twice: @everybody\n\n<!-- issuewright:acme--tally--7:status -->\n# Merged"
    decision = accept(run_of(attempt(), FAILED, e.RunParked(reason=words)), says("status"), facts())
    assert isinstance(decision, Answer)
    assert not [forged for forged in ("<!--", "@everybody", "\n# ") if forged in decision.text]
    assert "builder gave no valid result twice" in decision.text


# Approving

APPROVALS: list[tuple[Any, dict[str, Any], str]] = [
    (reviews(by=STRANGER), {"permission": Permission.READ}, "To approve needs write permission"),
    (reviews(commit=TWO), {}, f"This approves {TWO[:10]}, but gate `merge` shows {ONE[:10]}"),
    (reviews(seconds=99), {}, "came before gate `merge` opened"),
    (says("approve", seconds=99), {}, "came before gate `merge` opened"),
    (reviews(), {"pull": pull(TWO)}, f"the branch is at {TWO[:10]} now: I will show that one, and ask again."),
    (says("approve"), {"pull": pull(TWO)}, f"the branch is at {TWO[:10]} now: I will show that one, and ask again."),
    (says("approve"), {"pull": None}, "the branch is at unknown now"),
    (says("approve", "plan"), {}, "Gate `plan` is not open; gate `merge` is: write `/approve`."),
    (says("approve", "looks fine"), {}, "Gate `looks fine` is not open; gate `merge` is: write `/approve`."),
]


@pytest.mark.parametrize(
    "event", [reviews(), reviews(seconds=100), says("approve"), says("approve", "merge"), reviews(by=HUBOT)]
)
def test_an_approval_of_what_the_gate_shows_counts(event: Any) -> None:
    entry = entry_of(accept(AT_GATE, event, facts(pull=pull())))
    assert isinstance(entry, e.Approved)
    assert (entry.gate, entry.round, entry.head) == ("merge", 1, ONE)


@pytest.mark.parametrize(("event", "changed", "reason"), APPROVALS)
def test_an_approval_of_anything_else_is_refused_with_a_reason(event: Any, changed: Any, reason: str) -> None:
    assert reason in refusal_of(accept(AT_GATE, event, facts(**{"pull": pull(), **changed})))


@pytest.mark.parametrize(
    "event", [reviews(), says("approve"), reviews("CHANGES_REQUESTED", body="no"), says("reject", "no")]
)
@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (WORKING, "No gate is open"),
        (STUCK, "No gate is open"),
        (STUCK_IN_MERGE, "Every gate is passed"),
        (IN_MERGE, "the merge has begun"),
        (MERGED, "the merge has begun"),
        (CANCELLING, "this run is being cancelled"),
    ],
)
def test_a_decision_needs_an_open_gate(event: Any, run: Run, reason: str) -> None:
    assert reason in refusal_of(accept(run, event, facts(pull=pull())))


@pytest.mark.parametrize("event", [reviews(), says("approve")])
@pytest.mark.parametrize("run", [PASSED, NOT_MERGEABLE])
def test_what_is_approved_needs_no_more_approvals(event: Any, run: Run) -> None:
    assert "Every gate is passed" in refusal_of(accept(run, event, facts(pull=pull())))


def test_an_approval_while_the_gate_is_opening_waits_until_it_is_known_what_came_first() -> None:
    opening = OPENING_GATE.gate
    assert opening is not None
    before = (opening.opening_at - at(0)).total_seconds()
    assert "came before gate" in refusal_of(
        accept(OPENING_GATE, says("approve", seconds=before - 2), facts(pull=pull()))
    )
    assert isinstance(entry_of(accept(OPENING_GATE, says("approve", seconds=before), facts(pull=pull()))), e.Approved)


def test_nobody_approves_twice() -> None:
    waiting = run_of(
        e.AttemptStarted(stage="planner", number=1, start_commit="b" * 40),
        e.AttemptFinished(stage="planner", number=1, status=AgentStatus.OK, commit=ONE),
        e.GateOpening(gate="merge", round=1, subject=subject()),
        SHOWN,
        APPROVED,
        plan=PLANNED,
    )
    reason = refusal_of(accept(waiting, says("approve", by=MONA), facts(pull=pull())))
    assert reason == "You have approved gate `merge` already: it needs 2 people, and one more is not you."
    assert isinstance(entry_of(accept(waiting, says("approve", by=HUBOT), facts(pull=pull()))), e.Approved)


@pytest.mark.parametrize("state", ["COMMENTED", "DISMISSED", "PENDING"])
def test_other_reviews_decide_nothing(state: str) -> None:
    assert isinstance(accept(AT_GATE, reviews(state, body="hm"), facts(pull=pull())), Ignored)


@pytest.mark.parametrize("event", [reviews(), reviews("CHANGES_REQUESTED", body="no")])
def test_a_review_that_was_taken_back_before_it_was_read_decides_nothing(event: ReviewSubmitted) -> None:
    assert isinstance(accept(AT_GATE, event, facts(pull=pull())), Accepted)
    assert isinstance(accept(AT_GATE, event, facts(pull=pull(), withdrawn=True)), Ignored)


def test_a_bots_review_does_not_count() -> None:
    assert isinstance(accept(AT_GATE, reviews(by=BOT), facts(pull=pull())), Ignored)


# Rejecting


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (reviews("CHANGES_REQUESTED", body=" no\n"), "no"),
        (reviews("CHANGES_REQUESTED", body="old", commit=TWO), "old"),
        (says("reject", "an empty file", text="should print 0.00"), "an empty file\nshould print 0.00"),
        (says("reject", text="only below"), "only below"),
    ],
)
def test_a_rejection_carries_its_reason(event: Any, reason: str) -> None:
    entry = entry_of(accept(AT_GATE, event, facts(pull=pull())))
    assert isinstance(entry, e.Rejected)
    assert (entry.gate, entry.round, entry.reason) == ("merge", 1, reason)


@pytest.mark.parametrize("event", [reviews("CHANGES_REQUESTED", body="no", by=HUBOT), says("reject", "no")])
@pytest.mark.parametrize("run", [PASSED, HELD_UP, NOT_MERGEABLE])
def test_what_is_approved_can_be_rejected_until_its_merge_begins(event: Any, run: Run) -> None:
    entry = entry_of(accept(run, event, facts(pull=pull())))
    assert isinstance(entry, e.Rejected)
    assert (entry.gate, entry.round, entry.reason, entry.stage) == ("merge", 1, "no", "builder")
    early = reviews("CHANGES_REQUESTED", body="no", seconds=99)
    assert "came before gate `merge` opened" in refusal_of(accept(run, early, facts(pull=pull())))


@pytest.mark.parametrize(
    ("event", "permission", "reason"),
    [
        (says("reject"), Permission.WRITE, "Please say what should change"),
        (reviews("CHANGES_REQUESTED", body=" \n"), Permission.WRITE, "Please say what should change"),
        (reviews("CHANGES_REQUESTED", body="no", by=STRANGER), Permission.READ, "To reject needs write permission"),
        (reviews("CHANGES_REQUESTED", body="no", seconds=99), Permission.WRITE, "came before gate `merge` opened"),
    ],
)
def test_a_rejection_that_nobody_can_act_on_is_refused(event: Any, permission: Permission, reason: str) -> None:
    assert reason in refusal_of(accept(AT_GATE, event, facts(pull=pull(), permission=permission)))


# Retrying and cancelling


@pytest.mark.parametrize(
    ("run", "argument", "stage"),
    [
        (STUCK, "", "builder"),
        (STUCK, "builder", "builder"),
        (STUCK_AT_GATE, "", None),
        (STUCK_AT_GATE, "builder", "builder"),
        (STUCK_IN_MERGE, "", None),
        (STUCK_TIDYING, "", "builder"),
    ],
)
def test_retry_goes_on_where_a_run_is_stuck(run: Run, argument: str, stage: str | None) -> None:
    entry = entry_of(accept(run, says("retry", argument, text="look again"), facts()))
    assert isinstance(entry, e.CommandAccepted)
    if run is not STUCK_TIDYING:
        assert (entry.verb, entry.stage, entry.note) == ("retry", stage, "look again")


@pytest.mark.parametrize(
    ("run", "argument", "reason"),
    [
        (WORKING, "", "is for a run that is stuck; this one waits for attempt 1 of builder to finish."),
        (AT_GATE, "", "is for a run that is stuck; this one waits for approval at gate merge (0 of 1)."),
        (PASSED, "", "is for a run that is stuck; this one waits for its next step."),
        (STUCK, "tester", "`tester` is no stage of this run. You can retry `builder`."),
        (STUCK, "merge", "`merge` is no stage of this run. You can retry `builder`."),
        (STUCK, "`x", "`'x` is no stage of this run. You can retry `builder`."),
    ],
)
def test_retry_without_anything_to_retry_says_what_the_run_waits_for(run: Run, argument: str, reason: str) -> None:
    assert refusal_of(accept(run, says("retry", argument), facts())).endswith(reason)


def test_a_stage_that_has_not_had_its_turn_cannot_be_retried() -> None:
    stuck = run_of(PARKED, plan=PLANNED)
    reason = refusal_of(accept(stuck, says("retry", "builder"), facts()))
    assert reason == "`builder` has not had its turn yet. You can retry `planner`."


@pytest.mark.parametrize("run", [WORKING, OPENING_GATE, AT_GATE, PASSED, STUCK, STUCK_IN_MERGE, STUCK_TIDYING])
def test_cancel_ends_every_run_that_is_not_being_merged(run: Run) -> None:
    entry = entry_of(accept(run, says("cancel", "by hand", text="later"), facts(pull=pull())))
    assert entry == e.CommandAccepted(verb="cancel", by=MONA, note="by hand\nlater")


def test_cancel_brings_a_merged_run_that_is_stuck_to_its_end() -> None:
    stuck = run_of(attempt(), DONE, OPENED, e.PullRequestMerged(sha=TWO), PARKED)
    assert entry_of(accept(stuck, says("cancel"), facts(pull=pull()))) == e.CommandAccepted(verb="retry", by=MONA)


@pytest.mark.parametrize(
    ("run", "changed", "reason"),
    [
        (IN_MERGE, pull(), "the merge has begun"),
        (MERGED, pull(), "the merge has begun"),
        (AT_GATE, pull(merged=TWO), "the merge has begun"),
        (CANCELLING, pull(), "is being cancelled already"),
    ],
)
def test_cancel_can_come_too_late(run: Run, changed: Any, reason: str) -> None:
    assert reason in refusal_of(accept(run, says("cancel"), facts(pull=changed)))


# The pull request

CHANGED = PullRequestChanged(pull=PULL, by=HUBOT)


@pytest.mark.parametrize("state", ["clean", "unstable", "has_hooks", "dirty", "blocked", "behind", "unknown"])
def test_a_merge_that_is_held_up_is_tried_again_when_github_has_made_up_its_mind(state: str) -> None:
    """A conflict, too: it is no rule that may yet come to be met, and a person has to hear of it."""
    as_it_is = pull().model_copy(update={"mergeable_state": state})
    decision = accept(HELD_UP, PullRequestChanged(pull=PULL), facts(pull=as_it_is))
    still_waits = state in ("blocked", "behind", "unknown")
    assert isinstance(decision, Ignored if still_waits else Accepted)


def test_a_persons_push_is_recorded_with_who_it_was() -> None:
    decision = accept(AT_GATE, CHANGED, facts(pull=pull(TWO)))
    assert entry_of(decision) == e.HeadMoved(head=TWO, by=HUBOT)


@pytest.mark.parametrize(
    ("run", "changed"),
    [
        (AT_GATE, {"pull": pull(ONE)}),
        (AT_GATE, {"pull": pull(TWO), "head_is_ours": True}),
        (AT_GATE, {"pull": None}),
        (WORKING, {"pull": pull(TWO)}),
        (MERGED, {"pull": pull(merged=TWO)}),
        (CANCELLING, {"pull": pull(closed=True)}),
        (None, {"pull": pull(TWO)}),
        (OVER, {"pull": pull(TWO)}),
    ],
)
def test_what_is_known_already_is_not_recorded_again(run: Run | None, changed: Any) -> None:
    assert isinstance(accept(run, CHANGED, facts(**changed)), Ignored)


def test_a_persons_merge_resolves_the_run() -> None:
    decision = accept(AT_GATE, CHANGED, facts(pull=pull(merged=TWO)))
    assert entry_of(decision) == e.PullRequestMerged(sha=TWO, by=HUBOT)
    decision = accept(IN_MERGE, PullRequestChanged(pull=PULL), facts(pull=pull(merged=TWO)))
    assert entry_of(decision) == e.PullRequestMerged(sha=TWO, by=None)


@pytest.mark.parametrize("run", [AT_GATE, PASSED, IN_MERGE])
def test_a_persons_merge_into_another_branch_is_a_closing(run: Run) -> None:
    elsewhere = pull(merged=TWO).model_copy(update={"base_ref": "sandbox"})
    assert entry_of(accept(run, CHANGED, facts(pull=elsewhere))) == e.PullRequestClosed(by=HUBOT)
    assert isinstance(accept(CANCELLING, CHANGED, facts(pull=elsewhere)), Ignored)
    assert isinstance(entry_of(accept(AT_GATE, says("cancel"), facts(pull=elsewhere))), e.CommandAccepted)


def test_a_merge_whose_commit_is_not_known_yet_is_no_closing() -> None:
    unknown = pull(closed=True).model_copy(update={"merged": True})
    assert isinstance(accept(AT_GATE, CHANGED, facts(pull=unknown)), Ignored)


def test_closing_the_pull_request_cancels_the_run() -> None:
    assert entry_of(accept(AT_GATE, CHANGED, facts(pull=pull(closed=True)))) == e.PullRequestClosed(by=HUBOT)
    nobody = accept(AT_GATE, PullRequestChanged(pull=PULL), facts(pull=pull(closed=True)))
    assert entry_of(nobody) == e.PullRequestClosed(by=BOT)


# Timers, and what moves came to


DAYS = 3 * 86400.0


def test_a_timer_that_comes_too_early_changes_nothing() -> None:
    """By our clock it is time; by GitHub's, which told when the gate was shown, it is not."""
    due = TimerDue(gate="merge", round=1, timer="remind")
    shown = AT_GATE.gate.shown_at if AT_GATE.gate else None
    assert shown is not None
    at_gate = (shown - facts(seconds=0).now).total_seconds()
    for hours, expected in ((0.1, Ignored), (23.9, Ignored), (23.99, Accepted), (24.0, Accepted), (2400, Accepted)):
        assert isinstance(accept(AT_GATE, due, facts(seconds=at_gate + hours * 3600)), expected), hours
    assert isinstance(accept(AT_GATE, TimerDue(gate="merge", round=1, timer="expire"), facts(seconds=DAYS)), Ignored)


def test_a_timer_counts_for_its_own_round_only() -> None:
    decision = accept(AT_GATE, TimerDue(gate="merge", round=1, timer="remind"), facts(seconds=DAYS))
    assert entry_of(decision) == e.TimerFired(gate="merge", round=1, timer="remind")
    for gate, round in (("merge", 0), ("merge", 2), ("plan", 1)):
        assert isinstance(accept(AT_GATE, TimerDue(gate=gate, round=round, timer="expire"), facts()), Ignored)
    for run in (WORKING, PASSED, None):
        assert isinstance(accept(run, TimerDue(gate="merge", round=1, timer="expire"), facts()), Ignored)


@pytest.mark.parametrize(
    ("run", "entry", "is_news"),
    [
        (WORKING, DONE, True),
        (AT_GATE, DONE, False),
        (WORKING, DONE.model_copy(update={"number": 2}), False),
        (WORKING, OPENED, True),
        (AT_GATE, OPENED, False),
        (OPENING_GATE, SHOWN, True),
        (AT_GATE, SHOWN, False),
        (WORKING, SHOWN, False),
        (OPENING_GATE, SHOWN.model_copy(update={"round": 2}), False),
        (AT_GATE, TIDIED, True),
        (AT_GATE, TIDIED.model_copy(update={"parent": TWO}), False),
        (run_of(attempt(), DONE, TIDIED), TIDIED, False),
        (SHIPPING, SHIPPED_IT, True),
        (SHIPPING, SHIPPED_IT.model_copy(update={"number": 2}), False),
        (SHIPPING, SHIPPED_IT.model_copy(update={"environment": "production"}), False),
        (AT_GATE, SHIPPED_IT, False),
        (IN_MERGE, e.HeadMoved(head=TWO), True),
        (IN_MERGE, e.HeadMoved(head=ONE), False),
        (MERGED, e.HeadMoved(head=TWO), False),
        (IN_MERGE, e.MergeWasRefused(reason="x"), True),
        (AT_GATE, e.MergeWasRefused(reason="x"), False),
        (MERGED, e.MergeWasRefused(reason="x"), False),
        (IN_MERGE, e.PullRequestMerged(sha=TWO), True),
        (MERGED, e.PullRequestMerged(sha=ONE), False),
        (IN_MERGE, e.PullRequestClosed(by=BOT), True),
        (MERGED, e.PullRequestClosed(by=BOT), False),
        (CANCELLING, e.PullRequestClosed(by=BOT), False),
        (MERGED, e.RunFinished(outcome="merged"), True),
        (OVER, e.RunFinished(outcome="merged"), False),
        (None, DONE, False),
    ],
)
def test_what_a_move_came_to_is_recorded_once_and_only_while_it_fits(
    run: Run | None, entry: e.Recorded, is_news: bool
) -> None:
    decision = accept(run, MoveMade(entry=entry, cause="c"), facts())
    assert decision == Accepted(entry=entry, cause="c") if is_news else isinstance(decision, Ignored)
