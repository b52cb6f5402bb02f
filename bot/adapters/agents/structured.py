"""The structured result that an agent hands in against a JSON schema: the schema, and reading what was written."""

from pathlib import PurePosixPath
from typing import Any

from pydantic import ValidationError

from bot.domain.agents import Finding
from bot.domain.results import Report, Words

Json = dict[str, Any]

_MOST_FINDINGS, _MOST_QUESTIONS = 100, 20


class BadResult(Exception):
    """A structured result that cannot be used; the message says what is missing or wrong, in words for whoever
    wrote it."""


class HandedIn(Report):
    """A report with its summary."""

    summary: Words

    @property
    def evidence(self) -> tuple[Finding, ...]:
        """The findings as others read them."""
        return tuple(finding.as_finding() for finding in self.findings)


def result_schema(*, judges: bool) -> Json:
    """The JSON schema of a structured result; with `judges` an opinion is required."""
    finding = {
        "type": "object",
        "additionalProperties": False,
        "required": ["message"],
        "properties": {
            "message": {"type": "string", "description": "What is wrong, how to see it, what would be right."},
            "path": {"type": "string", "description": "The file, from the repository's root."},
            "line": {"type": "integer", "minimum": 1},
            "severity": {"enum": ["error", "warning", "note"], "description": "error: must be mended."},
        },
    }
    opinion = {
        "enum": ["pass", "changes"],
        "description": "On the work that you were asked to judge: good as it is, or sent back with your findings.",
    }
    properties: Json = {
        "summary": {"type": "string", "description": "A commit's subject on the first line, then a few short lines."},
        **({"opinion": opinion} if judges else {}),
        "findings": {"type": "array", "items": finding, "maxItems": _MOST_FINDINGS},
        "questions": {
            "type": "array",
            "items": {"type": "string"},
            "maxItems": _MOST_QUESTIONS,
            "description": "Only what a person must decide; nobody can answer before you have ended.",
        },
    }
    required = ["summary", "opinion"] if judges else ["summary"]
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def read_result(raw: object, *, workspace: str) -> HandedIn:
    """A structured result from what an agent wrote (parsed JSON). Raises BadResult."""
    if not isinstance(raw, dict):
        raise BadResult("it is no JSON object")
    findings = raw.get("findings")
    if isinstance(findings, list):
        raw = {**raw, "findings": [_placed(finding, workspace) for finding in findings]}
    try:
        return HandedIn.model_validate(raw)
    except ValidationError as error:
        told = (f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in error.errors(include_url=False))
        raise BadResult("; ".join(told)[:1000]) from None


def _placed(finding: object, workspace: str) -> object:
    """Agents like absolute paths, and now and then speak of files elsewhere: the first become what a reader of the
    change can open, the others part of the message."""
    if not isinstance(finding, dict) or not isinstance(finding.get("path"), str) or not finding["path"]:
        return finding
    path = PurePosixPath(finding["path"])
    if path.is_relative_to(workspace):
        path = path.relative_to(workspace)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        rest = {name: value for name, value in finding.items() if name not in ("path", "line")}
        return {**rest, "message": f"{finding['path']}: {finding.get('message')}"}
    return {**finding, "path": str(path)}
