"""`issuewright serve`: webhook and worker in one process, from the settings in one directory."""

import contextlib
import logging
import os
import socket
import sys
import threading
from datetime import timedelta
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from bot.adapters.github import GitHub
from bot.adapters.supervisor.supervisors import Supervisors
from bot.adapters.templates import Templates
from bot.adapters.workspaces import Workspaces
from bot.domain.errors import UserError
from bot.domain.refs import RepoRef
from bot.domain.trees import Identity
from bot.entrypoints.settings import Settings
from bot.entrypoints.webhook import PATIENCE_SECONDS, create_app
from workflows.claims import Claims
from workflows.database import Database
from workflows.effects import Effects
from workflows.inbox import store_delivery
from workflows.journal import Journal
from workflows.runtime import Limits, connect_client, prepare_system_tables, start_worker
from workflows.schema.migrate import migrate
from workflows.services import AgentDefaults, Services
from workflows.wake import Waker

log = logging.getLogger("issuewright")
PID_FILE = "service.pid"


def serve(settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C. Agents at work go on without us, and are found again at the next start."""
    listener = _listen(settings)
    database = Database(settings.database)
    migrate(database)
    prepare_system_tables(database)
    services = build_services(settings, database)
    lease = start_worker(services, Limits(settings.agents_per_worker, settings.agents_per_repository))
    _write_pid(settings.directory)
    log.info("listening on http://%s for %s", settings.listen, ", ".join(settings.repositories))
    server = _Server(uvicorn.Config(build_app(settings), log_config=None, access_log=False, lifespan="off"))
    server.run(sockets=[listener])
    # What is under way was recorded step by step: dying here is as safe as kill -9, and quicker than waiting.
    with contextlib.suppress(Exception):
        lease.release()
    _remove_pid(settings.directory)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(0)


def build_app(settings: Settings) -> FastAPI:
    """The webhook's application, with a database connection of its own that waits no longer than the edge may."""
    database = Database(settings.database, wait_seconds=PATIENCE_SECONDS)
    waker = Waker(connect_client(database))

    def ready() -> str | None:
        try:
            with database.read() as connection:
                connection.exec_driver_sql("SELECT 1")
        except Exception:
            return "the database is away"
        return None

    return create_app(
        secret=settings.webhook_secret.get_secret_value(),
        store=lambda delivery, event, payload: store_delivery(database, waker, delivery, event, payload),
        ready=ready,
        max_bytes=settings.max_delivery_bytes,
    )


def build_services(settings: Settings, database: Database) -> Services:
    """Everything that this process's workflows need; raises UserError for what the operator can mend."""
    github = GitHub(
        api_url=settings.github_api_url, app_id=settings.app_id, private_key=_read_key(settings.private_key_file)
    )
    for repo in settings.repos:
        github.repository(repo)
    waker = Waker(connect_client(database))

    def token(repo: RepoRef) -> str:
        return github.repository(repo).push_token()

    return Services(
        database=database,
        journal=Journal(database, waker),
        effects=Effects(database),
        claims=Claims(database, f"{socket.gethostname()}:{os.getpid()}"),
        waker=waker,
        github=github,
        workspaces=Workspaces(
            settings.data_dir,
            remote_url=settings.remote_url,
            token=token,
            author=Identity(name="Issuewright", email="issuewright@users.noreply.github.com"),
        ),
        supervisors=Supervisors(settings.data_dir / "attempts", agent_calls_file=settings.agent_calls_file),
        operations=Supervisors(settings.data_dir / "operations"),
        templates=Templates().checked(),
        agents=AgentDefaults(settings.agents.default, dict(settings.agents.settings)),
        repositories=settings.repos,
        trigger_labels=settings.trigger_labels,
        commands_directory=settings.data_dir / "commands",
        reconcile_every=timedelta(seconds=settings.reconcile_seconds),
    )


class _Server(uvicorn.Server):
    """Stops at the first signal, and at once at the second."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)
        # Open connections get a moment; nothing may keep the process from ending.
        threading.Timer(3.0, os._exit, (0,)).start()
        super().handle_exit(sig, frame)


def _listen(settings: Settings) -> socket.socket:
    """The listening socket, first of all: whoever starts a second service learns so before anything happens."""
    try:
        return socket.create_server((settings.host, settings.port), reuse_port=False)
    except OSError as error:
        raise UserError(
            f"cannot listen on {settings.listen}: {error.strerror}. Is the service running already?"
        ) from None


def _read_key(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as error:
        raise UserError(f"the App's private key {file} cannot be read: {error.strerror}") from None


def _write_pid(directory: Path) -> None:
    temporary = directory / f"{PID_FILE}.new"
    temporary.write_text(f"{os.getpid()}\n")
    temporary.replace(directory / PID_FILE)


def _remove_pid(directory: Path) -> None:
    file = directory / PID_FILE
    with contextlib.suppress(OSError, ValueError):
        if int(file.read_text()) == os.getpid():
            file.unlink()
