"""The files that a deployment works on, laid out and built on this machine, whoever had them before.

Two marks beside the records of the repository's commands tell how far they are here: a machine that was lost on the way
comes back with whatever it had by then."""

from pathlib import Path

from bot.domain.refs import AttemptRef, RepoRef
from bot.domain.trees import Workspace
from workflows.local_steps import is_here
from workflows.patience import patiently
from workflows.services import Services

_LAID_OUT = "laid-out"
_BUILT = "built"


def lay_out(here: Services, attempt: AttemptRef, repo: RepoRef, commit: str) -> Workspace:
    """A fresh worktree at the commit, in place of whatever lies there."""
    _forget(here, attempt)
    workspace = patiently(lambda: here.workspaces.prepare(attempt, repo, start=commit))
    _mark(here, attempt, _LAID_OUT)
    return workspace


def laid_out(here: Services, workspace: Workspace) -> Workspace:
    """The workspace on this machine, which may have it already."""
    return _as_it_is(here, workspace, _LAID_OUT) or lay_out_again(here, workspace)


def lay_out_again(here: Services, workspace: Workspace) -> Workspace:
    """The workspace as it was before its build, on this machine."""
    return lay_out(here, workspace.attempt, workspace.repo, workspace.start)


def was_built(here: Services, workspace: Workspace) -> None:
    """Note that its build is through, and succeeded."""
    _mark(here, workspace.attempt, _BUILT)


def built(here: Services, workspace: Workspace) -> Workspace | None:
    """The workspace as it was built on this machine; None when it was not, or not to the end."""
    return _as_it_is(here, workspace, _BUILT)


def release_files(here: Services, attempt: AttemptRef) -> None:
    """Nothing of them is needed on this machine any more."""
    _forget(here, attempt)
    here.workspaces.release(attempt)


def _as_it_is(here: Services, workspace: Workspace, mark: str) -> Workspace | None:
    local = workspace.model_copy(update={"path": str(here.workspaces.place(workspace.attempt))})
    return local if is_here(local) and (_marks(here, workspace.attempt) / mark).exists() else None


def _mark(here: Services, attempt: AttemptRef, mark: str) -> None:
    _marks(here, attempt).mkdir(parents=True, exist_ok=True)
    (_marks(here, attempt) / mark).touch()


def _forget(here: Services, attempt: AttemptRef) -> None:
    for mark in (_BUILT, _LAID_OUT):
        (_marks(here, attempt) / mark).unlink(missing_ok=True)


def _marks(here: Services, attempt: AttemptRef) -> Path:
    return here.commands_directory / attempt.key
