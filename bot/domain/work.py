"""Is what an attempt left behind the work of its stage at all? Looked at before any check is run."""

from collections.abc import Collection

from bot.domain.agents import Feedback, Finding
from bot.domain.attempts import RESULT
from bot.domain.pipeline import SPEC, Stage
from bot.domain.run import Run
from bot.domain.verdicts import Verdict

_MOST = 20


def objection(
    run: Run,
    stage: Stage,
    feedback: tuple[Feedback, ...],
    *,
    changed: Collection[str],
    present: Collection[str],
    was_left_behind: bool = False,
) -> Verdict | None:
    """Why the work is refused; None when it may be judged further.

    `changed` are paths in the repository (without a spec that the orchestrator wrote itself), `present` the names
    of those artifacts that are there and not empty. `was_left_behind`: the attempt began on work of this very stage
    that has not been handed on yet, so that there may be nothing left to do.
    """
    if (trespass := _trespass(run, stage, changed)) is not None:
        return trespass
    folder = run.started.folder
    missing = [name for name in stage.outputs if name not in present]
    if missing:
        findings = _each([f"{folder}/{name}" for name in missing], "is missing or empty")
        return Verdict.fail("outputs", f"{stage.name} did not leave {', '.join(missing)}", findings)
    if not changed and not was_left_behind and not _may_leave_all_as_it_is(stage, feedback):
        return Verdict.fail("changes", "the agent changed nothing")
    return None


def _trespass(run: Run, stage: Stage, changed: Collection[str]) -> Verdict | None:
    """What people approved, or another stage is responsible for, is not changed on the way."""
    folder = run.started.folder
    outside = [path for path in changed if not path.startswith(f"{folder}/")]
    if stage.writes == "artifacts" and outside:
        findings = _each(outside, "may not be changed by this stage")
        return Verdict.fail("changes", f"{stage.name} may write only in {folder}", findings)
    owners = {f"{folder}/{name}": other.name for other in run.plan.stages for name in other.outputs}
    owners = {path: owner for path, owner in owners.items() if path.rpartition("/")[2] not in stage.outputs}
    owners[f"{folder}/{SPEC}"] = "the people who wrote it"
    foreign = [path for path in changed if path in owners]
    if foreign:
        findings = tuple(Finding(message=f"belongs to {owners[path]}", path=path) for path in foreign[:_MOST])
        return Verdict.fail("changes", f"{stage.name} changed artifacts that are not its own", findings)
    return None


def _may_leave_all_as_it_is(stage: Stage, feedback: tuple[Feedback, ...]) -> bool:
    """A stage that looks again at what others have changed may find that its own word still stands."""
    asked_to_mend = any((one.source, one.name) != ("agent", RESULT) for one in feedback)
    return bool(stage.outputs) and not asked_to_mend


def _each(paths: list[str], message: str) -> tuple[Finding, ...]:
    return tuple(Finding(message=message, path=path) for path in paths[:_MOST])
