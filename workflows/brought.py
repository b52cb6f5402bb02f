"""What the orchestrator itself puts into an attempt's workspace: the spec, and artifacts that were tidied away."""

import os
import stat
from pathlib import Path

from bot.adapters.tree_files import write_inside
from bot.domain.pipeline import SPEC
from bot.domain.run import Run
from bot.domain.trees import Workspace
from workflows.services import Services


def spec_path(run: Run) -> str:
    """Where the spec is, relative to the repository."""
    return f"{run.started.folder}/{SPEC}"


def bring_spec(here: Services, run: Run, workspace: Workspace) -> None:
    """Write the spec as it was when the run started: a file, because agents get file names and not contents. Once it
    is on the branch it is the branch's."""
    if SPEC not in run.contents:
        write_inside(Path(workspace.path), spec_path(run), spec_as_written(here, run))


def spec_as_written(here: Services, run: Run) -> bytes:
    """The spec's text, the same at every repeat."""
    return here.templates.render("comments/spec.md.j2", run=run).encode()


def bring_artifacts(here: Services, run: Run, workspace: Workspace) -> None:
    """After a rejection of what was to be merged without them, agents find the artifacts where they were."""
    if run.artifacts_at is None or workspace.carried is not None:
        return
    for path, data in _tidied_away(here, run, workspace).items():
        write_inside(Path(workspace.path), path, data)


def unchanged_artifacts(here: Services, run: Run, workspace: Workspace) -> set[str]:
    """The artifacts that we have put there again, and that are still as they were."""
    before = _tidied_away(here, run, workspace)
    there = {path: Path(workspace.path) / path for path in before}
    return {path for path, file in there.items() if _is_regular(file) and file.read_bytes() == before[path]}


def _tidied_away(here: Services, run: Run, workspace: Workspace) -> dict[str, bytes]:
    """The artifacts as they last were, where the attempt starts from a commit without them."""
    repo, folder = run.started.issue.repo, run.started.folder
    if run.artifacts_at is None or here.workspaces.files_in(repo, workspace.start, folder):
        return {}
    return here.workspaces.files_in(repo, run.artifacts_at, folder)


def _is_regular(file: Path) -> bool:
    return os.path.lexists(file) and stat.S_ISREG(file.lstat().st_mode)
