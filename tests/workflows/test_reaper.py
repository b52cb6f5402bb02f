"""The reaper: who is dead is taken over from, who only seems so is not, whatever the clocks say."""

import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine, insert, text

from bot.adapters.supervisor import process_tree
from tests.workflows.roster import ELSEWHERE, LEASE, Recoveries, Roster
from workflows import leases, reaper, runtime
from workflows.database import Database
from workflows.leases import process_lives
from workflows.reaper import Reaper
from workflows.schema.tables import workers
from workflows.wake import AGENTS, DEPLOYMENTS, RUNS

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=BOTH)
def roster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Roster]:
    postgres = request.param == "postgres"
    made = Roster(request.getfixturevalue("postgres_url") if postgres else f"sqlite:///{tmp_path / 'roster.db'}")
    yield made
    made.close()


@pytest.fixture
def on_postgres(postgres_url: str) -> Iterator[Roster]:
    made = Roster(postgres_url)
    yield made
    made.close()


def gone_process() -> dict[str, float | int | None]:
    """What a worker's row says of a process that has ended."""
    child = subprocess.Popen(["sleep", "60"])
    seen = process_tree.look_up(child.pid)
    assert seen is not None
    started_at = psutil.Process(child.pid).create_time()
    child.kill()
    child.wait()
    return {"pid": child.pid, "pid_started_at": started_at, "pid_start_time": seen.start_time}


# -- who is dead ------------------------------------------------------------------------------------------------


def test_nobody_is_dead_to_himself(roster: Roster) -> None:
    roster.beats(roster.me, at=0.0)
    roster.time_passes(0)
    roster.time_passes(10 * LEASE)
    assert not roster.counts_as_dead(roster.me)


def test_a_process_of_this_machine_that_is_gone_is_dead_at_once(roster: Roster) -> None:
    worker = roster.seats(roster.worker(**gone_process()))
    work = roster.works(worker, RUNS)
    assert roster.time_passes(0) == 1
    assert roster.recoveries.given_back == [work]
    assert roster.counts_as_dead(worker)


def test_a_reused_pid_is_another_process(roster: Roster) -> None:
    assert roster.me.pid_start_time is not None
    worker = roster.seats(roster.worker(pid_start_time=roster.me.pid_start_time - 100))
    roster.time_passes(0)
    assert roster.counts_as_dead(worker)


def test_a_killed_child_that_nobody_waited_for_is_dead(roster: Roster) -> None:
    child = subprocess.Popen(["sleep", "60"])
    seen = process_tree.look_up(child.pid)
    assert seen is not None
    worker = roster.seats(roster.worker(pid=child.pid, pid_start_time=seen.start_time))
    roster.time_passes(0)
    assert not roster.counts_as_dead(worker)
    assert not roster.reaper.a_neighbour_died()
    child.kill()
    while not roster.reaper.a_neighbour_died():
        pass
    roster.time_passes(0)
    assert roster.counts_as_dead(worker)
    child.wait()


def test_a_row_of_an_older_release_is_judged_by_what_it_says(roster: Roster) -> None:
    living = roster.seats(roster.worker(pid_start_time=None, machine=None))
    dead = roster.seats(roster.worker(pid_start_time=None, pid_started_at=roster.me.pid_started_at - 100))
    roster.time_passes(0)
    assert not roster.counts_as_dead(living)
    assert roster.counts_as_dead(dead)


def test_who_beats_lives_and_who_is_silent_for_a_lease_is_dead(on_postgres: Roster) -> None:
    worker = on_postgres.seats(on_postgres.worker(**ELSEWHERE))
    on_postgres.time_passes(0)
    for _ in range(10):
        on_postgres.beats(worker)
        on_postgres.time_passes(LEASE - 1)
        assert not on_postgres.counts_as_dead(worker)
    on_postgres.time_passes(LEASE + 1)
    assert on_postgres.counts_as_dead(worker)


def test_a_process_of_this_machine_that_lives_but_is_silent_is_dead_on_postgresql(on_postgres: Roster) -> None:
    worker = on_postgres.seats(on_postgres.worker())
    on_postgres.time_passes(0)
    on_postgres.time_passes(LEASE + 1)
    assert on_postgres.counts_as_dead(worker), "it is stopped, or it hangs"


def test_who_comes_late_believes_the_database_after_a_beat_and_a_half(on_postgres: Roster) -> None:
    worker = on_postgres.seats(on_postgres.worker(**ELSEWHERE), silent_for=LEASE + 1)
    on_postgres.time_passes(0)
    on_postgres.time_passes(LEASE * 0.3)
    assert not on_postgres.counts_as_dead(worker)
    on_postgres.time_passes(LEASE * 0.1)
    assert on_postgres.counts_as_dead(worker)


@pytest.mark.skipif(not process_tree._LINUX, reason="only Linux names its boots; run this on Linux")
def test_on_sqlite_an_earlier_boot_of_the_one_machine_is_over(tmp_path: Path) -> None:
    roster = Roster(f"sqlite:///{tmp_path / 'roster.db'}")
    worker = roster.seats(roster.worker(boot_id="00000000-0000-0000-0000-000000000000 pid:[4026531836]"))
    roster.time_passes(0)
    assert roster.counts_as_dead(worker)
    roster.close()


def test_pids_of_another_container_mean_nothing(roster: Roster) -> None:
    boot = roster.me.boot_id.partition(" ")[0]
    worker = roster.seats(roster.worker(pid=2**22 - 1, boot_id=f"{boot} pid:[1]"))
    roster.time_passes(0)
    assert not roster.counts_as_dead(worker)


# -- clocks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_jump_of_the_machines_clock_kills_no_living_worker(
    roster: Roster, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    neighbour = roster.seats(roster.worker())
    stranger = roster.seats(roster.worker(**ELSEWHERE))
    roster.time_passes(0)
    jumped = datetime.now(UTC) + timedelta(hours=hours)
    monkeypatch.setattr(leases, "now", lambda: jumped)
    # That is where psutil takes the start of a process from, and Linux tells it by the present clock.
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: jumped.timestamp() - 100.0)
    for _ in range(3):
        roster.time_passes(1)
        assert not roster.counts_as_dead(neighbour)
        assert not roster.counts_as_dead(stranger)
    assert process_lives(roster.me.pid, roster.me.pid_started_at, roster.me.pid_start_time)


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_jump_of_the_databases_clock_kills_nobody_and_saves_nobody(on_postgres: Roster, hours: int) -> None:
    living = on_postgres.seats(on_postgres.worker(**ELSEWHERE), silent_for=hours * 3600)
    dead = on_postgres.seats(on_postgres.worker(**ELSEWHERE), silent_for=hours * 3600)
    on_postgres.time_passes(0)
    for _ in range(5):
        on_postgres.time_passes(LEASE / 4)
        on_postgres.beats(living)
    on_postgres.time_passes(1)
    assert not on_postgres.counts_as_dead(living)
    assert on_postgres.counts_as_dead(dead)


def test_beats_are_counted_by_the_databases_clock(on_postgres: Roster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "now", lambda: datetime.now(UTC) + timedelta(hours=5))
    worker = on_postgres.worker()
    lease = leases.Lease(on_postgres.database, worker, terms=leases.Terms(600.0))
    lease.take()
    assert lease.beat()
    row = on_postgres.row(worker)
    assert row is not None
    with on_postgres.database.read() as connection:
        present = connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
    assert abs(float(present) - row.heartbeat_at) < 60
    lease.release()


# -- what is taken over -------------------------------------------------------------------------------------------


def test_by_level_whatever_has_no_lease_is_taken_over(roster: Roster) -> None:
    left = {roster.works("long ago"), roster.works("long ago", RUNS, version="0"), roster.works("long ago", AGENTS)}
    mine = roster.works(roster.me, RUNS)
    assert roster.time_passes(0) == 3
    assert set(roster.recoveries.given_back) == left
    assert mine not in left


def test_a_worker_that_starts_meanwhile_is_not_taken_over_from(
    on_postgres: Roster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes its lease and gets work after the reaper has read who lives, and before it reads who works."""
    look, late = reaper.Watch.look, on_postgres.worker(**ELSEWHERE)

    def and_then_one_starts(watch: reaper.Watch, rows: object) -> object:
        states = look(watch, rows)  # type: ignore[arg-type]
        on_postgres.seats(late)
        on_postgres.works(late, RUNS)
        return states

    monkeypatch.setattr(reaper.Watch, "look", and_then_one_starts)
    assert on_postgres.reaper.reap() == 0
    assert on_postgres.recoveries.given_back == []


def test_who_beats_at_the_last_moment_lives(on_postgres: Roster, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = on_postgres.seats(on_postgres.worker(**ELSEWHERE))
    on_postgres.time_passes(0)
    look = reaper.Watch.look

    def and_then_it_beats(watch: reaper.Watch, rows: object) -> object:
        states = look(watch, rows)  # type: ignore[arg-type]
        assert states[worker.executor_id] == "silent"
        on_postgres.beats(worker)
        return states

    monkeypatch.setattr(reaper.Watch, "look", and_then_it_beats)
    on_postgres.time_passes(LEASE + 1)
    assert not on_postgres.counts_as_dead(worker)


@pytest.mark.parametrize("whose", ["ours", "dbos"])
def test_locks_of_a_stopped_worker_hold_nobody_up(on_postgres: Roster, whose: str) -> None:
    """It was stopped in the middle of a transaction, with a lock on its workflow's row, and will never commit."""
    if whose == "dbos":
        url = str(runtime._config(on_postgres.database, "x", leases.Terms(2.0))["system_database_url"])
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    else:
        engine = Database(on_postgres.database.url, idle_seconds=1.0).engine
    work = on_postgres.works(on_postgres.worker(**ELSEWHERE), RUNS)
    connection = engine.connect()
    connection.execute(text("UPDATE dbos.workflow_status SET name = name"))
    with on_postgres.database.write() as free:  # waits until PostgreSQL has ended the other one
        found = text("UPDATE dbos.workflow_status SET status = 'ENQUEUED' WHERE workflow_uuid = :id")
        assert free.execute(found, {"id": work}).rowcount == 1
    connection.invalidate()
    connection.close()
    engine.dispose()


def test_two_reapers_at_once_take_everything_over_once(on_postgres: Roster) -> None:
    dead = on_postgres.seats(on_postgres.worker(**gone_process()))
    work = {on_postgres.works(dead, RUNS) for _ in range(20)}
    others = [Recoveries() for _ in range(4)]
    databases = [Database(on_postgres.database.url) for _ in others]
    reapers = [Reaper(database, on_postgres.me, each) for database, each in zip(databases, others, strict=True)]
    threads = [threading.Thread(target=each.reap) for each in reapers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()
    assert set().union(*(each.given_back for each in others)) == work, "each of them compares and sets"
    assert on_postgres.counts_as_dead(dead)


def test_nothing_is_stranded_when_the_row_of_the_dead_is_gone_before_its_work_is_recovered(roster: Roster) -> None:
    """A reaper that died between both, or an older release that deletes first."""
    dead = roster.seats(roster.worker(**gone_process()))
    work = roster.works(dead, RUNS)
    with roster.database.write() as connection:
        connection.execute(workers.delete().where(workers.c.executor_id == dead.executor_id))
    assert roster.time_passes(0) == 1
    assert roster.recoveries.given_back == [work]


def test_agents_of_this_machine_are_adopted_here_and_nowhere_else(roster: Roster) -> None:
    dead = roster.seats(roster.worker(**gone_process()))
    there = {roster.works(dead, AGENTS), roster.works(dead, DEPLOYMENTS)}
    other = Recoveries()
    elsewhere = roster.worker(**ELSEWHERE)
    Reaper(roster.database, elsewhere, other, roster.clock).reap()
    roster.time_passes(0)
    assert set(roster.recoveries.adopted) == there
    assert (roster.recoveries.given_back, other.given_back, other.adopted) == ([], [], [])


def test_agents_of_a_lost_machine_are_taken_over_after_their_supervisors_patience(on_postgres: Roster) -> None:
    lost = on_postgres.seats(on_postgres.worker(**ELSEWHERE))
    drive, attempt = on_postgres.works(lost, RUNS), on_postgres.works(lost, AGENTS)
    on_postgres.time_passes(0)
    on_postgres.time_passes(LEASE + 1)
    assert set(on_postgres.recoveries.given_back) == {drive}
    on_postgres.time_passes(LEASE * 0.2)
    assert set(on_postgres.recoveries.given_back) == {drive, attempt}


def test_agents_of_a_machine_where_another_worker_lives_stay_there(on_postgres: Roster) -> None:
    dead = on_postgres.seats(on_postgres.worker(**ELSEWHERE))
    lives = on_postgres.seats(on_postgres.worker(**ELSEWHERE))
    attempt = on_postgres.works(dead, AGENTS)
    on_postgres.time_passes(0)
    for _ in range(4):
        on_postgres.time_passes(LEASE - 1)
        on_postgres.beats(lives)
    assert on_postgres.counts_as_dead(dead)
    assert not on_postgres.counts_as_dead(lives)
    assert attempt not in on_postgres.recoveries.given_back


def test_agents_survive_a_restart_of_their_worker(on_postgres: Roster) -> None:
    """An upgrade: the worker ends properly, and its successor comes a little later. Nobody else takes its agents."""
    lease = leases.Lease(on_postgres.database, on_postgres.worker(**ELSEWHERE), terms=leases.Terms(LEASE))
    lease.take()
    attempt, drive = on_postgres.works(lease.worker, AGENTS), on_postgres.works(lease.worker, RUNS)
    on_postgres.time_passes(0)
    lease.release()
    on_postgres.time_passes(LEASE / 2)
    assert on_postgres.recoveries.given_back == [drive]
    successor = on_postgres.worker(**ELSEWHERE)
    recovered = Recoveries()
    Reaper(on_postgres.database, successor, recovered, on_postgres.clock).reap()
    assert recovered.adopted == [attempt]


def test_the_dead_are_buried_once_nothing_of_theirs_is_left(roster: Roster) -> None:
    dead = roster.seats(roster.worker(**gone_process()))
    roster.works(dead, AGENTS)
    roster.time_passes(0)
    roster.time_passes(0)
    assert roster.row(dead) is not None, "it says where the agents are"
    schema = "" if roster.database.is_sqlite else "dbos."
    with roster.database.write() as connection:
        connection.execute(text(f"UPDATE {schema}workflow_status SET status = 'SUCCESS'"))
    roster.time_passes(0)
    assert roster.row(dead) is None


# -- who wakes up -------------------------------------------------------------------------------------------------


def test_a_sleepers_last_words_are_heard_once_what_it_sent_has_arrived(on_postgres: Roster) -> None:
    sleeper = on_postgres.seats(on_postgres.worker(**ELSEWHERE))
    on_postgres.time_passes(0)
    on_postgres.time_passes(LEASE + 1)
    lease = leases.Lease(on_postgres.database, sleeper, terms=leases.Terms(LEASE))
    assert not lease.beat()
    lease._say_last_words()
    lease._database.close()
    on_postgres.reaper.reap()
    assert on_postgres.reaper.woken() == []
    with on_postgres.database.write() as connection:
        connection.execute(workers.update().values(woke_up_at=workers.c.woke_up_at - LEASE))
    on_postgres.reaper.reap()
    (woken,) = on_postgres.reaper.woken()
    assert woken.executor_id == sleeper.executor_id
    on_postgres.reaper.looked_after(woken)
    on_postgres.reaper.reap()
    assert on_postgres.reaper.woken() == []
    on_postgres.time_passes(1)
    assert on_postgres.row(sleeper) is None


def test_a_worker_of_an_older_release_may_insert_itself(roster: Roster) -> None:
    old = roster.worker(**ELSEWHERE)
    names = ("executor_id", "host", "boot_id", "pid", "pid_started_at")
    values = {name: getattr(old, name) for name in names}
    with roster.database.write() as connection:
        connection.execute(insert(workers).values(**values, started_at="", heartbeat_at=datetime.now(UTC).timestamp()))
    attempt = roster.works(old, AGENTS)
    roster.time_passes(0)
    assert not roster.counts_as_dead(old)
    roster.time_passes(LEASE * 1.3)
    assert roster.recoveries.given_back == [attempt]
