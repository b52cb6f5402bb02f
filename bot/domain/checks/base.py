"""What a check is: a name, what it judges, its settings, and its own words about itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from pydantic import Field

from bot.domain.checks.work import Work
from bot.domain.commands_run import Command, CommandResult
from bot.domain.values import Value
from bot.domain.verdicts import Verdict


class CommandConfig(Value):
    """The settings of a check that runs a command."""

    command: Command | None = Field(default=None, description="The command: split into words, never given to a shell.")
    timeout_seconds: float = Field(
        default=900.0, gt=0, le=14_400, description="After so long it is ended, and has failed."
    )

    @property
    def report(self) -> str | None:
        """The file that the command writes for us; None when its output is all there is."""
        return None


class Ran(NamedTuple):
    """A command that ran on the work, and the text of the report it wrote (None: none is expected; empty: it is, and
    was not written)."""

    result: CommandResult
    report: str | None
    work: Work


class PossibleSecret(NamedTuple):
    """A place in the added lines that looks like a secret: never its text. `kind` says what it looks like."""

    path: str
    line: int
    kind: str
    sure: bool
    """True when its form leaves little doubt; False when its surroundings or its randomness make it suspect."""
    weak: bool = False
    """True when little speaks against it: randomness alone, as every digest has it, or a name with a plain word."""


class Scan(NamedTuple):
    """What a search for secrets found, and the files that were too large to be searched."""

    found: tuple[PossibleSecret, ...]
    unread: tuple[str, ...] = ()


Settings = TypeVar("Settings", bound=Value)
CommandSettings = TypeVar("CommandSettings", bound=CommandConfig)


@dataclass(frozen=True, kw_only=True)
class Check(Generic[Settings]):
    """One check. `looks_at` and `mend` are for people, in Markdown: what it judges, and what to do when it fails.

    `stops`: when it fails, those that come later are skipped.
    """

    name: str
    looks_at: str
    mend: str
    settings: type[Settings]
    stops: bool = False

    @property
    def setting(self) -> str:
        """Where its settings are, below `checks` in the repository's file."""
        return self.name.replace("-", "_")


@dataclass(frozen=True, kw_only=True)
class CommandCheck(Check[CommandSettings]):
    """Judges the run of a configured command. `unconfigured` is the verdict when there is no command; None: none."""

    judge: Callable[[Ran, CommandSettings], Verdict]
    unconfigured: Verdict | None = None


@dataclass(frozen=True, kw_only=True)
class WorkCheck(Check[Settings]):
    """Judges what changed: files, added lines."""

    judge: Callable[[Work, Settings], Verdict]


@dataclass(frozen=True, kw_only=True)
class ScanCheck(Check[Settings]):
    """Judges what a search for secrets in the added lines found."""

    judge: Callable[[Scan, Settings], Verdict]
