"""What Claude Code left behind, as an `AgentResult`: its result line, or what is known without one.

Its failures arrive in many shapes (a failed request says `subtype: success`, a refused tool exits with 0, a bad
flag prints nothing), so each is told apart here by what it is, in `_FAILURES` and `_BY_STATUS`.
"""

import json
from pathlib import Path
from typing import Any

from bot.adapters.agents.contract import Ending, cut_short
from bot.adapters.agents.structured import BadResult, read_result
from bot.adapters.prices import price
from bot.adapters.supervisor import files, lives
from bot.domain.agents import AgentRequest, AgentResult, AgentStatus

Json = dict[str, Any]

_TAIL = 2000
_MOST_DENIALS = 5
_ADDED_UP = ("cost_usd", "input_tokens", "output_tokens", "seconds")

# By `subtype` or `terminal_reason`, whichever is listed.
_FAILURES = {
    "error_max_budget_usd": (AgentStatus.BUDGET, "It reached its spending cap before it was done."),
    "budget_exhausted": (AgentStatus.BUDGET, "It reached its spending cap before it was done."),
    "error_max_turns": (AgentStatus.AGENT_ERROR, "It used up all its turns before it was done."),
    "max_turns": (AgentStatus.AGENT_ERROR, "It used up all its turns before it was done."),
    "prompt_too_long": (AgentStatus.AGENT_ERROR, "Its conversation outgrew what the model can take in."),
    "error_max_structured_output_retries": (
        AgentStatus.BAD_OUTPUT,
        "It tried to hand in a structured result, and every try was refused.",
    ),
}
_OVERLOADED = "The model's service is overloaded or failing"
_FAILED = "A request to the model's service failed"
_BY_STATUS = {
    400: (AgentStatus.AGENT_ERROR, "The model's service refused the request"),
    401: (AgentStatus.AGENT_ERROR, "The model's service does not accept the key: check the file `api_key_file`"),
    403: (AgentStatus.AGENT_ERROR, "The key is not allowed to use this model or service"),
    404: (AgentStatus.AGENT_ERROR, "The model's service knows no such model"),
    413: (AgentStatus.AGENT_ERROR, "A request was too large for the model's service"),
    429: (AgentStatus.OVERLOADED, "The model's service limits the rate of requests"),
}


def read_stream(attempt_dir: Path, ending: Ending) -> AgentResult:
    """The result of an attempt of the agent `claude`. Its cost counts however it ended: the program's own figure
    if it gave one, else what the tokens seen so far cost."""
    request = AgentRequest.model_validate_json(files.read_regular(attempt_dir / files.REQUEST) or b"{}")
    told = _result_line(files.read_regular(attempt_dir / files.STDOUT) or b"")
    known, unpriced = _known(ending, told)
    before = _earlier_lives(attempt_dir)
    known |= {name: known[name] + sum(life[name] for life in before) for name in _ADDED_UP}
    result = _judged(request, attempt_dir, ending, told, known)
    again = f"It was ended from outside {len(before)} times, and went on in its session." if before else ""
    notes = [result.detail, again.replace("1 times", "once"), _denials(told)]
    if unpriced:
        notes.append(f"What it cost is not known: there is no price for {unpriced}.")
    return result.model_copy(update={"detail": " ".join(note for note in notes if note)})


def spent(attempt_dir: Path, ending: Ending) -> float:
    """US dollars that all lives of the attempt have cost so far; `ending` is that of the last one."""
    told = _result_line(files.read_regular(attempt_dir / files.STDOUT) or b"")
    lives_known = [*_earlier_lives(attempt_dir), _known(ending, told)[0]]
    return float(sum(life["cost_usd"] for life in lives_known))


def _earlier_lives(attempt_dir: Path) -> list[Json]:
    """What is known of each life of the attempt before the last one."""
    found: list[Json] = []
    for life in lives.earlier(attempt_dir):
        ending = Ending.model_validate_json(files.read_regular(life / files.RESULT) or b"{}")
        found.append(_known(ending, _result_line(files.read_regular(life / files.STDOUT) or b""))[0])
    return found


def _judged(request: AgentRequest, attempt_dir: Path, ending: Ending, told: Json | None, known: Json) -> AgentResult:
    interrupted = cut_short(ending, known)
    if interrupted is not None:
        return interrupted
    if told is None:
        return _without_a_result(attempt_dir, ending, known)
    if told.get("is_error"):
        status, detail = _failure(told)
        return AgentResult(status=status, detail=detail, **known)
    if "structured_output" not in told:
        detail = f"It ended without a structured result.{_last_words(told)}"
        return AgentResult(status=AgentStatus.BAD_OUTPUT, detail=detail, **known)
    try:
        handed_in = read_result(told["structured_output"], workspace=request.workspace)
    except BadResult as error:
        return AgentResult(
            status=AgentStatus.BAD_OUTPUT, detail=f"Its structured result is not valid: {error}.", **known
        )
    return AgentResult(
        status=AgentStatus.OK,
        summary=handed_in.summary,
        opinion=handed_in.opinion,
        findings=handed_in.evidence,
        questions=handed_in.questions,
        **known,
    )


def _result_line(stdout: bytes) -> Json | None:
    for line in reversed(stdout.splitlines()):
        if b'"result"' in line:
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict) and event.get("type") == "result":
                return event
    return None


def _known(ending: Ending, told: Json | None) -> tuple[Json, str | None]:
    """The fields that do not depend on how it ended, and the model whose price is not known, if that matters."""
    known = ending.what_it_reported
    # What it says of the whole session may count an earlier life again.
    since = _dict(_dict(told).get("model_usage_since_last_result")) or _dict(_dict(told).get("modelUsage"))
    totals = [_dict(usage) for usage in since.values()]
    seen = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
    known["input_tokens"] = max(known["input_tokens"], sum(_number(t.get(name)) for t in totals for name in seen))
    known["output_tokens"] = max(known["output_tokens"], sum(_number(t.get("outputTokens")) for t in totals))
    if told is not None and isinstance(told.get("session_id"), str):
        known["session_id"] = told["session_id"]
    if told is not None:
        return known, None
    # It was killed before it could say: the tokens that were streamed are what is known.
    unpriced = None
    cost = 0.0
    for model, tokens in ending.reported.usage.items():
        amount = price(model, tokens.input, tokens.cache_read, tokens.cache_write, tokens.output)
        unpriced, cost = (model, cost) if amount is None else (unpriced, cost + amount)
    known["cost_usd"] = max(known["cost_usd"], cost)
    return known, unpriced


def _failure(told: Json) -> tuple[AgentStatus, str]:
    for name in (told.get("subtype"), told.get("terminal_reason")):
        if name in _FAILURES:
            status, detail = _FAILURES[name]
            return status, f"{detail}{_last_words(told)}"
    code = told.get("api_error_status")
    if isinstance(code, int):
        fallback = (
            (AgentStatus.OVERLOADED, _OVERLOADED) if code >= 500 else (AgentStatus.AGENT_ERROR, "A request failed")
        )
        status, detail = _BY_STATUS.get(code, fallback)
        return status, f"{detail} (HTTP {code}).{_last_words(told)}"
    if told.get("terminal_reason") == "api_error":
        return AgentStatus.OVERLOADED, f"The model's service could not be understood or reached.{_last_words(told)}"
    return AgentStatus.AGENT_ERROR, f"It gave up.{_last_words(told)}"


def _without_a_result(attempt_dir: Path, ending: Ending, known: Json) -> AgentResult:
    stderr = (files.read_regular(attempt_dir / files.STDERR) or b"")[-_TAIL:].decode("utf-8", "replace").strip()
    tail = f" The end of its stderr:\n{stderr}" if stderr else ""
    if ending.signal is not None or (ending.exit_code or 0) > 128:
        number = ending.signal or (ending.exit_code or 0) - 128
        detail = f"Somebody ended it from outside (signal {number}) before it had a result.{tail}"
        return AgentResult(status=AgentStatus.INTERRUPTED, detail=detail, **known)
    detail = f"The program `claude` ended with exit code {ending.exit_code} and without a result.{tail}"
    return AgentResult(status=AgentStatus.CLI_ERROR, detail=detail, **known)


def _last_words(told: Json) -> str:
    """What it said at the end, for a person."""
    errors = told.get("errors")
    words = told.get("result") or ("; ".join(map(str, errors)) if isinstance(errors, list) else "")
    text = str(words or "").strip()[:_TAIL]
    return f" Its last words: {text}" if text else ""


def _denials(told: Json | None) -> str:
    """Which tool calls were refused: often the reason of a strange ending."""
    denied = _dict(told).get("permission_denials")
    calls = [call for call in denied if isinstance(call, dict)] if isinstance(denied, list) else []
    if not calls:
        return ""
    shown = ", ".join(_denied(call) for call in calls[:_MOST_DENIALS])
    more = f" and {len(calls) - _MOST_DENIALS} more" if len(calls) > _MOST_DENIALS else ""
    return f"It was refused: {shown}{more}."


def _denied(call: Json) -> str:
    given = _dict(call.get("tool_input"))
    subject = str(given.get("file_path") or given.get("command") or "")[:100]
    return f"{call.get('tool_name')} {subject}".strip()


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) and 0 <= value < 1e15 else 0
