"""All real deliveries through the service's own door, signed by ourselves and by GitHub's own library."""

import json
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from bot.entrypoints.settings import load
from bot.entrypoints.webhook import create_app
from bot.entrypoints.wiring import build_app
from bot.localhub.courier import headers
from bot.localhub.records import App, Delivery
from tests.contract.examples import ORACLE, SECRET, Json, examples, signature
from tests.support import needs
from workflows.database import Database
from workflows.runtime import prepare_system_tables
from workflows.schema.migrate import migrate
from workflows.schema.tables import deliveries


class Door:
    """The webhook service of a directory of its own, over a real database."""

    def __init__(self, client: TestClient, database: Database) -> None:
        self._client = client
        self._database = database

    def receives(self, event: str, body: bytes, signed: str | None, guid: str | None = None) -> tuple[int, Json]:
        """Status and JSON of the answer."""
        said = {
            "content-type": "application/json",
            "x-github-event": event,
            "x-github-delivery": guid or str(uuid.uuid4()),
        }
        if signed is not None:
            said["x-hub-signature-256"] = signed
        answer = self._client.post("/webhook", content=body, headers=said)
        return answer.status_code, answer.json()

    def stored(self) -> dict[str, tuple[str, Json]]:
        """Event and payload of what was kept, by delivery id."""
        with self._database.read() as connection:
            rows = connection.execute(select(deliveries.c.id, deliveries.c.event, deliveries.c.payload)).all()
        return {row.id: (row.event, json.loads(row.payload)) for row in rows}


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    (tmp_path / "data").mkdir()
    (tmp_path / "service.toml").write_text(
        f'app_id = 1\nprivate_key_file = "app.pem"\nwebhook_secret = "{SECRET}"\nrepositories = ["acme/tally"]\n'
    )
    settings = load(tmp_path)
    database = Database(settings.database)
    migrate(database)
    prepare_system_tables(database)
    with TestClient(build_app(settings)) as client:
        yield Door(client, database)


def body_of(payload: Json) -> bytes:
    return json.dumps(payload, ensure_ascii=False).encode()


def test_every_real_delivery_is_accepted_and_kept(door: Door) -> None:
    sent = {}
    for event, payload in examples():
        guid, body = str(uuid.uuid4()), body_of(payload)
        assert door.receives(event, body, signature(body), guid) == (202, {"status": "accepted"})
        sent[guid] = (event, payload)
    assert door.stored() == sent
    again, (event, payload) = next(iter(sent.items()))
    body = body_of(payload)
    assert door.receives(event, body, signature(body), again) == (202, {"status": "known"})
    assert len(door.stored()) == len(sent) == 329


def test_a_delivery_that_was_changed_on_its_way_is_refused(door: Door) -> None:
    event, payload = examples()[0]
    body = body_of(payload)
    right = signature(body)
    assert door.receives(event, body + b" ", right)[0] == 401
    assert door.receives(event, body, None)[0] == 401
    assert door.receives(event, body, right.replace("sha256=", "sha1="))[0] == 401
    assert door.receives(event, body, right.upper())[0] == 401
    assert door.receives(event, body, signature(body, "another secret"))[0] == 401
    assert door.stored() == {}


def test_githubs_documented_example() -> None:
    """From GitHub's page on validating webhook deliveries."""
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signature(b"Hello, World!", "It's a Secret to Everybody") == expected


def test_githubs_documented_example_opens_the_door() -> None:
    app = create_app(
        secret="It's a Secret to Everybody",
        store=lambda *delivery: Future(),
        ready=lambda: None,
        max_bytes=100,
        max_bytes_at_once=100,
    )
    signed = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    with TestClient(app) as client:
        door = Door(client, Database("sqlite://"))
        # Its body is no JSON, which is found out only after the signature was found right.
        assert door.receives("ping", b"Hello, World!", signed)[0] == 400
        assert door.receives("ping", b"Hello, World?", signed)[0] == 401


def oracle(statement: str, entries: list[Json]) -> list[object]:
    """What `@octokit/webhooks-methods` says to each entry (secret, payload, signature)."""
    script = (
        f'import {{ sign, verify }} from "{ORACLE.as_uri()}";'
        'import { readFileSync } from "node:fs";'
        'const entries = JSON.parse(readFileSync(0, "utf8"));'
        f"const said = await Promise.all(entries.map((each) => {statement}));"
        "console.log(JSON.stringify(said));"
    )
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", script],
        input=json.dumps(entries),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answers: list[object] = json.loads(done.stdout)
    return answers


@needs.program("node", package="nodejs")
def test_what_githubs_library_signs_is_accepted(door: Door) -> None:
    bodies = [(event, body_of(payload)) for event, payload in examples()]
    entries = [{"secret": SECRET, "payload": body.decode()} for _, body in bodies]
    for (event, body), signed in zip(bodies, oracle("sign(each.secret, each.payload)", entries), strict=True):
        assert signed == signature(body)
        assert door.receives(event, body, str(signed))[0] == 202


@needs.program("node", package="nodejs")
def test_what_localhub_signs_githubs_library_verifies() -> None:
    app = App(1, "issuewright", "Issuewright", "", "http://127.0.0.1/", SECRET, "{}", "[]", 1, 2, "", "")
    entries = []
    for number, (event, payload) in enumerate(examples()):
        text = body_of(payload).decode()
        delivery = Delivery(number, str(uuid.uuid4()), 1, 1, None, event, None, text, "", "pending", 0.0, 1)
        entries.append({"secret": SECRET, "payload": text, "signature": headers(delivery, app)["X-Hub-Signature-256"]})
    verify = "verify(each.secret, each.payload, each.signature)"
    assert oracle(verify, entries) == [True] * len(entries)
    wrong = [entry | {"secret": "another secret"} for entry in entries[:3]]
    assert oracle(verify, wrong) == [False] * 3
