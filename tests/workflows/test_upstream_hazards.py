"""Hazards that are known upstream, each met by the very version of DBOS that we ship; and how we live with them.

Where a hazard is gone the test says how it is now, so that an upgrade that changes it is noticed.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dbos import DBOSClient
from sqlalchemy import text

from tests.support.postgres import PostgresServer
from tests.workflows.roster import ELSEWHERE, LEASE, Roster
from workflows.leases import Worker, this_process
from workflows.reaper import Orphan
from workflows.recovery import DbosRecovery
from workflows.wake import Waker

QUEUE = "one"
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.postgres


class Lab:
    """A database, processes of plain DBOS on it, and our reaper beside them."""

    def __init__(self, url: str, folder: Path) -> None:
        self.roster = Roster(url)
        self.url = self.roster.database.dbos_url
        self.folder = folder
        self.client = DBOSClient(system_database_url=self.url, application_name="hazards")
        self.processes: list[subprocess.Popen[bytes]] = []

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.client.destroy()
        self.roster.close()

    def starts(self, executor: str, *recovers: str) -> subprocess.Popen[bytes]:
        """A process of DBOS, once it works its queue."""
        command = [
            sys.executable,
            "-m",
            "tests.workflows.dbos_process",
            self.url,
            executor,
            str(self.folder),
            *recovers,
        ]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        self.waits("DBOS", (self.folder / f"{executor}-{process.pid}.ready").exists)
        return process

    def enqueues(self, name: str, partition: str = "p") -> str:
        options: Any = {
            "workflow_name": "slow",
            "queue_name": QUEUE,
            "workflow_id": name,
            "app_version": "1",
            "queue_partition_key": partition,
        }
        self.client.enqueue(options, name)
        return name

    def allows(self, what: str) -> None:
        (self.folder / what).touch()

    def effects(self) -> list[str]:
        file = self.folder / "effects"
        return file.read_text().splitlines() if file.exists() else []

    def status(self, workflow_id: str) -> tuple[str, str | None]:
        """Its status, and its executor."""
        query = text("SELECT status, executor_id FROM dbos.workflow_status WHERE workflow_uuid = :id")
        with self.roster.database.read() as connection:
            row = connection.execute(query, {"id": workflow_id}).one()
        return row[0], row[1]

    def seats(self, executor: str, **changes: Any) -> Worker:
        """The lease of a process, as a worker of ours would have taken it before it launched DBOS."""
        worker = self.roster.worker(**changes)
        return self.roster.seats(Worker(**{**worker.__dict__, "executor_id": executor}))

    @staticmethod
    def waits(what: str, look: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while not look():
            assert time.monotonic() < deadline, f"waited for {what}"
            time.sleep(0.02)


class ByClient:
    """Our recovery, with the tables of a client: this process has launched no DBOS."""

    def __init__(self, lab: Lab) -> None:
        self._give_back = DbosRecovery(lab.client, lab.roster.database, "me").give_back  # type: ignore[arg-type]

    def give_back(self, orphan: Orphan) -> bool:
        return self._give_back(orphan)

    def adopt(self, orphan: Orphan) -> bool:
        raise AssertionError("nothing here is bound to a machine")


@pytest.fixture
def lab(postgres_url: str, tmp_path: Path) -> Iterator[Lab]:
    made = Lab(postgres_url, tmp_path)
    yield made
    made.close()


def test_804_two_processes_with_one_executor_id_do_everything_twice(lab: Lab) -> None:
    """The second start takes the first one's live work for its own of an earlier life."""
    lab.starts("local")
    lab.enqueues("work")
    lab.waits("the effect", lambda: len(lab.effects()) == 1)
    lab.starts("local")
    lab.waits("the effect again", lambda: len(lab.effects()) == 2)
    assert lab.effects() == ["work local", "work local"]


def test_804_ours_are_never_the_same(lab: Lab) -> None:
    first, second = this_process().executor_id, this_process().executor_id
    lab.starts(first)
    lab.enqueues("work")
    lab.waits("the effect", lambda: len(lab.effects()) == 1)
    lab.starts(second)
    lab.enqueues("more", partition="q")
    lab.waits("the other effect", lambda: len(lab.effects()) == 2)
    assert {line.split()[0] for line in lab.effects()} == {"work", "more"}
    assert lab.status("work") == ("PENDING", first)


def test_742_recovery_of_a_living_executor_does_everything_twice(lab: Lab) -> None:
    """Whoever believes that it is dead has its work executed beside it."""
    lab.starts("alive")
    lab.enqueues("work")
    lab.waits("the effect", lambda: len(lab.effects()) == 1)
    lab.starts("hasty", "alive")
    lab.allows("recover")
    lab.waits("the effect again", lambda: len(lab.effects()) == 2)
    assert lab.status("work")[0] == "PENDING"


def test_742_a_second_recovery_that_comes_late_finds_nothing(lab: Lab) -> None:
    """As it is now: a stale list of dead executors takes nothing from who has taken over."""
    dead = lab.starts("dead")
    lab.enqueues("work")
    lab.waits("the effect", lambda: len(lab.effects()) == 1)
    dead.kill()
    dead.wait()
    lab.starts("heir")
    orphan = Orphan("work", "dead", QUEUE, None)
    assert ByClient(lab).give_back(orphan)
    assert not ByClient(lab).give_back(orphan)
    lab.waits("the takeover", lambda: lab.status("work") == ("PENDING", "heir"))
    assert not ByClient(lab).give_back(orphan)
    lab.waits("the effect of the heir", lambda: lab.effects() == ["work dead", "work heir"])


def test_742_our_reaper_takes_nothing_from_the_living(lab: Lab) -> None:
    lab.seats("alive", **ELSEWHERE)
    lab.starts("alive")
    lab.enqueues("work")
    lab.waits("the effect", lambda: len(lab.effects()) == 1)
    lab.roster.reaper._recovery = ByClient(lab)
    assert lab.roster.time_passes(0) == 0
    assert lab.roster.time_passes(LEASE - 1) == 0
    assert lab.status("work") == ("PENDING", "alive")


def test_805_a_stuck_workflow_blocks_its_queue_and_our_reaper_frees_it(lab: Lab) -> None:
    lab.seats("dead", **ELSEWHERE)
    dead = lab.starts("dead")
    lab.enqueues("stuck")
    lab.waits("the effect", lambda: len(lab.effects()) == 1)
    dead.kill()
    dead.wait()
    lab.starts("alive")
    lab.seats("alive", **ELSEWHERE)
    lab.enqueues("behind")
    lab.enqueues("elsewhere", partition="q")
    lab.waits("another partition", lambda: "elsewhere alive" in lab.effects())
    assert lab.status("behind")[0] == "ENQUEUED", "nobody ever looks after the dead one's"
    assert lab.status("stuck") == ("PENDING", "dead")

    lab.roster.reaper._recovery = ByClient(lab)
    lab.roster.time_passes(0)
    lab.roster.time_passes(LEASE - 1)
    with lab.roster.database.write() as connection:
        connection.execute(text("UPDATE workers SET heartbeat_at = heartbeat_at + 1 WHERE executor_id = 'alive'"))
    assert lab.roster.time_passes(2) == 1
    lab.allows("recorded")
    lab.allows("go")
    lab.waits("what waited behind it", lambda: lab.status("behind")[0] == "SUCCESS")
    assert lab.status("stuck") == ("SUCCESS", "alive")


def test_716_a_crash_of_postgresql_during_recovery_strands_nothing(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """As it is now DBOS tries again until the database is back; and if it did not, our reaper looks by level."""
    lab = Lab(postgres_server.create_database(), tmp_path)
    try:
        dead = lab.starts("dead")
        names = [lab.enqueues(f"work-{number}", partition=str(number)) for number in range(8)]
        lab.waits("the effects", lambda: len(lab.effects()) == len(names))
        dead.kill()
        dead.wait()
        lab.starts("heir", "dead")
        postgres_server.crash(signal.SIGKILL)
        lab.allows("recover")
        time.sleep(0.5)  # it is in the middle of its recovery, or about to be: both must do
        postgres_server.start_again()
        lab.waits("the end of the recovery", (tmp_path / "recovered").exists)
        lab.waits("the takeover", lambda: all(lab.status(name) == ("PENDING", "heir") for name in names))

        # Without that, by our own way: what is PENDING under nobody's lease is seen at every look.
        lab.seats("heir", **ELSEWHERE)
        with lab.roster.database.write() as connection:
            connection.execute(text("UPDATE dbos.workflow_status SET executor_id = 'stranded'"))
        assert lab.roster.time_passes(0) == len(names)
    finally:
        lab.close()


def test_759_an_empty_workflow_id_is_refused_and_ours_never_are(lab: Lab) -> None:
    with pytest.raises(Exception, match="non-empty"):
        lab.enqueues("")
    asked: list[str] = []

    class Listening(Waker):
        def _enqueue(
            self, connection: Any, workflow: str, queue: str, workflow_id: str, *rest: Any, **named: Any
        ) -> None:
            asked.append(workflow_id)

    waker, nothing = Listening(lab.client), Any
    waker.drive(nothing, "", "")  # type: ignore[arg-type]
    waker.read_delivery(nothing, "", 0, "")  # type: ignore[arg-type]
    waker.publish(nothing, "", "", soon=True)  # type: ignore[arg-type]
    waker.hear(nothing, "", "", "", last=True)  # type: ignore[arg-type]
    assert all(name.strip() for name in asked)
    assert len(asked) == 4
