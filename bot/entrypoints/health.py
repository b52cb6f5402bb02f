"""`issuewright health`: does the service that lives in this directory work? For people at night and for containers."""

import socket
from collections.abc import Iterator

import httpx

from bot.entrypoints.settings import Settings
from workflows.database import Database
from workflows.maintenance import leased_workers

_PATIENCE_SECONDS = 3.0


def problems(settings: Settings) -> Iterator[str]:
    """What is wrong, in sentences; nothing when all is well. Either a webhook or a worker of this machine will do."""
    try:
        works = _worker_lives(settings)
    except Exception as error:
        yield f"the database is away: {type(error).__name__}"
        return
    if not works and not _webhook_answers(settings):
        yield f"no worker of this machine has proved its life, and nothing answers at http://{settings.listen}/readyz"


def _worker_lives(settings: Settings) -> bool:
    database = Database(settings.database, wait_seconds=_PATIENCE_SECONDS)
    with database.read() as connection:
        found = leased_workers(connection, database)
        return any(worker.alive for worker in found if worker.host == socket.gethostname())


def _webhook_answers(settings: Settings) -> bool:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "[::]") else settings.host
    try:
        return httpx.get(f"http://{host}:{settings.port}/readyz", timeout=_PATIENCE_SECONDS).is_success
    except httpx.HTTPError:
        return False
