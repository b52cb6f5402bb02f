"""The protocol that `command` and `scripted` share: a program that reads a request and answers with a JSON
object."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from bot.adapters.agents.contract import Ending, Launch, cut_short
from bot.adapters.environment import allowed_environment
from bot.adapters.supervisor import files
from bot.domain.agents import AgentRequest, AgentResult, AgentStatus
from bot.domain.results import Report

ANSWER_FILE = f"{files.OUT}/result.json"
_ANSWER_LIMIT = 1024 * 1024
_TEXT_LIMIT = 20_000
_TAIL = 2000


class Answer(Report):
    """What a program may say about its work. Unknown fields are an error: a misspelt one would be lost
    silently."""

    status: Literal["ok", "agent_error"] = "ok"
    summary: str = ""
    detail: str = ""
    cost_usd: float = Field(default=0.0, ge=0, lt=1e9, allow_inf_nan=False)
    input_tokens: int = Field(default=0, ge=0, lt=10**15)
    output_tokens: int = Field(default=0, ge=0, lt=10**15)
    session_id: str | None = Field(default=None, max_length=500)

    @field_validator("summary", "detail")
    @classmethod
    def _bounded(cls, text: str) -> str:
        return text if len(text) <= _TEXT_LIMIT else text[:_TEXT_LIMIT] + " [cut]"


def program_launch(request: AgentRequest, attempt_dir: Path, argv: tuple[str, ...]) -> Launch:
    """Run `argv` in the workspace: the request as JSON on stdin and in the file ISSUEWRIGHT_REQUEST, the
    answer expected in the file ISSUEWRIGHT_RESULT (or as the last line on stdout that is a JSON object)."""
    environment = allowed_environment(attempt_dir / files.HOME, attempt_dir / files.TMP)
    environment["ISSUEWRIGHT_REQUEST"] = str(attempt_dir / files.REQUEST)
    environment["ISSUEWRIGHT_RESULT"] = str(attempt_dir / ANSWER_FILE)
    return Launch(
        argv=argv,
        env=environment,
        cwd=request.workspace,
        stdin=request.model_dump_json(),
        wall_seconds=request.limits.wall_seconds,
        idle_seconds=request.limits.idle_seconds,
        outputs=(ANSWER_FILE,),
    )


def program_result(attempt_dir: Path, ending: Ending) -> AgentResult:
    """Read a program's answer. Its cost counts however it ended: the larger of what it reported on the way
    and what its answer says."""
    answer, trouble = _read_answer(attempt_dir)
    known = _merged(ending, answer)
    interrupted = cut_short(ending, known)
    if interrupted is not None:
        summary = answer.summary if answer else ""
        return interrupted.model_copy(update={"summary": summary})
    if ending.exit_code != 0:
        how = f"exit code {ending.exit_code}" if ending.signal is None else f"signal {ending.signal}"
        if answer is not None and answer.status == "agent_error" and ending.signal is None:
            detail = answer.detail or f"The agent failed ({how})."
            return AgentResult(status=AgentStatus.AGENT_ERROR, summary=answer.summary, detail=detail, **known)
        detail = f"The agent's program ended with {how}.{_tail(attempt_dir)}"
        return AgentResult(status=AgentStatus.CLI_ERROR, detail=detail, **known)
    if answer is None:
        return AgentResult(status=AgentStatus.BAD_OUTPUT, detail=f"{trouble}{_tail(attempt_dir)}", **known)
    status = AgentStatus(answer.status)
    return AgentResult(
        status=status,
        summary=answer.summary,
        opinion=answer.opinion,
        findings=tuple(finding.as_finding() for finding in answer.findings),
        questions=answer.questions,
        detail=answer.detail,
        **known,
    )


def _merged(ending: Ending, answer: Answer | None) -> dict[str, Any]:
    known = ending.what_it_reported
    if answer is not None:
        for name in ("cost_usd", "input_tokens", "output_tokens"):
            known[name] = max(known[name], getattr(answer, name))
        known["session_id"] = answer.session_id or known["session_id"]
    return known


def _read_answer(attempt_dir: Path) -> tuple[Answer | None, str]:
    """The answer, or None and what is wrong with it in words for a person."""
    data = files.read_regular(attempt_dir / ANSWER_FILE, _ANSWER_LIMIT + 1)
    where = "the file named by ISSUEWRIGHT_RESULT"
    if data is None:
        data = _last_object(files.read_regular(attempt_dir / files.STDOUT) or b"")
        where = "its last JSON line on stdout"
    if data is None:
        return (
            None,
            "The agent's program gave no answer: no result file, and no line with a JSON object on stdout.",
        )
    if len(data) > _ANSWER_LIMIT:
        return None, f"The agent's answer ({where}) is larger than {_ANSWER_LIMIT} bytes."
    try:
        return Answer.model_validate_json(data), ""
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'JSON'}: {e['msg']}" for e in error.errors(include_url=False)
        )
        return None, f"The agent's answer ({where}) is not valid: {problems[:1000]}."


def _last_object(stdout: bytes) -> bytes | None:
    for line in reversed(stdout.splitlines()):
        if line.lstrip().startswith(b"{"):
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict) and value.get("event") != "progress":
                return line
    return None


def _tail(attempt_dir: Path) -> str:
    """The end of stderr, for a person; empty when there is none."""
    text = (files.read_regular(attempt_dir / files.STDERR) or b"")[-_TAIL:].decode("utf-8", "replace").strip()
    return f" The end of its stderr:\n{text}" if text else ""
