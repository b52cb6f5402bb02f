"""The fence and the proof of life: who was overtaken changes nothing more, and who cannot prove its life ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from dbos import DBOS
from sqlalchemy import event, insert, text

from bot.adapters.supervisor.beat import ALONE, BEAT
from tests.support.postgres import PostgresServer
from workflows import doorbell, leases, runtime
from workflows.claims import Claims, Superseded
from workflows.database import Database
from workflows.doorbell import Bell
from workflows.effects import Effects
from workflows.leases import Lease, Terms, Worker, this_process
from workflows.proof import Proof
from workflows.schema.migrate import migrate
from workflows.schema.tables import workers
from workflows.services import Services
from workflows.wake import AGENTS, INBOX, RUNS


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    in_file = f"sqlite:///{tmp_path / 'leases.db'}"
    opened = Database(request.getfixturevalue("postgres_url") if request.param == "postgres" else in_file)
    migrate(opened)
    yield opened
    opened.close()


def test_the_newest_claim_alone_is_good(database: Database) -> None:
    claims = Claims(database, "one")
    old = claims.take("run:1")
    old.check()
    new, other = Claims(database, "two").take("run:1"), claims.take("run:2")
    with pytest.raises(Superseded):
        old.check()
    new.check()
    other.check()
    assert (old.epoch, new.epoch, other.epoch) == (1, 2, 1)


def test_who_was_overtaken_has_no_effect_any_more(database: Database) -> None:
    claims, done = Claims(database, "one"), list[str]()
    old = claims.take("run:1")
    claims.take("run:1")

    def act() -> str:
        done.append("!")
        return "1"

    with pytest.raises(Superseded):
        Effects(database).once("key", "comment", act, find=None, claim=old, run_id=None)
    assert done == []


class Ended(Exception):
    """Where a worker's thread would wait for the end of its process."""


def ends() -> None:
    raise Ended


def seats(database: Database, worker: Worker) -> None:
    """The lease of a worker, without the threads that keep it."""
    row = {**asdict(worker), "started_at": "", "heartbeat_at": 0.0, "lease_seconds": 20.0}
    with database.write() as connection:
        connection.execute(insert(workers).values(**row))


class Hand:
    """A clock that is set by hand."""

    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_who_cannot_prove_its_life_has_no_effect_any_more(database: Database) -> None:
    """A sleeper, woken between its look at the fence and its act as seen by the database, still meets its own clock."""
    clock, done = Hand(), list[str]()
    proof = Proof(clock, ends)
    proof.begins(20.0)
    claim = Claims(database, "one", proof).take("run:1")
    clock.seconds += 0.69 * 20
    claim.check()
    clock.seconds += 0.02 * 20

    def act() -> str:
        done.append("!")
        return "1"

    with pytest.raises(Ended):
        Effects(database).once("key", "comment", act, find=None, claim=claim, run_id=None)
    with pytest.raises(Ended):
        Claims(database, "one", proof).take("run:1")
    Claims(database, "two").take("run:2").check()
    assert done == []
    assert Claims(database, "two").take("run:1").epoch == 2, "the sleeper superseded nobody"


def test_a_beat_counts_from_when_it_was_sent() -> None:
    clock = Hand()
    proof = Proof(clock, ends)
    proof.begins(20.0)
    clock.seconds += 13
    sent = clock()
    clock.seconds += 5
    assert not proof.is_good
    proof.renew(sent)
    assert proof.is_good
    clock.seconds += 10
    assert not proof.is_good, "the answer took five seconds, which others have counted too"


def test_a_beat_of_a_slow_database_counts_from_when_it_was_sent(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, me = Hand(), this_process()
    monkeypatch.setattr(leases, "uptime", clock)
    proof = Proof(clock, ends)
    seats(database, me)
    lease = Lease(database, me, proof, Terms(20.0))
    proof.begins(20.0)

    def takes_its_time(_: object) -> None:
        clock.seconds += 10

    event.listen(lease._database.engine, "commit", takes_its_time)
    assert lease.beat()
    clock.seconds += 3
    assert proof.is_good
    clock.seconds += 2
    assert not proof.is_good, "others have heard of a beat fifteen seconds ago"
    lease._database.close()


@pytest.mark.parametrize("database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_a_lease_of_a_slow_database_counts_from_when_it_was_asked_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Hand()
    monkeypatch.setattr(leases, "uptime", clock)
    proof = Proof(clock, ends)
    lease = Lease(database, this_process(), proof, Terms(600.0))
    asked_at = clock.seconds

    def takes_its_time(_: object) -> None:
        clock.seconds += 10

    event.listen(lease._database.engine, "commit", takes_its_time)
    lease.take()
    assert proof._renewed == asked_at
    lease.release()


def test_who_gave_its_lease_back_has_no_effect_any_more(database: Database) -> None:
    proof = Proof(wait=ends)
    lease = Lease(database, this_process(), proof, Terms(600.0))
    claims = Claims(database, "one", proof)
    lease.take()
    claim = claims.take("run:1")
    claim.check()
    lease.release()
    with pytest.raises(Ended):
        claim.check()
    with pytest.raises(Ended):
        claims.take("run:1")


def test_a_lease_that_is_lost_stays_lost() -> None:
    proof = Proof(Hand(), ends)
    proof.begins(20.0)
    proof.lose()
    proof.renew(200.0)
    with pytest.raises(Ended):
        proof.require()


def test_a_queue_of_a_lost_worker_is_not_looked_at_any_more() -> None:
    proof = Proof(Hand(), ends)
    bell = Bell(proof)
    bell.ring()
    assert bell.wait(1) is False
    proof.lose()
    with pytest.raises(Ended):
        bell.wait(0)


def test_every_queue_of_a_lost_worker_is_left_alone(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    proof, bells = Proof(Hand(), ends), dict[str, Bell]()
    monkeypatch.setattr(threading.Thread, "start", threading.Thread.run)
    monkeypatch.setattr(DBOS, "retrieve_queue", lambda name: name)
    monkeypatch.setattr(doorbell, "queue_worker_thread", lambda bell, _, queue: bells.update({queue: bell}))
    monkeypatch.setattr(doorbell, "_listen", lambda *_: None)
    doorbell.work_queues(cast(DBOS, None), database, (INBOX, RUNS), proof)
    assert set(bells) == {INBOX, RUNS}
    proof.lose()
    for bell in bells.values():
        with pytest.raises(Ended):
            bell.wait(0)


def test_a_lost_worker_looks_after_nothing_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    proof, done = Proof(Hand(), ends), list[int]()
    monkeypatch.setattr(threading.Thread, "start", threading.Thread.run)

    def work() -> None:
        if done:
            pytest.fail("it goes on")
        done.append(1)
        proof.lose()

    with pytest.raises(Ended):
        runtime._every(cast(Services, SimpleNamespace(proof=proof)), 0.01, "looking", work)
    assert done == [1]


def test_a_beat_shows_in_the_file_that_supervisors_look_at(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "attempts" / BEAT
    lease = Lease(database, this_process(), terms=Terms(600.0, file))
    lease.take()
    os.utime(file, (0, 0))
    assert lease.beat()
    assert file.stat().st_mtime > 0
    os.utime(file, (0, 0))
    with database.write() as connection:
        connection.execute(text("UPDATE workers SET declared_dead_at = 1"))
    assert not lease.beat()
    lease.release()
    assert file.stat().st_mtime == 0, "who was declared dead does not keep agents going"


def test_a_beat_tells_supervisors_whether_another_machine_has_a_worker(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "attempts" / BEAT
    alone = file.with_name(ALONE)
    mine = Lease(database, this_process("mine"), terms=Terms(600.0, file))
    mine.take()
    assert alone.exists()
    neighbour, other = Lease(database, this_process("mine")), Lease(database, this_process("another"))
    neighbour.take()
    assert mine.beat()
    assert alone.exists(), "it is of this machine"
    other.take()
    assert mine.beat()
    assert alone.exists() is database.is_sqlite, "there nobody can be of another machine"
    other.release()
    assert mine.beat()
    assert alone.exists()
    neighbour.release()
    late = Lease(database, this_process("another"))
    late.take()
    mine.release()
    assert alone.exists() is database.is_sqlite, "also when it ends between two beats"
    late.release()


_WORKER = """
import sys, time
from pathlib import Path
from workflows.database import Database
from workflows.leases import Lease, Terms, this_process
lease = Lease(Database(sys.argv[1]), this_process(), terms=Terms(2.0))
lease.take()
print(lease.worker.executor_id, flush=True)
time.sleep(120)
"""


def started_worker(database: Database) -> tuple[subprocess.Popen[str], str]:
    """A process that holds a lease of two seconds and does nothing else; its executor id."""
    url = database.engine.url.render_as_string(hide_password=False)
    process = subprocess.Popen([sys.executable, "-c", _WORKER, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as said:
        return process, said.readline().strip()


@pytest.mark.postgres
def test_a_worker_that_was_stopped_for_too_long_ends_and_says_so(postgres_url: str) -> None:
    database = Database(postgres_url)
    migrate(database)
    process, _ = started_worker(database)
    process.send_signal(signal.SIGSTOP)
    with database.write() as connection:
        connection.execute(text("UPDATE workers SET declared_dead_at = 1"))
    time.sleep(1.5)  # 0.7 of its lease, by its own clock: that is what this is about
    process.send_signal(signal.SIGCONT)
    assert process.wait(60) == 70
    with database.read() as connection:
        (woke_up_at,) = connection.execute(text("SELECT woke_up_at FROM workers")).one()
    assert woke_up_at is not None
    database.close()


@pytest.mark.postgres
def test_a_worker_without_its_database_ends_before_it_can_be_declared_dead(postgres_server: PostgresServer) -> None:
    """The database stands still: no error, no answer. The beat hangs, and the process ends all the same."""
    with postgres_server.fresh_database() as url:
        database = Database(url)
        migrate(database)
        process, _ = started_worker(database)
        with database.write() as connection:
            connection.execute(text("LOCK TABLE workers IN ACCESS EXCLUSIVE MODE"))
            begun = time.monotonic()
            assert process.wait(60) == 70
            assert time.monotonic() - begun < 15, "it does not wait for an answer that never comes"
        database.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has namespaces of pids")
def test_a_container_is_part_of_the_machines_identity() -> None:
    assert os.readlink("/proc/self/ns/pid") in this_process().boot_id


def test_every_incarnation_is_another_executor(database: Database) -> None:
    one, two = this_process(), this_process()
    assert one.executor_id != two.executor_id
    lease = Lease(database, one)
    lease.take()
    lease.release()
    successor = Lease(database, two)
    successor.take()
    successor.release()


def test_runs_and_issues_have_one_hand_on_them_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: dict[str, dict[str, Any]] = {}
    monkeypatch.setattr(DBOS, "register_queue", lambda name, **options: registered.update({name: options}))
    runtime._register_queues(runtime.Limits(agents_per_worker=4, agents_per_repository=2, agents_in_all=3))
    assert registered[RUNS]["partition_concurrency"] == 1
    assert registered[INBOX]["partition_concurrency"] == 1


def test_no_narrow_limit_is_wider_than_that_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """DBOS refuses those, and a service that does not start is a poor answer to `agents_in_all = 3`."""
    registered: dict[str, dict[str, Any]] = {}
    monkeypatch.setattr(DBOS, "register_queue", lambda name, **options: registered.update({name: options}))
    runtime._register_queues(runtime.Limits(agents_per_worker=8, agents_per_repository=6, agents_in_all=3))
    agents = registered[AGENTS]
    assert (agents["worker_concurrency"], agents["partition_concurrency"], agents["global_concurrency"]) == (3, 3, 3)
