"""The structured result that every role hands in: its JSON schema, and reading one that an agent wrote."""

import json
from pathlib import PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.domain.agents import Finding, Opinion

_TEXT_LIMIT = 20_000
_MESSAGE_LIMIT = 4_000
_MOST = 100

Json = dict[str, Any]


class BadResult(Exception):
    """A structured result that cannot be used; the message says what is missing or wrong, in words for whoever
    wrote it."""


class StructuredResult(BaseModel):
    """What an agent says of its own work, validated: texts bounded, paths relative to the workspace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    summary: str = Field(min_length=1)
    verdict: Opinion | None = None
    findings: tuple[Finding, ...] = ()
    questions: tuple[str, ...] = ()


class _Finding(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    message: str = Field(min_length=1)
    path: str | None = None
    line: int | None = None
    severity: Literal["error", "warning", "note"] = "error"


class _Written(BaseModel):
    """The shape as an agent writes it. Strict, so that a misspelt field is heard of instead of lost."""

    model_config = ConfigDict(extra="forbid", strict=True)

    summary: str
    verdict: Literal["pass", "changes"] | None = None
    findings: list[_Finding] = Field(default_factory=list)
    questions: list[str] = Field(default_factory=list)


def result_schema(*, judges: bool) -> Json:
    """The JSON schema of a structured result; with `judges` a verdict is required."""
    finding = {
        "type": "object",
        "additionalProperties": False,
        "required": ["message"],
        "properties": {
            "message": {"type": "string", "description": "What is wrong, and what would mend it."},
            "path": {"type": "string", "description": "The file, relative to the repository's root."},
            "line": {"type": "integer", "minimum": 1},
            "severity": {"enum": ["error", "warning", "note"], "description": "error: must be mended."},
        },
    }
    verdict = {
        "enum": ["pass", "changes"],
        "description": "On the work that you were asked to judge: good as it is, or sent back with your findings.",
    }
    properties: Json = {
        "summary": {"type": "string", "description": "What you did and found, in one to five plain sentences."},
        **({"verdict": verdict} if judges else {}),
        "findings": {"type": "array", "items": finding, "maxItems": _MOST},
        "questions": {
            "type": "array",
            "items": {"type": "string"},
            "maxItems": _MOST,
            "description": "Only what a person must answer; nobody can answer before you have ended.",
        },
    }
    required = ["summary", "verdict"] if judges else ["summary"]
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def read_result(raw: object, *, workspace: str, judges: bool) -> StructuredResult:
    """A structured result from what an agent wrote (parsed JSON). Raises BadResult."""
    try:
        # By way of JSON: in strict mode only there a list may become what we want.
        written = _Written.model_validate_json(json.dumps(raw))
    except (ValidationError, ValueError) as error:
        raise BadResult(_problems(error)) from None
    if not written.summary.strip():
        raise BadResult("summary: must not be empty")
    if judges and written.verdict is None:
        raise BadResult('verdict: is required here: "pass" or "changes"')
    if len(written.findings) > _MOST or len(written.questions) > _MOST:
        raise BadResult(f"findings and questions: at most {_MOST} of each")
    return StructuredResult(
        summary=_cut(written.summary.strip(), _TEXT_LIMIT),
        verdict=written.verdict,
        findings=tuple(_placed(finding, workspace) for finding in written.findings),
        questions=tuple(_cut(text.strip(), _MESSAGE_LIMIT) for text in written.questions if text.strip()),
    )


def _placed(finding: _Finding, workspace: str) -> Finding:
    """Agents like absolute paths; one outside the workspace is no place that a reader of the change could open."""
    message = _cut(finding.message.strip(), _MESSAGE_LIMIT)
    path = PurePosixPath(finding.path) if finding.path else None
    if path is not None and path.is_relative_to(workspace):
        path = path.relative_to(workspace)
    if path is None or path.is_absolute() or ".." in path.parts or not path.parts:
        where = f"{finding.path}: " if finding.path else ""
        return Finding(message=where + message, severity=finding.severity)
    line = finding.line if finding.line and finding.line > 0 else None
    return Finding(message=message, path=str(path), line=line, severity=finding.severity)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit] + " [cut]"


def _problems(error: ValidationError | ValueError) -> str:
    if not isinstance(error, ValidationError):
        return "it is no JSON"
    told = (f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in error.errors(include_url=False))
    return _cut("; ".join(told), 1000)
