"""Putting the parts of a process together, from its settings."""

import os
import socket
from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI

from bot.adapters.github import GitHub
from bot.adapters.machine import machine_id
from bot.adapters.supervisor.supervisors import Supervisors
from bot.adapters.templates import Templates
from bot.adapters.workspaces import Workspaces
from bot.domain.errors import UserError
from bot.domain.refs import RepoRef
from bot.domain.trees import Identity
from bot.entrypoints.operator.opening import explained
from bot.entrypoints.settings import Settings
from bot.entrypoints.webhook import PATIENCE_SECONDS, create_app
from workflows.claims import Claims
from workflows.database import Database
from workflows.effects import Effects
from workflows.intake import Intake
from workflows.journal import Journal
from workflows.proof import SURE, Proof
from workflows.runtime import connect_client, prepare_system_tables
from workflows.schema.migrate import migrate
from workflows.services import AgentDefaults, Retention, Services
from workflows.wake import Waker


def open_database(settings: Settings) -> Database:
    """The one database, brought to this release's schema; raises UserError with what to do when that fails."""
    database = Database(settings.database, idle_seconds=settings.lease_seconds / 2)
    with explained():
        migrate(database)
        prepare_system_tables(database)
    return database


def build_app(settings: Settings) -> FastAPI:
    """The webhook's application, with a database connection of its own that waits no longer than the edge may."""
    database = Database(settings.database, wait_seconds=PATIENCE_SECONDS)
    intake = Intake(database, Waker(connect_client(database)))

    def ready() -> str | None:
        try:
            with database.read() as connection:
                connection.exec_driver_sql("SELECT 1")
        except Exception:
            return "the database is away"
        return None

    return create_app(
        secret=settings.webhook_secret.get_secret_value(),
        store=intake.store,
        ready=ready,
        max_bytes=settings.max_delivery_bytes,
        max_bytes_at_once=max(settings.max_pending_bytes, settings.max_delivery_bytes),
    )


def build_services(settings: Settings, database: Database) -> Services:
    """Everything that this process's workflows need; raises UserError for what the operator can mend."""
    github = GitHub(
        api_url=settings.github_api_url, app_id=settings.app_id, private_key=_read_key(settings.private_key_file)
    )
    for repo in settings.repos:
        github.repository(repo)
    waker, proof = Waker(connect_client(database)), Proof()

    def token(repo: RepoRef) -> str:
        return github.repository(repo).push_token()

    return Services(
        database=database,
        journal=Journal(database, waker),
        effects=Effects(database),
        claims=Claims(database, f"{socket.gethostname()}:{os.getpid()}", proof),
        waker=waker,
        github=github,
        web_url=settings.web_url,
        workspaces=Workspaces(
            settings.data_dir,
            remote_url=settings.remote_url,
            token=token,
            author=Identity(name="Issuewright", email="issuewright@users.noreply.github.com"),
        ),
        supervisors=Supervisors(
            settings.data_dir / "attempts",
            agent_calls_file=settings.agent_calls_file,
            worker_patience_seconds=_patience(settings, database),
            waits_alone=settings.worker_patience_seconds is None,
        ),
        operations=Supervisors(settings.data_dir / "operations"),
        templates=Templates().checked(),
        agents=AgentDefaults(settings.agents.default, dict(settings.agents.settings)),
        repositories=settings.repos,
        trigger_labels=settings.trigger_labels,
        commands_directory=settings.data_dir / "commands",
        reconcile_every=settings.reconcile_every,
        machine=machine_id(settings.data_dir),
        proof=proof,
        retention=Retention(
            runs=settings.retention.keep_runs_days,
            deliveries=settings.retention.keep_deliveries_days,
            workflows=settings.retention.keep_workflows_days,
            attempts=settings.retention.keep_attempts_days,
            archive=settings.archive_dir,
            every=timedelta(seconds=settings.retention.every_seconds),
        ),
    )


def _patience(settings: Settings, database: Database) -> float | None:
    """How long agents work on without a worker. On SQLite nobody else can take their attempts over, so for ever;
    otherwise they stop before a worker of another machine starts them again, if there is one."""
    if settings.worker_patience_seconds is not None:
        return settings.worker_patience_seconds or None
    return None if database.is_sqlite else SURE * settings.lease_seconds


def _read_key(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as error:
        raise UserError(f"the App's private key {file} cannot be read: {error.strerror}") from None
