"""The real edge: the webhook application on a real port, over a real database, without a worker behind it."""

import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import text

from bot.entrypoints.settings import Settings, load
from bot.entrypoints.wire import http_config
from bot.entrypoints.wiring import build_app
from tests.support.ports import free_port
from workflows.database import Database
from workflows.runtime import prepare_system_tables
from workflows.schema.migrate import migrate

SECRET = "a webhook's secret"
LARGEST = 4096
BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


def signature(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def comment(**extra: object) -> dict[str, Any]:
    """A payload as GitHub sends it, as far as the edge can tell."""
    return {"action": "created", "issue": {"number": 7}, "repository": {"full_name": "acme/tally"}, **extra}


class Edge:
    """The webhook service, and somebody who delivers to it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database)
        migrate(self.database)
        prepare_system_tables(self.database)
        self._server = uvicorn.Server(http_config(build_app(settings)))
        listener = socket.create_server((settings.host, settings.port))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{settings.port}", trust_env=False, timeout=20)
        deadline = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < deadline, "the edge did not start"
            time.sleep(0.01)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self.http.close()
        self.database.close()

    def delivers(
        self,
        payload: object = None,
        *,
        delivery: str | None = "guid-1",
        event: str | None = "issue_comment",
        **headers: str,
    ) -> httpx.Response:
        """A delivery of this payload, signed."""
        return self.posts(json.dumps(comment() if payload is None else payload).encode(), delivery, event, **headers)

    def posts(
        self, body: bytes, delivery: str | None = "guid-1", event: str | None = "issue_comment", **headers: str
    ) -> httpx.Response:
        """A POST of exactly this body, signed, with other or further headers (`_` for `-`, empty for none)."""
        usual = {"content-type": "application/json", "x-hub-signature-256": signature(body)}
        usual |= {"x-github-delivery": delivery} if delivery is not None else {}
        usual |= {"x-github-event": event} if event is not None else {}
        usual |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post("/webhook", content=body, headers={k: v for k, v in usual.items() if v})

    def stored(self) -> list[tuple[str, str, str]]:
        """What is in the inbox: (id, event, status)."""
        return [(row[0], row[1], row[2]) for row in self.query("SELECT id, event, status FROM deliveries ORDER BY id")]

    def readers(self) -> list[tuple[str, str]]:
        """The workflows that wait to read deliveries: (id, status)."""
        schema = "" if self.database.is_sqlite else "dbos."
        rows = self.query(f"SELECT workflow_uuid, status FROM {schema}workflow_status ORDER BY workflow_uuid")
        return [(row[0], row[1]) for row in rows]

    def query(self, statement: str) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(text(statement)))

    def executes(self, statement: str) -> None:
        with self.database.write() as connection:
            connection.execute(text(statement))


NewEdge = Callable[[str], Edge]


@pytest.fixture
def new_edge(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[NewEdge]:
    """Makes an edge on `sqlite` or `postgres`."""
    made: list[Edge] = []

    def make(kind: str) -> Edge:
        url = request.getfixturevalue("postgres_url") if kind == "postgres" else f"sqlite:///{tmp_path / 'edge.db'}"
        values = {
            "app_id": 1,
            "private_key_file": "app.pem",
            "webhook_secret": SECRET,
            "listen": f"127.0.0.1:{free_port()}",
            "repositories": ["acme/tally"],
            "database_url": url,
            "max_delivery_bytes": LARGEST,
        }
        settings_file = tmp_path / "service.toml"
        settings_file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
        made.append(Edge(load(tmp_path)))
        return made[-1]

    yield make
    for edge in made:
        edge.close()


@pytest.fixture(params=BOTH)
def edge(new_edge: NewEdge, request: pytest.FixtureRequest) -> Edge:
    """The edge on each database."""
    return new_edge(str(request.param))
