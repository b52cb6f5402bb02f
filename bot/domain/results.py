"""An agent's structured word on the work: its shape, and whether a stage can do with it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from bot.domain.agents import AgentResult, AgentStatus, Finding, Opinion
from bot.domain.checks.hostile_text import plain
from bot.domain.pipeline import Stage
from bot.domain.values import Value

_LONGEST = 4000


def _bounded(text: str) -> str:
    text = plain(text).strip()
    if not text:
        raise ValueError("must not be empty")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 6] + " [cut]"


def _in_the_repository(path: str) -> str:
    path = path.removeprefix("./")
    parts = path.split("/")
    if not path or path.startswith("/") or "\\" in path or {"", ".", ".."} & {*parts} or not path.isprintable():
        raise ValueError("must be a file's path from the repository's root, such as `src/app.py`")
    return path


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


Words = Annotated[str, AfterValidator(_bounded)]
RepositoryPath = Annotated[str, Field(max_length=500), AfterValidator(_in_the_repository)]


class ReportedFinding(Value):
    """A finding as an agent may report it."""

    message: Words
    path: Annotated[RepositoryPath | None, BeforeValidator(_empty_is_none)] = None
    line: int | None = Field(default=None, ge=1, lt=10**8)
    severity: Literal["error", "warning", "note"] = "error"

    def as_finding(self) -> Finding:
        """The same as evidence: a line without a file says nothing."""
        return Finding(
            message=self.message, path=self.path, line=self.line if self.path else None, severity=self.severity
        )


class Report(Value):
    """What any agent may say about the work, whichever program it is: all of it optional, none of it free in form."""

    opinion: Opinion | None = None
    findings: tuple[ReportedFinding, ...] = Field(default=(), max_length=100)
    questions: tuple[Words, ...] = Field(default=(), max_length=20)


def as_needed(result: AgentResult, stage: Stage) -> AgentResult:
    """The result if the stage can do with it, else BAD_OUTPUT with a detail that names what is missing."""
    problem = _missing(result, stage) if result.status is AgentStatus.OK else None
    if problem is None:
        return result
    return result.model_copy(update={"status": AgentStatus.BAD_OUTPUT, "detail": problem})


def _missing(result: AgentResult, stage: Stage) -> str | None:
    if stage.sends_back_to is not None and result.opinion is None:
        return (
            f"The result has no `opinion`: {stage.name} judges the work of {stage.sends_back_to}, "
            "so say `pass`, or `changes` with your `findings`."
        )
    if result.opinion == "changes" and not result.findings:
        return (
            "The result's `findings` are empty although its `opinion` is `changes`: "
            "name at least one thing to change, with its file and line."
        )
    return None
