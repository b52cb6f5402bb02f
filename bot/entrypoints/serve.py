"""The processes of the service: `serve` (all in one), `webhook` (the edge alone), `worker` (the rest alone)."""

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

import uvicorn

from bot.adapters.supervisor.beat import BEAT
from bot.domain.errors import UserError
from bot.entrypoints.settings import Settings
from bot.entrypoints.wiring import build_app, build_services, open_database
from workflows.database import Database
from workflows.leases import Lease, Terms
from workflows.runtime import Limits, start_worker

log = logging.getLogger("issuewright")
PID_FILE = "service.pid"
_CONNECTIONS_SECONDS, _LAST_SECONDS = 2.0, 4.0


def serve(settings: Settings) -> NoReturn:
    """Webhook and worker until SIGTERM or Ctrl-C. Agents at work go on without us, and are found again later."""
    listener = _listen(settings)
    lease = _start_worker(settings, open_database(settings))
    _write_pid(settings.directory)
    _answer(settings, listener, lease)


def serve_webhook(settings: Settings) -> NoReturn:
    """The edge alone: it stores deliveries for the workers."""
    listener = _listen(settings)
    open_database(settings)
    _write_pid(settings.directory)
    _answer(settings, listener, None)


def serve_worker(settings: Settings) -> NoReturn:
    """A worker alone; as many as you like may share one PostgreSQL."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        _later(_LAST_SECONDS, lambda: os._exit(0))
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    lease = _start_worker(settings, open_database(settings))
    log.info("working for %s", ", ".join(settings.repositories))
    stopped.wait()
    _end(settings, lease)


def _start_worker(settings: Settings, database: Database) -> Lease:
    services = build_services(settings, database)
    limits = Limits(settings.agents_per_worker, settings.agents_per_repository, settings.agents_in_all)
    terms = Terms(settings.lease_seconds, settings.data_dir / "attempts" / BEAT)
    return start_worker(services, limits, terms)


def _answer(settings: Settings, listener: socket.socket, lease: Lease | None) -> NoReturn:
    log.info("listening on http://%s for %s", settings.listen, ", ".join(settings.repositories))
    config = uvicorn.Config(build_app(settings), log_config=None, access_log=False, lifespan="off")
    _Server(config, lambda: _end(settings, lease)).run([listener])
    _end(settings, lease)


def _end(settings: Settings, lease: Lease | None) -> NoReturn:
    """What is under way was recorded step by step: ending here is as safe as kill -9, and quicker than waiting."""
    with contextlib.suppress(Exception):
        if lease is not None:
            lease.release()
    _remove_pid(settings.directory)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(0)


class _Server(uvicorn.Server):
    """Stops at the first signal, and at once at the second."""

    def __init__(self, config: uvicorn.Config, end: Callable[[], object]) -> None:
        super().__init__(config)
        self._end = end

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)
        # Open connections get a moment; nothing, a database that is away neither, may keep the process from ending.
        _later(_CONNECTIONS_SECONDS, self._end)
        _later(_LAST_SECONDS, lambda: os._exit(0))
        # Not uvicorn's own: it raises the signal again at its end, which would be ours before we have tidied up.
        self.should_exit = True


def _later(seconds: float, do: Callable[[], object]) -> None:
    timer = threading.Timer(seconds, do)
    timer.daemon = True
    timer.start()


def _listen(settings: Settings) -> socket.socket:
    """The listening socket, first of all: whoever starts a second service learns so before anything happens."""
    try:
        return socket.create_server((settings.host, settings.port), reuse_port=False)
    except OSError as error:
        raise UserError(
            f"cannot listen on {settings.listen}: {error.strerror}. Is the service running already?"
        ) from None


def _write_pid(directory: Path) -> None:
    temporary = directory / f"{PID_FILE}.new"
    temporary.write_text(f"{os.getpid()}\n")
    temporary.replace(directory / PID_FILE)


def _remove_pid(directory: Path) -> None:
    file = directory / PID_FILE
    with contextlib.suppress(OSError, ValueError):
        if int(file.read_text()) == os.getpid():
            file.unlink()
