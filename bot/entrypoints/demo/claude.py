"""The demo with a real agent, Claude Code: what its caller must say and have, written down for the service."""

import os
from collections.abc import Mapping

from bot.adapters.agents.claude_settings import find_binary
from bot.domain.agents import AgentSetting
from bot.domain.errors import UserError
from bot.entrypoints.demo.home import Home, write_private

KEY_FILE = "claude.key"


def check(*, unsafe_no_sandbox: bool, environment: Mapping[str, str] = os.environ) -> None:
    """Raises UserError, before anything is started, unless Claude Code may, and can, be the demo's agent."""
    if not unsafe_no_sandbox:
        raise UserError(
            "`--agent claude` runs Claude Code without a sandbox for now: it may do whatever your account may. "
            "If that is acceptable on this machine, add --unsafe-no-sandbox."
        )
    if not environment.get("ANTHROPIC_API_KEY", "").strip():
        raise UserError("`--agent claude` needs a key of Anthropic's API: set ANTHROPIC_API_KEY. It costs real money.")
    find_binary(None)


def settings(home: Home, environment: Mapping[str, str] = os.environ) -> dict[str, AgentSetting]:
    """The service's settings of the agent; the caller's key goes into a file that only this user can read."""
    write_private(home.path / KEY_FILE, environment["ANTHROPIC_API_KEY"].strip() + "\n")
    found: dict[str, AgentSetting] = {"unsafe_no_sandbox": True, "api_key_file": KEY_FILE}
    if environment.get("ANTHROPIC_BASE_URL"):
        found["base_url"] = environment["ANTHROPIC_BASE_URL"]
    return found
