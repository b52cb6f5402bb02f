"""The scripts that the agent `scripted` plays: their format, and reading them with errors that name the
place.

A script is YAML. Per role it has a list of rules; the first whose `when` holds is played, and a request that
no rule fits is an error, never a silent success:

    roles:
      builder:
        - when: {feedback_mentions: test_total_of_nothing}
          replaces:
            - {path: tally.py, old: "return sum(items) / len(items)", new: "return sum(items)"}
          says: "Repaired: {reason}"
          costs: 0.02
        - when: {no_feedback: true}
          writes: {tally.py: "def total(items): ...\n"}
          thinks: 0.5
          says: "Built {title}"
          costs: 0.05
          tokens: {input: 1200, output: 300}

`when` (all that is given must hold; left out, the rule always fits):
    stage, attempt         the stage's name; the number of the attempt (from 1)
    no_feedback            true: nothing was sent back; false: something was
    feedback_source        check, rejection, agent or retry
    feedback_mentions      text (any case) or /regular expression/ in a feedback's name, reason or findings;
                           with feedback_source it must be in a feedback from there
    workspace_contains     {path: text}: the file exists and has the text ("" for: exists)
Actions, in this order:
    writes, appends        {path: content}; folders are made
    replaces               [{path, old, new}]: all occurrences; a file without `old` is an agent_error
    deletes                [path]
    thinks                 seconds, with a line of progress several times a second
    says, costs, tokens    the summary, US dollars, a number (of output) or {input, output}
    opinion                pass or changes: what it says of others' work
    finds                  [{message, path, line, severity}]: its findings; all but the message may be left out
    asks                   [question]
    fails                  detail: answers agent_error
    exits                  code: ends with it, without any answer
    hangs                  true: prints nothing more and never ends
    ignores_signals        true: SIGINT and SIGTERM do nothing (from the start)
`says`, `fails`, `asks` and messages may use {title}, {feedback} (all of it), {reason} (of the feedback that the rule
matched, else the last); paths may use {output} (the first file the request wants) and {folder} (where the run's
artifacts are).
"""

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, Field, ValidationError, field_validator

from bot.domain.agents import Opinion
from bot.domain.errors import UserError
from bot.domain.values import Value


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or ".git" in parts:
        raise ValueError(f"not a path inside the workspace: {path!r}")
    return path


WorkspacePath = Annotated[str, AfterValidator(_inside)]


class When(Value):
    """The condition of a rule."""

    stage: str | None = None
    attempt: int | None = None
    no_feedback: bool | None = None
    feedback_source: Literal["check", "rejection", "agent", "retry"] | None = None
    feedback_mentions: str | None = None
    workspace_contains: dict[WorkspacePath, str] = Field(default_factory=dict)

    @field_validator("feedback_mentions")
    @classmethod
    def _compiles(cls, text: str | None) -> str | None:
        if text and len(text) > 2 and text.startswith("/") and text.endswith("/"):
            try:
                re.compile(text[1:-1])
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from None
        return text


class Replacement(Value):
    """All occurrences of `old` in a file become `new`."""

    path: WorkspacePath
    old: str = Field(min_length=1)
    new: str


class Tokens(Value):
    """What an answer is said to have used."""

    input: int = Field(default=0, ge=0)
    output: int = Field(default=0, ge=0)


class ScriptedFinding(Value):
    """One finding of an answer."""

    message: str = Field(min_length=1)
    path: WorkspacePath | None = None
    line: int | None = Field(default=None, ge=1)
    severity: Literal["error", "warning", "note"] = "error"


class Rule(Value):
    """One answer of a role, and when it is given."""

    when: When = When()
    writes: dict[WorkspacePath, str] = Field(default_factory=dict)
    appends: dict[WorkspacePath, str] = Field(default_factory=dict)
    replaces: tuple[Replacement, ...] = ()
    deletes: tuple[WorkspacePath, ...] = ()
    thinks: float = Field(default=0.0, ge=0, le=86_400)
    says: str = ""
    costs: float = Field(default=0.0, ge=0, le=1e6)
    tokens: Tokens = Tokens()
    opinion: Opinion | None = None
    finds: tuple[ScriptedFinding, ...] = ()
    asks: tuple[str, ...] = ()
    fails: str | None = None
    exits: int | None = Field(default=None, ge=0, le=255)
    hangs: bool = False
    ignores_signals: bool = False

    @field_validator("tokens", mode="before")
    @classmethod
    def _a_number_is_output(cls, tokens: object) -> object:
        return {"output": tokens} if isinstance(tokens, int) else tokens


class Script(Value):
    """A whole script: the rules of each role."""

    roles: dict[str, tuple[Rule, ...]]


def read_script(setting: str) -> Script:
    """A script from inline YAML (anything with a line break) or from the file of that name. Raises
    UserError."""
    text, where = setting, "The script"
    if "\n" not in setting:
        where = f"The script {setting}"
        try:
            text = Path(setting).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{where} cannot be read: {error}") from None
    try:
        raw = yaml.safe_load(text)
        return Script.model_validate(raw)
    except yaml.YAMLError as error:
        raise UserError(f"{where} is not YAML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "top level"
        raise UserError(f"{where} is not a script: {place}: {first['msg']}") from None
