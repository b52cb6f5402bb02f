"""What the workflows work with, wired once before DBOS is launched: recovery starts at once and must find it whole."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bot.adapters.github import GitHub
from bot.adapters.supervisor.supervisors import Supervisors
from bot.adapters.templates import Templates
from bot.adapters.workspaces import Workspaces
from bot.domain.agents import AgentSetting
from bot.domain.refs import RepoRef
from workflows.claims import Claims
from workflows.configurations import Configurations
from workflows.database import Database
from workflows.ears import Ears
from workflows.effects import Effects
from workflows.journal import Journal
from workflows.proof import Proof
from workflows.wake import Waker


@dataclass(frozen=True)
class AgentDefaults:
    """The operator's choice: the agent for roles that name none, and each agent's own settings."""

    agent: str
    settings: dict[str, dict[str, AgentSetting]]


@dataclass(frozen=True)
class Retention:
    """How many days what is kept (`runs` None: for ever), and how often that is seen to."""

    runs: float | None
    deliveries: float
    workflows: float
    attempts: float
    archive: Path
    every: timedelta


@dataclass(frozen=True)
class Services:
    """Everything that a workflow reaches for. One object a process."""

    database: Database
    journal: Journal
    effects: Effects
    claims: Claims
    waker: Waker
    github: GitHub
    web_url: str
    workspaces: Workspaces
    supervisors: Supervisors
    operations: Supervisors
    templates: Templates
    agents: AgentDefaults
    repositories: tuple[RepoRef, ...]
    trigger_labels: tuple[str, ...]
    commands_directory: Path
    reconcile_every: timedelta
    machine: str
    retention: Retention
    configurations: Configurations = field(default_factory=Configurations)
    ears: Ears = field(default_factory=Ears)
    proof: Proof = field(default_factory=Proof)


_services: Services | None = None


def wire(services: Services) -> None:
    """Make the services known to this process's workflows."""
    global _services
    _services = services


def services() -> Services:
    """This process's services; raises RuntimeError before they are wired."""
    if _services is None:
        raise RuntimeError("the services are not wired: call wire() before DBOS.launch()")
    return _services
