"""The process's settings: a `service.toml` in the service's directory, overridden by ISSUEWRIGHT_* variables.

The only place that reads the environment.
"""

import os
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator

from bot.domain.agents import AgentSetting
from bot.domain.errors import UserError
from bot.domain.refs import RepoRef

PREFIX = "ISSUEWRIGHT_"
SETTINGS_FILE = "service.toml"


def _as_list(raw: object) -> object:
    """In the environment a list is written with commas."""
    return [part.strip() for part in raw.split(",") if part.strip()] if isinstance(raw, str) else raw


Names = Annotated[tuple[str, ...], BeforeValidator(_as_list)]

_RECONCILE_SECONDS = 60.0
_RECONCILE_SECONDS_A_REPOSITORY = 5.0
"""A pass takes about three requests a repository."""


class AgentSettings(BaseModel):
    """The operator's agents: the default for roles that name none, and each agent's own settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    default: str = Field(default="claude", description="The agent of a role for which the repository names none.")
    settings: dict[str, dict[str, AgentSetting]] = Field(
        default_factory=dict, description="A table `[agents.settings.NAME]` for each agent that needs any."
    )


class RetentionSettings(BaseModel):
    """What is kept, and for how many days. Runs are kept for ever unless told otherwise; then they go to `archive_dir`
    (default: `archive` in `data_dir`). Deliveries, the workflow engine's own rows and attempts' files go for good."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep_runs_days: float | None = Field(
        default=None, ge=0, description="Days from a run's end until it is archived; without a value never."
    )
    keep_deliveries_days: float = Field(
        default=30.0, ge=0, description="Days until a delivery that was read is removed."
    )
    keep_workflows_days: float = Field(
        default=14.0, ge=0, description="Days until the engine's rows of a workflow that ended go, if its run is over."
    )
    keep_attempts_days: float = Field(
        default=30.0, ge=0, description="Days until an attempt's or a deployment's output goes, if its run is over."
    )
    archive_dir: Path | None = Field(
        default=None, description="Where archived runs go; without a value `archive` in `data_dir`."
    )
    every_seconds: float = Field(default=3600.0, gt=0, description="How often a worker looks for what is old enough.")


class Settings(BaseModel):
    """All settings of a service. Paths are absolute once loaded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: Path
    github_api_url: str = Field(
        default="https://api.github.com",
        description="Where GitHub's API is; an Enterprise Server's is `https://HOST/api/v3`.",
    )
    git_url: str | None = Field(
        default=None, description="Where git finds repositories, if not at the web address that belongs to the API."
    )
    app_id: int = Field(description="The GitHub App's number.")
    private_key_file: Path = Field(description="The App's private key, as GitHub gave it (PEM).")
    webhook_secret: SecretStr = Field(
        min_length=1, description="What GitHub signs deliveries with: the webhook's secret."
    )
    listen: str = Field(
        default="127.0.0.1:8400", description="`HOST:PORT` on which deliveries are taken, at `/webhook`."
    )
    repositories: Names = Field(min_length=1, description="The repositories to serve, as `owner/name`.")
    trigger_labels: Names = Field(
        default=("spec",),
        description="Labels that the reconciler looks for: whatever the repositories' `trigger.label` may be.",
    )
    database_url: str | None = Field(
        default=None, description="`postgresql://…`; without a value SQLite, `issuewright.db` in `data_dir`."
    )
    data_dir: Path = Field(
        default=Path("data"), description="This machine's own: mirrors, worktrees, attempts, SQLite."
    )
    agent_calls_file: Path | None = Field(
        default=None, description="Gets a line of JSON at each start of an agent: which attempt, role and agent, when."
    )
    reconcile_seconds: float | None = Field(
        default=None,
        gt=0,
        description="How often GitHub is read for what no delivery told; without a value 60, or 5 for each repository "
        "where that is more.",
    )
    max_delivery_bytes: int = Field(
        default=25 * 1024 * 1024, gt=0, description="A larger delivery is answered 413, and not read."
    )
    max_pending_bytes: int = Field(
        default=128 * 1024 * 1024,
        gt=0,
        description="What deliveries on their way may take of memory, all together; what is beyond it is answered 503.",
    )
    agents_per_worker: int = Field(default=4, gt=0, description="How many agents may work at once under one worker.")
    agents_per_repository: int = Field(default=2, gt=0, description="How many of them for one repository.")
    agents_in_all: int = Field(default=64, gt=0, description="How many of them on all machines together.")
    lease_seconds: float = Field(
        default=20.0,
        ge=2.0,
        le=600.0,
        description="How long a worker may prove no life before others take over from it; 2 to 600.",
    )
    worker_patience_seconds: float | None = Field(
        default=None,
        ge=0,
        description="How long agents work on without a worker on their machine; 0: for ever. Without a value that is "
        "for ever on SQLite and on the only machine, else 0.7 of `lease_seconds`.",
    )
    agents: AgentSettings = Field(default=AgentSettings(), description="Which agents there are, and their settings.")
    retention: RetentionSettings = Field(default=RetentionSettings(), description="What is kept, and for how long.")

    @field_validator("github_api_url", "git_url")
    @classmethod
    def _to_append_to(cls, url: str | None) -> str | None:
        """An address means the same with a slash at its end."""
        return url and url.rstrip("/")

    @property
    def archive_dir(self) -> Path:
        """Where archived runs go."""
        return self.retention.archive_dir or self.data_dir / "archive"

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.listen.rpartition(":")[0]

    @property
    def port(self) -> int:
        """The port to listen on."""
        return int(self.listen.rpartition(":")[2])

    @property
    def repos(self) -> tuple[RepoRef, ...]:
        """The repositories that this service serves."""
        return tuple(RepoRef.parse(name) for name in self.repositories)

    @property
    def database(self) -> str:
        """The one database's URL; a SQLite file in the data directory by default."""
        return self.database_url or f"sqlite:///{self.data_dir / 'issuewright.db'}"

    @property
    def reconcile_every(self) -> timedelta:
        """How often each repository is read; by default so seldom that it takes less than half of the 5,000 requests an
        hour which GitHub grants an installation, however many repositories that has."""
        rarely = max(_RECONCILE_SECONDS, _RECONCILE_SECONDS_A_REPOSITORY * len(self.repositories))
        return timedelta(seconds=self.reconcile_seconds or rarely)

    def remote_url(self, repo: RepoRef) -> str:
        """Where git finds a repository: without any credentials in it."""
        return f"{self.git_url or self.web_url}/{repo}.git"

    @property
    def web_url(self) -> str:
        """Where people read the forge: `https://github.com`, or the server whose API this is."""
        return self.github_api_url.removesuffix("/api/v3").replace("//api.", "//")


def load(directory: Path) -> Settings:
    """The settings of the service in `directory`; raises UserError that names what to mend."""
    directory = directory.resolve()
    file = directory / SETTINGS_FILE
    try:
        raw: dict[str, Any] = tomllib.loads(file.read_text()) if file.exists() else {}
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{file}: not valid TOML: {error}") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from None
    raw |= _from_environment()
    try:
        settings = Settings.model_validate({"directory": directory, **raw})
    except ValidationError as error:
        problems = "\n".join(_explain(problem, file) for problem in error.errors())
        raise UserError(problems) from None
    return _checked(settings.model_copy(update=_absolute(settings, directory)))


def _from_environment() -> dict[str, str]:
    nested = ("directory", "agents", "retention")
    known = {f"{PREFIX}{name.upper()}": name for name in Settings.model_fields if name not in nested}
    found = {name: os.environ[variable] for variable, name in known.items() if variable in os.environ}
    system = os.environ.get("DBOS_SYSTEM_DATABASE_URL")
    if system is not None and found.setdefault("database_url", system) != system:
        raise UserError(
            "ISSUEWRIGHT_DATABASE_URL and DBOS_SYSTEM_DATABASE_URL differ: the journal and DBOS share one database, "
            "so set one of them, or both to the same URL"
        )
    return found


def _explain(problem: Any, file: Path) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"`{name}` is not set: put it into {file}, or set {PREFIX}{name.upper()}"
    if problem["type"] == "extra_forbidden":
        return f"{file}: `{name}` is not a setting: remove it, or correct its name"
    return f"`{name}` in {file} (or {PREFIX}{name.upper()}): {problem['msg']}"


def _absolute(settings: Settings, directory: Path) -> dict[str, object]:
    files = {"private_key_file": settings.private_key_file, "data_dir": settings.data_dir}
    if settings.agent_calls_file is not None:
        files["agent_calls_file"] = settings.agent_calls_file
    found: dict[str, object] = {name: directory / path for name, path in files.items()}
    agents = {
        name: {k: _path_setting(directory, k, v) for k, v in values.items()}
        for name, values in settings.agents.settings.items()
    }
    found["agents"] = settings.agents.model_copy(update={"settings": agents})
    if settings.retention.archive_dir is not None:
        archive = directory / settings.retention.archive_dir
        found["retention"] = settings.retention.model_copy(update={"archive_dir": archive})
    return found


def _path_setting(directory: Path, key: str, value: AgentSetting) -> AgentSetting:
    """Files of an agent are named relative to the service's directory; a program without a slash is looked up."""
    if not isinstance(value, str):
        return value
    names_a_file = {"script": "\n" not in value, "api_key_file": True, "binary": "/" in value}
    return str(directory / value) if names_a_file.get(key) else value


def _checked(settings: Settings) -> Settings:
    try:
        settings.repos  # noqa: B018
        if not settings.host or not 0 <= settings.port < 65536:
            raise ValueError("`listen` is HOST:PORT")
        if settings.worker_patience_seconds and settings.worker_patience_seconds < settings.lease_seconds / 2:
            raise ValueError(
                "`worker_patience_seconds` is 0 (for ever) or at least half of `lease_seconds`: between two beats of a "
                "worker agents would be stopped"
            )
    except ValueError as error:
        raise UserError(f"{settings.directory / SETTINGS_FILE}: {error}") from None
    return settings
