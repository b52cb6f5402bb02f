"""The agent `claude`: Claude Code as a program that reads one message and answers with a stream of JSON lines.

The repository's own settings, hooks, MCP servers and skills are never loaded: they are executed before anybody
is asked. The key reaches the program through a helper that prints its file, so that it is in no argument, no
environment that a tool could show, and no file of ours. Settings: `bot.adapters.agents.claude_settings`.
"""

import json
import shlex
import uuid
from pathlib import Path

from bot.adapters.agents.claude_result import read_stream, spent
from bot.adapters.agents.claude_settings import find_binary, read_settings
from bot.adapters.agents.contract import Ending, Launch
from bot.adapters.agents.structured import result_schema
from bot.adapters.environment import allowed_environment
from bot.adapters.supervisor import files
from bot.domain.agents import AgentRequest, AgentResult

TOOLS = ("Read", "Edit", "Write", "Bash", "Grep", "Glob")

# One session an attempt: its id follows from the attempt, so that it can be found again by either.
_SESSIONS = uuid.UUID("5f9d3c52-6a0e-4a39-9d0c-6a9f5b6f1d1e")

_GO_ON = (
    "The program that you run in was ended from outside while you were at work, and has been started again. Nobody has "
    "answered in the meantime, and whatever was under way then has not finished. See what is there, then go on with "
    "your task from where you were."
)

_CONFIG = ".claude"
_INTERRUPT = {"type": "control_request", "request_id": "stop", "request": {"subtype": "interrupt"}}
_LADDER = (("line", 5.0), ("SIGTERM", 5.0), ("SIGKILL", 1.0))


class ClaudeAgent:
    """Claude Code, one session an attempt."""

    name = "claude"

    def launch(self, request: AgentRequest, attempt_dir: Path) -> Launch:
        """Run the program on the request's prompt; raises UserError when the operator's settings do not allow it,
        or the program or its key are missing."""
        settings = read_settings(request.settings)
        assert settings.api_key_file is not None
        helper = f"cat -- {shlex.quote(settings.api_key_file)}"
        allowed = settings.allowed_tools if settings.allowed_tools is not None else allowed_tools(request)
        argv = [find_binary(settings.binary), "-p"]
        argv += ["--input-format", "stream-json", "--output-format", "stream-json", "--verbose"]
        argv += ["--include-partial-messages"]  # exact counts, and a sign of life while a long answer is written
        argv += ["--setting-sources", "", "--strict-mcp-config", "--disable-slash-commands"]
        argv += ["--settings", json.dumps({"apiKeyHelper": helper})]
        argv += ["--permission-mode", "dontAsk", "--tools", ",".join(TOOLS)]
        argv += [f"--allowedTools={rule}" for rule in allowed]
        argv += ["--model", request.model or settings.model]
        argv += ["--session-id", session_id(request), "--max-turns", str(settings.max_turns)]
        if request.limits.max_usd is not None:
            argv += ["--max-budget-usd", f"{request.limits.max_usd:.6f}"]
        argv += ["--json-schema", json.dumps(result_schema(judges=request.judges))]
        return Launch(
            argv=tuple(argv),
            env=_environment(attempt_dir, settings.base_url, settings.max_retries),
            cwd=request.workspace,
            stdin=_message(request.prompt),
            wall_seconds=request.limits.wall_seconds,
            idle_seconds=request.limits.idle_seconds,
            ladder=_LADDER,
            interrupt_line=json.dumps(_INTERRUPT) + "\n",
            speaks="claude",
            secret_files=(settings.api_key_file,),
        )

    def result(self, attempt_dir: Path, ending: Ending) -> AgentResult:
        """Read the stream that the program left behind."""
        return read_stream(attempt_dir, ending)

    def go_on(self, request: AgentRequest, attempt_dir: Path, ending: Ending) -> Launch | None:
        """Go on in the attempt's session, with what is left of its budget; one that was never begun is begun."""
        if (cap := request.limits.max_usd) is not None:
            if (left := cap - spent(attempt_dir, ending)) <= 0:
                return None
            request = request.model_copy(update={"limits": request.limits.model_copy(update={"max_usd": left})})
        launch = self.launch(request, attempt_dir)
        if not any((attempt_dir / files.HOME / _CONFIG / "projects").glob(f"*/{session_id(request)}.jsonl")):
            return launch
        argv = tuple("--resume" if word == "--session-id" else word for word in launch.argv)
        return launch.model_copy(update={"argv": argv, "stdin": _message(_GO_ON)})


def allowed_tools(request: AgentRequest) -> tuple[str, ...]:
    """The permission rules that a role gets; everything else is refused without a question. Edits (`Edit` rules
    hold for Write as well) stay inside the workspace, and for a role that writes no code, in its own artifacts.

    Commands are allowed to all of them, since whoever judges has to run things: what a command changes outside of
    the artifacts of such a role is never handed on. Only the coming sandbox confines commands."""
    reading = ("Read", "Grep", "Glob", "Bash")
    if request.writes == "code":
        return (*reading, "Edit(./**)")
    return (*reading, *(f"Edit(./{path})" for path in request.outputs))


def session_id(request: AgentRequest) -> str:
    """The id of the attempt's session."""
    return str(uuid.uuid5(_SESSIONS, request.attempt.key))


def _message(text: str) -> str:
    return json.dumps({"type": "user", "message": {"role": "user", "content": text}}) + "\n"


def _environment(attempt_dir: Path, base_url: str | None, max_retries: int) -> dict[str, str]:
    environment = allowed_environment(attempt_dir / files.HOME, attempt_dir / files.TMP)
    environment |= {
        "CLAUDE_CONFIG_DIR": str(attempt_dir / files.HOME / _CONFIG),
        "CLAUDE_CODE_TMPDIR": str(attempt_dir / files.TMP),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
        "CLAUDE_CODE_MAX_RETRIES": str(max_retries),
        "DISABLE_AUTOUPDATER": "1",
    }
    if base_url is not None:
        environment["ANTHROPIC_BASE_URL"] = base_url
    return environment
