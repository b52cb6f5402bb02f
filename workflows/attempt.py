"""An attempt: one try at a stage, top to bottom like a runbook. Each step is recorded, and may be repeated."""

from dbos import DBOS

from bot.domain.agents import HAS_WORK, AgentResult, AgentStatus
from bot.domain.decisions import Decision
from bot.domain.entries import AttemptFinished, HeadMoved
from bot.domain.errors import UserError
from bot.domain.events import MoveMade
from bot.domain.refs import AttemptRef
from bot.domain.run import Attempt, Run
from bot.domain.trees import Snapshot, Workspace
from bot.domain.verdicts import Verdict
from workflows import attempt_steps as steps
from workflows.attempt_steps import Handoff, JudgedWork, Judgement
from workflows.claims import Claim
from workflows.drive import record
from workflows.failpoints import reach
from workflows.local_steps import Elsewhere, LocalSteps, has_its_work, is_here
from workflows.outages import through_outages
from workflows.services import Services, services
from workflows.steps import step

_REPLAYS = 5
"""How often an attempt's commit is put on a newer head that people pushed meanwhile, before a new attempt has to."""

_PATHS_KEPT = 500


@DBOS.workflow(name="attempt", max_recovery_attempts=None)
def attempt(run_id: str, stage: str, number: int) -> None:
    """Execute an attempt that the journal says is live, and report its end to the journal."""
    here = services()
    ref = AttemptRef(run_id=run_id, stage=stage, number=number)
    run = through_outages(lambda: here.journal.run(run_id))
    tried = run.attempt(stage, number) if run else None
    if run is None or tried is None:
        return
    if tried.finished is not None:
        steps.clean_up(here, ref)
        return
    try:
        finished = _recheck(here, run, tried, ref) if tried.started.mode == "recheck" else _work(here, run, tried, ref)
    except Elsewhere as gone:
        finished = lost(ref, str(gone))
    reach("attempt.finished")
    outcome = MoveMade(entry=finished, cause=f"attempt:{stage}:{number}:finished")
    step("record", Decision, record, here, run_id, outcome)
    steps.clean_up(here, ref)


def _work(here: Services, run: Run, tried: Attempt, ref: AttemptRef) -> AttemptFinished:
    """Prepare a workspace, let the agent work in it, judge what it wrote, commit and push that."""
    claim = here.claims.take(f"attempt:{ref.key}")
    workspace = step("prepare", Workspace, steps.prepare, here, run, tried, ref)
    local = LocalSteps(lambda: is_here(workspace))
    result = local.step("agent", AgentResult, steps.run_agent, here, run, tried, ref, workspace, claim)
    if result.status not in HAS_WORK:
        return _ended(ref, result)
    try:
        return _hand_on(here, run, tried, ref, workspace, result, claim)
    except Elsewhere as gone:
        return lost(ref, str(gone), result)


def _hand_on(
    here: Services, run: Run, tried: Attempt, ref: AttemptRef, workspace: Workspace, result: AgentResult, claim: Claim
) -> AttemptFinished:
    """Judge what the agent wrote, and put it on the branch."""
    local = LocalSteps(lambda: has_its_work(here.supervisors, workspace))
    left = local.step("snapshot", Snapshot | Judgement, _left_behind, here, workspace)
    if isinstance(left, Judgement):
        return _ended(ref, result, judgement=left)
    written = snapshot = left
    if result.status is AgentStatus.BAD_OUTPUT:
        # Only the answer has to be mended: the files are there for the attempt that gives a better one.
        kept = local.step("keep", str, here.workspaces.keep, ref, workspace, snapshot.tree)
        return _ended(ref, result, kept=kept, snapshot=snapshot)
    parent = tried.started.start_commit
    for _ in range(_REPLAYS):
        judgement = local.step("judge", Judgement, steps.judge, here, run, tried, ref, workspace, snapshot, written)
        if judgement.refused:
            kept = local.step("keep", str, here.workspaces.keep, ref, workspace, snapshot.tree)
            return _ended(ref, result, judgement=judgement, kept=kept, snapshot=snapshot)
        if snapshot.empty:
            # The stage looked again and its artifacts still stand, or all that it wrote is on the branch already (an
            # attempt that was given up had got that far): that head is handed on as it is.
            handoff = step("digest", Handoff, steps.digest, here, run, parent, parent=parent)
            return _ended(ref, result, judgement=judgement, handoff=handoff, snapshot=snapshot)
        work = JudgedWork(workspace=workspace, tree=snapshot.tree, parent=parent, result=result)
        handoff = step("hand on", Handoff, steps.hand_on, here, run, tried, ref, work, claim)
        if handoff.refusal is not None:
            # The agent can mend what the server's rules forbid; who has to change the rules reads its words.
            kept = local.step("keep", str, here.workspaces.keep, ref, workspace, snapshot.tree)
            return _ended(ref, result, judgement=steps.refused(handoff), kept=kept, snapshot=snapshot)
        if handoff.commit is not None:
            return _ended(ref, result, judgement=judgement, handoff=handoff, snapshot=snapshot)
        # Somebody pushed meanwhile: our change goes on top of theirs, and is judged again as it then is.
        replayed = local.step("replay", Snapshot | None, steps.replay, here, workspace, handoff)
        if replayed is None or handoff.moved_to is None:
            _learn(here, ref, handoff.moved_to)
            return _ended(ref, result, judgement=steps.conflict(handoff))
        snapshot, parent = replayed, handoff.moved_to
    _learn(here, ref, parent)
    return _ended(ref, result, judgement=steps.never_still(_REPLAYS))


def _left_behind(here: Services, workspace: Workspace) -> Snapshot | Judgement:
    """What the agent left; where that is nothing that may be committed, the verdict on it, for the agent to mend."""
    try:
        return here.workspaces.snapshot(workspace)
    except UserError as problem:
        return Judgement(verdicts=(Verdict.fail("handoff", str(problem)),))


def _learn(here: Services, ref: AttemptRef, head: str | None) -> None:
    """The next attempt starts from what is on the branch. Before there is a pull request nobody else tells of it."""
    if head is not None:
        moved = MoveMade(entry=HeadMoved(head=head), cause=f"head:{head}:{ref.key}")
        step("learn", Decision, record, here, ref.run_id, moved)


def _recheck(here: Services, run: Run, tried: Attempt, ref: AttemptRef) -> AttemptFinished:
    """Judge a head that a person pushed, as it is. No agent is called, nothing is committed."""
    head = tried.started.start_commit
    workspace = step("prepare", Workspace, steps.prepare, here, run, tried, ref)
    local = LocalSteps(lambda: is_here(workspace))
    snapshot = local.step("snapshot", Snapshot, here.workspaces.snapshot, workspace)
    judgement = local.step("judge", Judgement, steps.judge, here, run, tried, ref, workspace, snapshot, snapshot)
    handoff = step("digest", Handoff, steps.digest, here, run, head, parent=head)
    return _ended(ref, AgentResult(status=AgentStatus.OK), judgement=judgement, handoff=handoff)


def lost(ref: AttemptRef, why: str, answered: AgentResult | None = None) -> AttemptFinished:
    """The end of an attempt whose work is gone: what its agent said counts no more, but what it has cost is spent."""
    spent = answered.model_dump(include={"cost_usd", "input_tokens", "output_tokens", "seconds"}) if answered else {}
    return _ended(ref, AgentResult(status=AgentStatus.LOST, detail=why, **spent))


def not_begun(ref: AttemptRef, why: str) -> AttemptFinished:
    """The end of an attempt that is not wanted any more, before anything was done for it."""
    return _ended(ref, AgentResult(status=AgentStatus.INTERRUPTED, detail=why))


def _ended(
    ref: AttemptRef,
    result: AgentResult,
    *,
    judgement: Judgement | None = None,
    handoff: Handoff | None = None,
    kept: str | None = None,
    snapshot: Snapshot | None = None,
) -> AttemptFinished:
    paths = tuple(file.path for file in snapshot.changed[:_PATHS_KEPT]) if snapshot else ()
    shown = handoff or Handoff()
    return AttemptFinished(
        stage=ref.stage,
        number=ref.number,
        status=result.status,
        summary=result.summary,
        detail=result.detail,
        verdicts=judgement.verdicts if judgement else (),
        commit=shown.commit,
        parent=shown.parent,
        kept=kept,
        diff_digest=shown.diff_digest,
        artifacts_digest=shown.artifacts_digest,
        contents=shown.contents,
        paths=paths,
        opinion=result.opinion,
        findings=result.findings,
        questions=result.questions,
        cost_usd=result.cost_usd,
        input_tokens=result.input_tokens,
        output_tokens=result.output_tokens,
        seconds=result.seconds,
    )
