"""`python -m tests.bench.edge_server KIND DIRECTORY`: the service's edge, or one of its floors, on the same uvicorn.

`ours` is the real application; `bare` checks the signature, inserts a row and enqueues a workflow, and nothing else;
`hello` answers. Each listens where DIRECTORY/service.toml says.
"""

import hmac
import socket
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import uvicorn
from dbos import DBOSClient
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import insert
from starlette.concurrency import run_in_threadpool

from bot.entrypoints.settings import Settings, load
from bot.entrypoints.wiring import build_app, open_database
from workflows.database import Database
from workflows.schema.tables import deliveries


def hello(settings: Settings) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/webhook")
    async def webhook(request: Request) -> Response:
        await request.body()
        return JSONResponse({"status": "hello"}, status_code=202)

    return app


def bare(settings: Settings) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    database = Database(settings.database)
    client = DBOSClient(system_database_url=database.dbos_url, application_name="issuewright", lazy=True)
    key = settings.webhook_secret.get_secret_value().encode()

    def store(delivery_id: str, event: str, payload: str) -> None:
        with database.write() as connection:
            row = {"id": delivery_id, "event": event, "payload": payload, "received_at": "", "status": "received"}
            connection.execute(insert(deliveries).values(row))
            client.enqueue_in_transaction(
                connection,
                {"workflow_name": "inbox", "queue_name": "inbox", "workflow_id": delivery_id, "app_version": "1"},
                delivery_id,
            )

    @app.post("/webhook")
    async def webhook(request: Request) -> Response:
        body = await request.body()
        expected = "sha256=" + hmac.new(key, body, sha256).hexdigest()
        if not hmac.compare_digest(expected, request.headers["x-hub-signature-256"]):
            return JSONResponse({"error": "signature"}, status_code=401)
        headers = request.headers
        await run_in_threadpool(store, headers["x-github-delivery"], headers["x-github-event"], body.decode())
        return JSONResponse({"status": "accepted"}, status_code=202)

    return app


APPLICATIONS: dict[str, Callable[[Settings], FastAPI]] = {"ours": build_app, "bare": bare, "hello": hello}


def main(kind: str, directory: Path) -> None:
    settings = load(directory)
    listener = socket.create_server((settings.host, settings.port))
    open_database(settings).close()
    app = APPLICATIONS[kind](settings)
    uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")).run([listener])


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
