"""Steps that need an attempt's files: anywhere but on the machine that holds them they say that these are gone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from bot.domain.trees import Workspace
from workflows.steps import step

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


class Elsewhere(Exception):
    """The attempt's files are on another machine, and that one is gone: what was not pushed is lost with it."""

    def __init__(self, why: str = "The machine that it ran on is gone, and with it what was not pushed yet.") -> None:
        super().__init__(why)  # a replay makes it from its words again


class LocalSteps:
    """Records steps like `step`, each of which raises Elsewhere on a machine that the workspace is not on."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

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
            if not is_here(self._workspace):
                raise Elsewhere
            return work(*arguments, **named)

        return step(name, shape, beside)


def is_here(workspace: Workspace) -> bool:
    """Whether the workspace's files are on this machine."""
    return Path(workspace.path).is_dir()
