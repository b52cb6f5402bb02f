"""The agent `command`: any program of yours. Settings: `argv`, a list of strings (never a shell line).

It runs in the workspace and gets the request (`AgentRequest` as JSON) on stdin and in the file named by
ISSUEWRIGHT_REQUEST. It answers with one JSON object in the file named by ISSUEWRIGHT_RESULT, or as the last
such line on stdout: `{"status": "ok" | "agent_error", "summary", "detail", "cost_usd", "input_tokens",
"output_tokens", "session_id", "opinion": "pass" | "changes", "findings": [{"message", "path", "line", "severity":
"error" | "warning" | "note"}], "questions": ["…"]}`, all optional; only a request that `judges` must get an opinion,
and `changes` must come with findings. On the way it may print lines `{"event": "progress", "message":
…, "cost_usd": …}`: they show up as progress, and the cost counts even if the program is killed. SIGINT asks
it to come to an end.
"""

from pathlib import Path

from bot.adapters.agents.contract import Ending, Launch
from bot.adapters.agents.program import program_launch, program_result
from bot.domain.agents import AgentRequest, AgentResult
from bot.domain.errors import UserError


class CommandAgent:
    """Any program that speaks the protocol above."""

    name = "command"

    def launch(self, request: AgentRequest, attempt_dir: Path) -> Launch:
        """Run the setting `argv`; raises UserError when it is missing or no list."""
        argv = request.settings.get("argv")
        if not isinstance(argv, tuple) or not argv or not argv[0]:
            raise UserError('The agent `command` needs its setting `argv`: a list such as ["python3", "agent.py"].')
        return program_launch(request, attempt_dir, argv)

    def result(self, attempt_dir: Path, ending: Ending) -> AgentResult:
        """Read the program's answer."""
        return program_result(attempt_dir, ending)

    def go_on(self, request: AgentRequest, attempt_dir: Path, ending: Ending) -> None:
        """A program has no session: another attempt begins anew."""
