"""The files that a deployment works on: whole, and on this machine, whoever had them before."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.domain.refs import AttemptRef
from bot.domain.trees import Workspace
from workflows.local_steps import is_here
from workflows.patience import patiently
from workflows.services import Services


def whole(here: Services, workspace: Workspace) -> Workspace | None:
    """The workspace as it lies on this machine; None when it does not, or when making it again was cut off."""
    local = workspace.model_copy(update={"path": str(here.workspaces.place(workspace.attempt))})
    return local if is_here(local) and not _unfinished(here, workspace.attempt).exists() else None


@contextmanager
def made_again(here: Services, workspace: Workspace) -> Iterator[Workspace]:
    """The workspace at its commit, on a machine that has not got it: whole when the block, which builds it, is left."""
    mark = _unfinished(here, workspace.attempt)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    yield patiently(lambda: here.workspaces.prepare(workspace.attempt, workspace.repo, start=workspace.start))
    mark.unlink(missing_ok=True)


def release_files(here: Services, attempt: AttemptRef) -> None:
    """Nothing of them is needed on this machine any more."""
    here.workspaces.release(attempt)
    _unfinished(here, attempt).unlink(missing_ok=True)


def _unfinished(here: Services, attempt: AttemptRef) -> Path:
    return here.commands_directory / attempt.key / "unfinished"
