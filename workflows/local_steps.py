"""Steps that need an attempt's files: anywhere but on the machine that holds them they say that these are gone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from bot.adapters.supervisor.supervisors import Supervisors
from bot.domain.trees import Workspace
from workflows.steps import step

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


class Elsewhere(Exception):
    """The attempt's files are on another machine, and that one is gone: what was not pushed is lost with it."""

    def __init__(self, why: str = "The machine that it ran on is gone, and with it what was not pushed yet.") -> None:
        super().__init__(why)  # a replay makes it from its words again


class LocalSteps:
    """Records steps like `step`, each of which raises Elsewhere on a machine that has not got the files."""

    def __init__(self, has_them: Callable[[], bool]) -> None:
        self._has_them = has_them

    def step(
        self,
        name: str,
        shape: Any,
        work: Callable[Arguments, Result],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result:
        """Call `work` once, beside the workspace's files, and record its value of type `shape`."""

        def beside() -> Result:
            if not self._has_them():
                raise Elsewhere
            return work(*arguments, **named)

        return step(name, shape, beside)


def is_here(workspace: Workspace) -> bool:
    """Whether the workspace's files are on this machine."""
    return Path(workspace.path).is_dir()


def has_its_work(supervisors: Supervisors, workspace: Workspace) -> bool:
    """Whether what the agent wrote there is on this machine. Files alone may be left over from an execution that came
    no further than to lay them out: the machine that had the agent has its supervisor's notes, too."""
    return is_here(workspace) and supervisors.knows(workspace.attempt)
