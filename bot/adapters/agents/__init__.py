"""The agents that can fill a role: one file each, and one line in `AGENTS`."""

from bot.adapters.agents.claude import ClaudeAgent
from bot.adapters.agents.command import CommandAgent
from bot.adapters.agents.contract import Agent
from bot.adapters.agents.operation import Operation
from bot.adapters.agents.scripted import ScriptedAgent
from bot.domain.errors import UserError

AGENTS: tuple[Agent, ...] = (ClaudeAgent(), CommandAgent(), ScriptedAgent())
_OPERATION = Operation()


def agent(name: str) -> Agent:
    """The agent of this name; raises UserError, naming those that exist."""
    for candidate in (*AGENTS, _OPERATION):
        if candidate.name == name:
            return candidate
    known = ", ".join(f"`{candidate.name}`" for candidate in AGENTS)
    raise UserError(f"There is no agent `{name}`. Known agents: {known}.")
