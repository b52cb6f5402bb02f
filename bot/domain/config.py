"""`.github/issuewright.yml`: what a repository may set, with safe defaults for all of it."""

from typing import Literal

from pydantic import Field

from bot.domain.checks.base import Check, Settings
from bot.domain.checks.build_check import BuildConfig
from bot.domain.checks.markers_check import MarkersConfig
from bot.domain.checks.protected_paths_check import ProtectedPathsConfig
from bot.domain.checks.secrets_check import SecretsConfig
from bot.domain.checks.size_check import SizeConfig
from bot.domain.checks.tests_check import TestsConfig
from bot.domain.commands_run import Command
from bot.domain.pipeline import Name, Pipeline
from bot.domain.values import Value

CONFIG_PATH = ".github/issuewright.yml"


class Trigger(Value):
    """What starts a run."""

    label: str = Field(default="spec", min_length=1, max_length=50)


class RoleConfig(Value):
    """Which agent fills a role, and with which model. The operator's default is used where `agent` is absent."""

    agent: Name | None = None
    model: str | None = Field(default=None, max_length=100)


class ChecksConfig(Value):
    """Settings of the checks, by their names (`_` where the name has `-`)."""

    build: BuildConfig = BuildConfig()
    protected_paths: ProtectedPathsConfig = ProtectedPathsConfig()
    size: SizeConfig = SizeConfig()
    secrets: SecretsConfig = SecretsConfig()
    markers: MarkersConfig = MarkersConfig()
    tests: TestsConfig = TestsConfig()

    def of(self, check: Check[Settings]) -> Settings:
        """The settings of one check; its defaults when it has none here."""
        found = getattr(self, check.setting, None)
        return found if isinstance(found, check.settings) else check.settings()


class GateConfig(Value):
    """What a repository may change at a gate of its pipeline."""

    approvals: int | None = Field(default=None, ge=1, le=20)
    remind_after_hours: float | None = Field(default=None, gt=0)
    expire_after_hours: float | None = Field(default=None, gt=0)
    on_expiry: Literal["park", "cancel"] | None = None


class BudgetConfig(Value):
    """Caps in US dollars: of one run, of all runs of the repository in a day (UTC), and of one attempt, which is set
    aside before it starts."""

    run_usd: float = Field(default=20.0, gt=0)
    day_usd: float = Field(default=100.0, gt=0)
    attempt_usd: float = Field(default=2.0, gt=0)


class HealthConfig(Value):
    """How to tell that a deployment works: a command that succeeds, or a URL that answers 2xx; tried `tries` times,
    `wait_seconds` apart."""

    command: Command | None = None
    url: str | None = Field(default=None, pattern=r"^https?://")
    tries: int = Field(default=10, ge=1, le=100)
    wait_seconds: float = Field(default=3.0, ge=0, le=300)


class EnvironmentConfig(Value):
    """How to bring a built commit to an environment: a command, or a CI workflow that is dispatched and waited
    for. The command finds the commit in ISSUEWRIGHT_COMMIT, the release in ISSUEWRIGHT_RELEASE; the workflow has them
    in its inputs, as docs/how-to/deploy-by-a-workflow.md says."""

    name: str = Field(default="preview", min_length=1, max_length=100)
    command: Command | None = None
    workflow: str | None = Field(default=None, max_length=200)
    url: str | None = Field(default=None, pattern=r"^https?://")
    health: HealthConfig = HealthConfig()
    timeout_seconds: float = Field(default=1800.0, gt=0, le=14_400)


class DeployConfig(Value):
    """The candidate: how it is built and smoke-tested, and where it goes before and after the merge."""

    build: Command | None = None
    smoke: Command | None = None
    preview: EnvironmentConfig | None = None
    production: EnvironmentConfig | None = None
    timeout_seconds: float = Field(default=1800.0, gt=0, le=14_400)


class MergeConfig(Value):
    """How the merge gate merges."""

    method: Literal["merge", "squash", "rebase"] = "squash"


class RepoConfig(Value):
    """The whole file. It is read from the base branch only."""

    version: Literal[1] = 1
    pipeline: Name = "six-agents"
    trigger: Trigger = Trigger()
    agents: dict[Name, RoleConfig] = Field(default_factory=dict)
    checks: ChecksConfig = ChecksConfig()
    gates: dict[Name, GateConfig] = Field(default_factory=dict)
    merge: MergeConfig = MergeConfig()
    budget: BudgetConfig = BudgetConfig()
    deploy: DeployConfig = DeployConfig()
    artifacts: Literal["keep", "strip", "ref"] = "keep"
    pipelines: dict[Name, Pipeline] = Field(default_factory=dict)
    short_commands: bool = True

    def role(self, name: str) -> RoleConfig:
        """The settings of a role; the defaults when the file says nothing of it."""
        return self.agents.get(name, RoleConfig())


def plan(pipeline: Pipeline, config: RepoConfig) -> Pipeline:
    """The pipeline as this repository runs it: its gates with the repository's settings laid over them."""
    steps = []
    for step in pipeline.steps:
        settings = config.gates.get(step.name)
        if settings is not None and step in pipeline.gates:
            step = step.model_copy(update=settings.model_dump(exclude_none=True))
        steps.append(step)
    return pipeline.model_copy(update={"steps": tuple(steps)})
