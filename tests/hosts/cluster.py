"""A cluster: PostgreSQL, localhub and the webhook in the centre of a network, workers on machines around it."""

import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from tests.chaos.evidence import Evidence
from tests.chaos.people import People
from tests.chaos.specs import KINDS, Kind
from tests.hosts import agents
from tests.hosts.network import Machine, Network
from tests.localhub.harness import APP_ID, PRIVATE_PEM, SECRET, Localhub
from tests.stories.service import Service
from tests.stories.world import World
from tests.support.ports import free_port
from tests.support.postgres import start_server
from workflows.database import Database

LEASE = 12.0
_NAMES = ("alpha", "beta", "gamma")


class Cluster(World):
    """A world whose service is spread over machines. The test is in the centre, where people and GitHub are, too."""

    def __init__(self, directory: Path) -> None:
        self._stack = ExitStack()
        try:
            self._build(directory)
        except BaseException:
            self._stack.close()
            raise

    def _build(self, directory: Path) -> None:
        self.directory = directory
        self.network = Network(directory)
        self._stack.callback(self.network.close)
        self._stack.enter_context(self.network.inside())
        server = self._stack.enter_context(start_server(self.network.address, self.network.subnet))
        url = server.create_database()
        for folder in ("webhook/logs", "people", "disk"):
            (directory / folder).mkdir(parents=True)
        self.hub = Localhub(directory / "localhub", bind=self.network.address, warm=False)
        self._stack.callback(self.hub.close)
        self.service = Service(directory / "webhook", free_port(), "webhook", host=self.network.address)
        self.service.warm = False
        self._stack.callback(self.service.close)
        self.database = Database(url)
        self._stack.callback(self.database.close)
        self._populate("budget:\n  day_usd: 100000\n")
        self._write(directory / "webhook", url)
        self.machines = [self.network.add(name) for name in _NAMES]
        for machine in self.machines:
            machine.disk.mkdir()
            self._write(machine.disk, url)
        self.world = self
        self.people = People(self)  # type: ignore[arg-type]  # all that they need of a field

    def close(self) -> None:
        self._stack.close()

    def start(self) -> None:
        """Switch everything on."""
        self.start_service()
        for machine in self.machines:
            self.switch_on(machine)
        self.waits_for_workers(len(self.machines))

    def waits_for_workers(self, number: int) -> None:
        """Until so many workers live. People decide meanwhile."""

        def alive() -> bool:
            self.people.look()
            return len(self.query(_ALIVE)) == number

        self.waits(f"{number} workers", alive, seconds=120)

    def switch_on(self, machine: Machine) -> None:
        command = [sys.executable, "-m", "bot.entrypoints.cli", "worker", "--dir", str(self.directory / "disk")]
        machine.switch_on(self.directory / "disk", command)

    def open_specs(self, names: list[str]) -> None:
        """Somebody asks for these kinds of things (see tests/chaos/specs.py)."""
        kinds: dict[str, Kind] = {kind.name: kind for kind in KINDS}
        self.people.open_specs([kinds[name] for name in names])

    def work_of(self, machine: Machine, queue: str = "%") -> dict[str, str]:
        """What the workers of a machine are executing: workflow and executor."""
        rows = self.query(_WORK, host=machine.name, queue=queue)
        return {row[0]: row[1] for row in rows}

    def taken_over(self, work: dict[str, str]) -> list[str]:
        """Those of these workflows that others execute by now, or have brought to an end."""
        rows = self.query(_WHERE, ids=list(work))
        return [row[0] for row in rows if row[1] != work[row[0]] and row[2] != "ENQUEUED"]

    def waits_for_work(self, machines: list[Machine]) -> tuple[Machine, dict[str, str]]:
        """Until an agent works on one of these machines; that one, and what its workers execute then."""

        def at_work() -> tuple[Machine, dict[str, str]] | None:
            self.people.look()
            busy = next((each for each in machines if self._is_called(each, self.work_of(each, "agents"))), None)
            return (busy, self.work_of(busy)) if busy else None

        return self.waits(f"an agent on {', '.join(each.name for each in machines)}", at_work, seconds=120)

    def _is_called(self, machine: Machine, work: dict[str, str]) -> bool:
        """Whether the agent of any of these attempts was started there, and not only its workspace laid out."""
        called = _called(machine)
        return any(workflow.split(":")[1] in called for workflow in work)

    def seconds_until_taken_over(self, work: dict[str, str], since: float) -> float:
        """How long it took from `since` until another worker executed any of it."""

        def done() -> bool:
            self.people.look()
            return bool(self.taken_over(work))

        self.waits("the takeover", done)
        return time.monotonic() - since

    def agent_calls(self) -> list[str]:
        """The attempts whose agents were started, on whatever machine."""
        return [attempt for machine in self.machines for attempt in _called(machine)]

    def evidence(self) -> Evidence:
        """The world as it is now, with what the agents of all machines have noted."""
        files = [machine.disk / "agents" / "paid.jsonl" for machine in self.machines]
        (self.directory / "agents").mkdir(exist_ok=True)
        noted = "".join(file.read_text() for file in files if file.exists())
        (self.directory / "agents" / "paid.jsonl").write_text(noted)
        return Evidence(self)  # type: ignore[arg-type]  # all that it needs of a field

    def query(self, statement: str, **values: object) -> list[Any]:
        try:
            return super().query(statement, **values)
        except DBAPIError:
            return []

    def _keep_going(self) -> None:
        assert self.service.exit_code() is None, "the webhook has ended"

    def _account(self) -> str:
        logs = [machine.disk / "worker.log" for machine in self.machines]
        tails = ["\n".join(log.read_text(errors="replace").splitlines()[-25:]) for log in logs if log.exists()]
        told = "\n".join(" ".join(map(str, row)) for row in self.query(_TOLD))
        return "\n---\n".join([told, *tails])

    def _write(self, place: Path, url: str) -> None:
        (place / "app.pem").touch(mode=0o600)
        (place / "app.pem").write_text(PRIVATE_PEM)
        (place / "agents").mkdir()
        argv = [sys.executable, "-B", agents.__file__, str(self.directory / "disk" / "agents")]
        lines = [
            f"github_api_url = {json.dumps(self.hub.api)}",
            f"app_id = {APP_ID}",
            'private_key_file = "app.pem"',
            f"webhook_secret = {json.dumps(SECRET)}",
            f'listen = "{self.network.address}:{self.service.port}"',
            'repositories = ["acme/tally"]',
            'agent_calls_file = "agent-calls.jsonl"',
            f"database_url = {json.dumps(url)}",
            f"lease_seconds = {LEASE}",
            "agents_per_repository = 12",
            # So that what is taken over never waits for a place.
            "agents_per_worker = 12",
            # Only so that what a test breaks is not repaired by chance: it is far longer than a lease.
            "reconcile_seconds = 300",
            "[agents]",
            'default = "command"',
            "[agents.settings.command]",
            f"argv = {json.dumps(argv)}",
        ]
        (place / "service.toml").write_text("\n".join(lines) + "\n")


_ALIVE = "SELECT executor_id FROM workers WHERE declared_dead_at IS NULL"
_WORK = (
    "SELECT s.workflow_uuid, s.executor_id FROM dbos.workflow_status s JOIN workers w USING (executor_id) "
    "WHERE s.status = 'PENDING' AND w.host = :host AND s.queue_name LIKE :queue"
)
_WHERE = "SELECT workflow_uuid, executor_id, status FROM dbos.workflow_status WHERE workflow_uuid = ANY(:ids)"
_TOLD = "SELECT run_id, seq, kind, cause FROM entries ORDER BY run_id, seq"


def _called(machine: Machine) -> list[str]:
    file = machine.disk / "agent-calls.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [str(json.loads(line)["attempt"]) for line in lines]
