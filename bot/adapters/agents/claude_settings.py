"""The operator's settings of the agent `claude` (`[agents.settings.claude]` in service.toml), checked."""

import importlib.util
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.domain.agents import AgentSetting
from bot.domain.errors import UserError

WHERE = "[agents.settings.claude] in service.toml"

NO_SANDBOX = (
    "The agent `claude` runs without a sandbox for now: it may do whatever this account may, on this machine. "
    f"If that is acceptable here, say so: `unsafe_no_sandbox = true` under {WHERE}."
)
NO_KEY = f"The agent `claude` needs a key: name the file that holds it, `api_key_file = …` under {WHERE}."
NO_BINARY = (
    "The program `claude` is not here: install Claude Code (`npm install -g @anthropic-ai/claude-code`, or "
    f"`pip install claude-agent-sdk`, which brings it along), or name it, `binary = …` under {WHERE}."
)


class ClaudeSettings(BaseModel):
    """Settings of the agent `claude`. The key itself is in a file of its own and is never copied from there.

    `model` is used for roles that name none. `max_retries` is how often one request to the model is repeated.
    `allowed_tools` replaces the permission rules that follow from the role.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    unsafe_no_sandbox: bool = False
    api_key_file: str | None = None
    base_url: str | None = None
    binary: str | None = None
    model: str = "sonnet"
    max_turns: int = Field(default=200, ge=1)
    max_retries: int = Field(default=10, ge=0, le=100)
    allowed_tools: tuple[str, ...] | None = None


def read_settings(raw: Mapping[str, AgentSetting]) -> ClaudeSettings:
    """The settings, if an agent may be started with them; else UserError, which says what to write."""
    try:
        settings = ClaudeSettings.model_validate(dict(raw))
    except ValidationError as error:
        told = "; ".join(f"`{'.'.join(map(str, e['loc']))}`: {e['msg']}" for e in error.errors(include_url=False))
        raise UserError(f"{WHERE}: {told}") from None
    if not settings.unsafe_no_sandbox:
        raise UserError(NO_SANDBOX)
    if settings.api_key_file is None:
        raise UserError(NO_KEY)
    try:
        key = Path(settings.api_key_file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise UserError(f"The key of the agent `claude`, {settings.api_key_file}, cannot be read: {why}.") from None
    if not key.strip():
        raise UserError(f"The key of the agent `claude`, {settings.api_key_file}, is empty.")
    if settings.base_url is not None:
        _check_url(settings.base_url)
    return settings


def find_binary(named: str | None) -> str:
    """The program: the one that is named, else `claude` on the PATH, else the one that claude-agent-sdk brings.
    Raises UserError when there is none."""
    if named is not None:
        found = shutil.which(named)
        if found is None:
            raise UserError(f"{named} is not a program that can be run: correct `binary` under {WHERE}.")
        return found
    return shutil.which("claude") or _bundled() or _missing()


def _bundled() -> str | None:
    package = importlib.util.find_spec("claude_agent_sdk")
    if package is None or package.origin is None:
        return None
    program = Path(package.origin).parent / "_bundled" / "claude"
    return str(program) if os.access(program, os.X_OK) else None


def _missing() -> str:
    raise UserError(NO_BINARY)


def _check_url(url: str) -> None:
    """An address may show up in logs: no password may be in it."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        raise UserError(f"`base_url` under {WHERE} is no address.") from None
    if not is_good:
        raise UserError(f"`base_url` under {WHERE} must begin with https:// or http:// and name a host.")
    if parts.username is not None or parts.password is not None or parts.query:
        raise UserError(f"`base_url` under {WHERE} must hold no user name, password or query: use `api_key_file`.")
