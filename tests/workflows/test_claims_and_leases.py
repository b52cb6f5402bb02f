"""The fence and the proof of life: who was overtaken changes nothing more, and who is gone is taken over from."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from dbos import DBOS

from workflows import runtime
from workflows.claims import Claims, Superseded
from workflows.database import Database
from workflows.effects import Effects
from workflows.leases import LEASE_SECONDS, Lease, Worker, is_dead, this_process
from workflows.schema.migrate import migrate
from workflows.wake import INBOX, RUNS


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


class Row:
    """A worker's row as the database has it."""

    def __init__(self, worker: Worker, silent_for: float = 0.0) -> None:
        self.__dict__.update(worker.__dict__, heartbeat_at=time.time() - silent_for)


def other(**changes: Any) -> Worker:
    """Another worker: by itself, one that lives on this machine."""
    return replace(this_process(), **{"executor_id": "other", **changes})


def test_a_worker_is_never_dead_to_itself() -> None:
    me = this_process()
    assert not is_dead(Row(me, silent_for=1000), me)


def test_who_beats_lives_and_who_is_silent_for_long_is_dead() -> None:
    me = this_process()
    assert not is_dead(Row(other(), silent_for=LEASE_SECONDS - 2), me)
    assert is_dead(Row(other(), silent_for=LEASE_SECONDS + 1), me)


def test_a_process_of_this_machine_that_is_gone_is_dead_at_once() -> None:
    me = this_process()
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert is_dead(Row(other(pid=gone.pid)), me)
    assert is_dead(Row(other(pid_started_at=me.pid_started_at - 100)), me), "the pid is another process by now"


def test_a_killed_child_that_nobody_waited_for_is_dead() -> None:
    me = this_process()
    child = subprocess.Popen(["sleep", "60"])
    started = psutil.Process(child.pid).create_time()
    row = Row(other(pid=child.pid, pid_started_at=started))
    assert not is_dead(row, me)
    child.kill()
    deadline = time.monotonic() + 10
    while not is_dead(row, me):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.wait()


@pytest.mark.parametrize("elsewhere", [{"host": "another"}, {"boot_id": "another boot, or another container"}])
def test_pids_of_another_machine_or_container_mean_nothing(elsewhere: dict[str, str]) -> None:
    assert not is_dead(Row(other(pid=2**22 - 1, **elsewhere)), this_process())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has namespaces of pids")
def test_a_container_is_part_of_the_machines_identity() -> None:
    assert os.readlink("/proc/self/ns/pid") in this_process().boot_id


def test_every_incarnation_is_another_executor(database: Database) -> None:
    one, two = this_process(), this_process()
    assert one.executor_id != two.executor_id
    lease = Lease(database, one)
    lease.take()
    lease.release()
    Lease(database, two).take()


def test_runs_and_issues_have_one_hand_on_them_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: dict[str, dict[str, Any]] = {}
    monkeypatch.setattr(DBOS, "register_queue", lambda name, **options: registered.update({name: options}))
    runtime._register_queues(runtime.Limits(agents_per_worker=4, agents_per_repository=2))
    assert registered[RUNS]["partition_concurrency"] == 1
    assert registered[INBOX]["partition_concurrency"] == 1
