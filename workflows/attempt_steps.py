"""The steps of an attempt: what each does, in terms of the adapters."""

import hashlib
import os
import stat
from pathlib import Path

from pydantic import Field
from sqlalchemy import select

from bot.adapters.agents import agent as agent_named
from bot.adapters.judging import run_checks
from bot.domain.agents import AgentRequest, AgentResult, AgentStatus
from bot.domain.checks.work import Work
from bot.domain.errors import Rejected, UserError
from bot.domain.pipeline import CODE, SPEC, Stage
from bot.domain.progress import reservation
from bot.domain.refs import ARTIFACTS, AttemptRef
from bot.domain.rendering import handoff_message, prompt_view
from bot.domain.rendering.markdown import cut
from bot.domain.results import as_needed
from bot.domain.run import Attempt, Run
from bot.domain.trees import Conflict, HeadMoved, Snapshot, Workspace
from bot.domain.values import Value
from bot.domain.verdicts import Verdict
from bot.domain.work import objection
from workflows.attempt_keys import push_key
from workflows.brought import bring_artifacts, bring_spec, spec_as_written, spec_path, unchanged_artifacts
from workflows.claims import Claim
from workflows.local_steps import Elsewhere, has_its_work
from workflows.lost_time import recall, was_left_behind
from workflows.patience import patiently
from workflows.schema.tables import attempts
from workflows.services import Services

_MAY_GO_ON = (AgentStatus.LOST, AgentStatus.INTERRUPTED)
"""Ends that nobody may have wanted."""


class Judgement(Value):
    """What the checks said of a tree."""

    verdicts: tuple[Verdict, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether any check refuses the tree."""
        return any(verdict.refuses for verdict in self.verdicts)


class JudgedWork(Value):
    """A tree that the checks have passed, the commit it goes on top of, and the agent's word on it."""

    workspace: Workspace
    tree: str
    parent: str
    result: AgentResult


class Handoff(Value):
    """What became of a judged tree: a commit on the branch, or, when somebody else's commit is there
    (`moved_to`), our own that did not get there (`ours`), or why GitHub does not take it (`refusal`)."""

    commit: str | None = None
    parent: str | None = None
    diff_digest: str | None = None
    artifacts_digest: str | None = None
    contents: dict[str, str] = Field(default_factory=dict)
    ours: str | None = None
    moved_to: str | None = None
    # Left out where there is none, so that an older release can read the others.
    refusal: str | None = Field(default=None, exclude_if=lambda refusal: refusal is None)


def prepare(here: Services, run: Run, tried: Attempt, ref: AttemptRef) -> Workspace:
    """A fresh worktree at the attempt's start, with what an earlier, refused attempt left to be mended. While GitHub is
    away or the disk is full it is begun again."""
    repo = run.started.issue.repo
    kept = (recall(here, run, tried, ref) or _kept_before(run, ref)) if tried.started.mode == "work" else None
    start = tried.started.start_commit

    def prepared() -> Workspace:
        workspace = here.workspaces.prepare(ref, repo, start=start, carry=kept)
        if tried.started.mode == "work":
            bring_spec(here, run, workspace)
            bring_artifacts(here, run, workspace)
        return workspace

    return patiently(prepared)


def run_agent(
    here: Services, run: Run, tried: Attempt, ref: AttemptRef, workspace: Workspace, claim: Claim
) -> AgentResult:
    """The agent's result: of an agent started now, adopted from a worker that died, or finished long ago."""
    request = agent_request(here, run, tried, ref, workspace)
    claim.check()
    if not here.supervisors.knows(ref):
        if (why := stop_reason(here, ref)) is not None:
            # It has waited in the queue for so long.
            return AgentResult(status=AgentStatus.INTERRUPTED, detail=why)
        # Who goes on with an agent needs neither its key nor its program, which may be missing just now.
        try:
            launch = agent_named(request.agent).launch(request, here.supervisors.directory(ref))
        except UserError as problem:
            return AgentResult(status=AgentStatus.CLI_ERROR, detail=str(problem))
        here.supervisors.start(request, launch)
    while True:
        result = here.supervisors.wait(ref, stop_requested=lambda: stop_reason(here, ref), interval=0.3)
        if result.status not in _MAY_GO_ON or stop_reason(here, ref) is not None:
            break
        claim.check()
        if not here.supervisors.go_on(request):
            break
    return as_needed(result, run.plan.stage(ref.stage))


def agent_request(here: Services, run: Run, tried: Attempt, ref: AttemptRef, workspace: Workspace) -> AgentRequest:
    """What the agent is asked: rendered from the role's file and the run's plan, the same at every repeat."""
    stage = run.plan.stage(ref.stage)
    role = run.started.config.role(stage.role)
    name = role.agent or here.agents.agent
    prompt = here.templates.prompt(stage.role, prompt_view(run, tried))
    return AgentRequest(
        attempt=ref,
        issue=run.started.issue,
        title=run.started.title,
        role=stage.role,
        agent=name,
        model=role.model or here.templates.roles()[stage.role].model,
        prompt=prompt,
        workspace=workspace.path,
        inputs=tuple(f"{run.started.folder}/{name}" for name in stage.inputs if name != CODE),
        outputs=tuple(f"{run.started.folder}/{name}" for name in stage.outputs),
        feedback=tried.started.feedback,
        writes=stage.writes,
        judges=stage.sends_back_to is not None,
        limits=stage.limits.model_copy(update={"max_usd": reservation(run, stage)}),
        settings=here.agents.settings.get(name, {}),
    )


def judge(
    here: Services,
    run: Run,
    tried: Attempt,
    ref: AttemptRef,
    workspace: Workspace,
    snapshot: Snapshot,
    written: Snapshot,
) -> Judgement:
    """Run the stage's checks on exactly the tree that would be committed. `written` is what the agent left, before it
    was put on top of what others pushed: that it did its work is judged by that."""
    stage = run.plan.stage(ref.stage)
    here.workspaces.restore(workspace, snapshot.tree)
    if tried.started.mode == "work":
        changed, present = _changed(here, run, workspace, written), _present(run, stage, workspace)
        left = not changed and was_left_behind(here, run, ref.stage)
        feedback = tried.started.feedback
        problem = objection(run, stage, feedback, changed=changed, present=present, was_left_behind=left)
        if problem is not None:
            return Judgement(verdicts=(problem,))
    verdicts = run_checks(
        stage.checks,
        run.started.config.checks,
        Path(workspace.path),
        _work(here, run, workspace, snapshot),
        records=here.commands_directory / ref.key,
        stop_requested=lambda: stop_reason(here, ref),
    )
    return Judgement(verdicts=verdicts)


def hand_on(here: Services, run: Run, tried: Attempt, ref: AttemptRef, work: JudgedWork, claim: Claim) -> Handoff:
    """The handoff: one commit with trailers, pushed if the branch still is where the work began."""
    message = handoff_message(run, tried, work.result, agent=_agent_name(here, run, ref))
    workspace, parent = work.workspace, work.parent
    if not has_its_work(here.supervisors, workspace):
        return _handed_on_already(here, run, ref, work, claim)
    ours = here.workspaces.commit(workspace, tree=work.tree, parent=parent, message=message, at=tried.started_at)
    expected = None if run.head is None and parent == run.started.base_sha else parent
    moved: list[HeadMoved] = []

    def act() -> str:
        answer = here.workspaces.push(workspace, ours, run.started.branch, expected=expected)
        if isinstance(answer, HeadMoved):
            moved.append(answer)
            raise Rejected("somebody pushed meanwhile")
        return ours

    key = push_key(run.id, ref.stage, ref.number)
    try:
        here.effects.once(f"{key}:{ours}", "push", act, find=None, claim=claim, run_id=run.id, intended=ours)
    except Rejected as refusal:
        if moved:
            return Handoff(ours=ours, moved_to=moved[0].head)
        if refusal.status:
            raise  # A status speaks of whether we may push at all: no agent can mend that.
        here.effects.withdraw(f"{key}:{ours}")
        return Handoff(refusal=str(refusal))
    return digest(here, run, ours, parent=parent)


def _handed_on_already(here: Services, run: Run, ref: AttemptRef, work: JudgedWork, claim: Claim) -> Handoff:
    """The handoff of a machine that is gone, if its push arrived: nobody else moves the branch to just that commit."""
    repo, key = run.started.issue.repo, push_key(run.id, ref.stage, ref.number)
    head = patiently(lambda: here.workspaces.remote_head(repo, run.started.branch))
    if head is None or here.effects.intended(f"{key}:{head}") != head:
        raise Elsewhere
    here.effects.once(f"{key}:{head}", "push", lambda: head, find=None, claim=claim, run_id=run.id)
    patiently(lambda: here.workspaces.fetch(repo, run.started.branch))
    return digest(here, run, head, parent=work.parent)


def digest(here: Services, run: Run, head: str, *, parent: str) -> Handoff:
    """A head of the branch, with digests of what people would be asked to approve there."""
    repo, folder = run.started.issue.repo, run.started.folder
    names = {SPEC, *(name for stage in run.plan.stages for name in stage.outputs)}
    paths = {f"{folder}/{name}": name for name in names}
    digests = here.workspaces.file_digests(repo, head, paths)
    artifacts = {paths[path]: digest for path, digest in sorted(digests.items())}
    listed = "\n".join(f"{name} {digest}" for name, digest in sorted(artifacts.items()))
    return Handoff(
        commit=head,
        parent=parent,
        diff_digest=here.workspaces.diff_digest(repo, run.started.base_sha, head),
        artifacts_digest=hashlib.sha256(listed.encode()).hexdigest(),
        contents={**artifacts, CODE: here.workspaces.files_digest(repo, head, without=ARTIFACTS)},
    )


def replay(here: Services, workspace: Workspace, handoff: Handoff) -> Snapshot | None:
    """Our change on top of somebody's new head; None when the two do not fit (or the branch is gone)."""
    ours, onto = handoff.ours, handoff.moved_to
    if ours is None or onto is None:
        return None
    replayed = patiently(lambda: here.workspaces.replay(workspace, ours, onto))
    return None if isinstance(replayed, Conflict) else replayed


def conflict(handoff: Handoff) -> Judgement:
    """The verdict on work that does not fit on what a person pushed."""
    where = handoff.moved_to[:10] if handoff.moved_to else "nothing (the branch was deleted)"
    return Judgement(
        verdicts=(Verdict.fail("handoff", f"the branch moved to {where}, and this work conflicts with it"),)
    )


def refused(handoff: Handoff) -> Judgement:
    """The verdict on work that GitHub does not take: a secret in it, a workflow file, a rule of the branch."""
    return Judgement(verdicts=(Verdict.fail("handoff", cut(handoff.refusal or "", 2000)),))


def never_still(tries: int) -> Judgement:
    """The verdict on work that could not be handed on because people kept pushing."""
    return Judgement(verdicts=(Verdict.fail("handoff", f"the branch moved {tries} times while this was handed on"),))


def clean_up(here: Services, ref: AttemptRef) -> None:
    """The attempt is over and recorded: its worktree and its supervisor's files are not needed any more."""
    here.workspaces.release(ref)
    here.supervisors.release(ref)


def _work(here: Services, run: Run, workspace: Workspace, snapshot: Snapshot) -> Work:
    """What the checks judge: all that changed but the spec, which is the issue's and not the stage's, and artifacts
    that we brought back."""
    ours = frozenset({spec_path(run), *unchanged_artifacts(here, run, workspace)})
    files = tuple(file for file in snapshot.changed if file.path not in ours)
    contents = here.workspaces.contents(workspace, snapshot, without=ours)
    return Work(folder=run.started.folder, files=files, contents=contents)


def _changed(here: Services, run: Run, workspace: Workspace, snapshot: Snapshot) -> list[str]:
    """The paths that the agent changed: a spec that is still as we wrote it is not among them, nor are artifacts that
    are still as we brought them back."""
    path = spec_path(run)
    spec = Path(workspace.path) / path
    untouched = SPEC not in run.contents and spec.is_file() and spec.read_bytes() == spec_as_written(here, run)
    ours = {*([path] if untouched else []), *unchanged_artifacts(here, run, workspace)}
    return [file.path for file in snapshot.changed if file.path not in ours]


def _present(run: Run, stage: Stage, workspace: Workspace) -> list[str]:
    """Those of the stage's artifacts that are regular files with something in them."""
    folder = Path(workspace.path) / run.started.folder
    stats = {name: (folder / name).lstat() for name in stage.outputs if os.path.lexists(folder / name)}
    return [name for name, found in stats.items() if stat.S_ISREG(found.st_mode) and found.st_size > 0]


def _kept_before(run: Run, ref: AttemptRef) -> str | None:
    earlier = run.attempt(ref.stage, ref.number - 1)
    return earlier.finished.kept if earlier and earlier.finished else None


def _agent_name(here: Services, run: Run, ref: AttemptRef) -> str:
    role = run.started.config.role(run.plan.stage(ref.stage).role)
    return role.agent or here.agents.agent


def stop_reason(here: Services, ref: AttemptRef) -> str | None:
    """Why the attempt should stop; None while it should not."""
    mine = (attempts.c.run_id == ref.run_id) & (attempts.c.stage == ref.stage) & (attempts.c.number == ref.number)
    with here.database.read() as connection:
        return connection.execute(select(attempts.c.stop_reason).where(mine)).scalar()
