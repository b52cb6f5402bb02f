"""What a role's prompt is made from: file names, commits and feedback, worked out beforehand."""

import shlex

from bot.domain.agents import Feedback, Finding
from bot.domain.attempts import RESULT
from bot.domain.pipeline import CODE
from bot.domain.refs import ARTIFACTS
from bot.domain.run import Attempt, Run
from bot.domain.values import Value


class PromptView(Value):
    """`inputs` and `outputs` are files in the workspace. `base` and `head` are the commits between which the run's
    work lies (the same before there is any). `judges` is the stage whose work is to be judged. `carried` tells that
    the files of an earlier attempt are there, `answer_only` that nothing but its answer was wrong, `seen_before` that
    this stage has looked at an earlier state of the work. Commands are as a shell would take them."""

    stage: str
    folder: str
    artifacts: str
    inputs: tuple[str, ...]
    reads_code: bool
    outputs: tuple[str, ...]
    writes_code: bool
    judges: str | None
    base_branch: str
    base: str
    head: str
    feedback: tuple[Feedback, ...]
    carried: bool
    answer_only: bool
    seen_before: bool
    tests: str | None
    build: str | None
    smoke: str | None
    preview: str | None


def prompt_view(run: Run, attempt: Attempt) -> PromptView:
    """Everything that the prompt of this attempt says about the run."""
    started = run.started
    stage = run.plan.stage(attempt.started.stage)
    before = run.attempt(stage.name, attempt.started.number - 1)
    finished = [one.finished for one in run.stages[stage.name].attempts if one.finished]
    feedback = attempt.started.feedback
    deploy = started.config.deploy
    return PromptView(
        stage=stage.name,
        folder=started.folder,
        artifacts=ARTIFACTS,
        inputs=tuple(f"{started.folder}/{name}" for name in stage.inputs if name != CODE),
        reads_code=CODE in stage.inputs,
        outputs=tuple(f"{started.folder}/{name}" for name in stage.outputs),
        writes_code=stage.writes == "code",
        judges=stage.sends_back_to,
        base_branch=started.base_branch,
        base=started.base_sha,
        head=attempt.started.start_commit,
        feedback=feedback,
        carried=bool(before and before.finished and before.finished.kept),
        answer_only=bool(feedback) and all((one.source, one.name) == ("agent", RESULT) for one in feedback),
        seen_before=any(one.commit for one in finished),
        tests=_line(started.config.checks.tests.command),
        build=_line(deploy.build),
        smoke=_line(deploy.smoke),
        preview=deploy.preview.name if deploy.preview else None,
    )


def finding_line(finding: Finding) -> str:
    """A finding as a line that people and programs know how to read: `app.py:12: error: off by one`."""
    place = f"{finding.path}:{finding.line}: " if finding.line else f"{finding.path}: "
    return f"{place if finding.path else ''}{finding.severity}: {finding.message}"


def _line(command: tuple[str, ...] | None) -> str | None:
    return shlex.join(command) if command else None
