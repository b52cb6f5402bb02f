"""Ten thousand waiting gates: what they cost a service that has nothing else to do, and how fast it is back."""

import time
from dataclasses import dataclass
from datetime import datetime

import psutil
from sqlalchemy import Connection, text

from bot.domain.entries import (
    AttemptFinished,
    AttemptStarted,
    GateOpened,
    GateOpening,
    PullRequestOpened,
    Recorded,
    RunStarted,
)
from bot.domain.fold import apply
from bot.domain.gates import Subject
from bot.domain.pipeline import Gate, Pipeline, Stage
from bot.domain.refs import AttemptRef, IssueRef, RepoRef
from bot.domain.run import Run
from tests.bench.figures import Figure, Target
from tests.bench.setting import Setting
from tests.bench.world import BenchWorld, TracedService
from tests.domain import samples
from workflows.database import Database
from workflows.journal import Journal
from workflows.runtime import connect_client
from workflows.schema.tables import entries
from workflows.wake import Waker

PLAN = Pipeline(
    name="quick",
    steps=(
        Stage(stage="builder", role="builder"),
        Gate(gate="merge", rejects_to="builder", remind_after_hours=240, expire_after_hours=720),
    ),
)
_AT_ONCE = 500


@dataclass(frozen=True)
class Idle:
    """A service at rest: MB, threads, percent of a core, statements a second."""

    rss: float
    threads: float
    cpu: float
    statements: float


def measure(setting: Setting) -> list[Figure]:
    """A service without gates is the floor of those with many."""
    figures = []
    for database in setting.databases():
        with setting.fresh_database(database) as url:
            world = BenchWorld(setting.directory("gates") / "w", url, "bench-quick")
            try:
                figures += _figures(setting, world, database)
            finally:
                world.close()
    return figures


def _figures(setting: Setting, world: BenchWorld, database: str) -> list[Figure]:
    figures = []
    world.start_service()
    floor, restarts = _idle(world, setting), _restarts(world, setting)
    written = 0
    for gates in (5, 20) if setting.quick else (1_000, 10_000):
        world.kill_service()
        write_gates(world.database, written, gates)
        written = gates
        world.start_service()
        idle, back = _idle(world, setting), _restarts(world, setting)
        largest = gates >= 10_000
        name, no_gates = f"{gates:,} gates, {database}", "no gates"
        how = f"each with a reminder and a deadline; {'3' if setting.quick else '30'} s at rest"
        figures += [
            _beside(f"{name}: memory", "MB", idle.rss, floor.rss, Target(150) if largest else None, how),
            _beside(f"{name}: processor", "%", idle.cpu, floor.cpu, Target(2) if largest else None, how),
            _beside(f"{name}: statements", "1/s", idle.statements, floor.statements, None, how),
            _beside(f"{name}: threads", "", idle.threads, floor.threads, Target(1.5, of="ratio"), how),
            Figure(
                *("gates", f"{name}: restart", "s", back, no_gates, restarts, Target(3) if largest else None),
                "from the start of the process, after kill -9, to /readyz",
            ),
        ]
    return figures


def _beside(name: str, unit: str, value: float, floor: float, target: Target | None, how: str) -> Figure:
    return Figure("gates", name, unit, [value], "no gates", [floor], target, how)


def _idle(world: BenchWorld, setting: Setting) -> Idle:
    service = world.service
    assert isinstance(service, TracedService)
    assert service.process is not None
    process = psutil.Process(service.process.pid)
    time.sleep(1 if setting.quick else 12)  # until what a start brings with it is over
    seconds = 3 if setting.quick else 30
    begun, before, told = time.time(), process.cpu_times(), _statements(service)
    time.sleep(seconds)
    after, spent = process.cpu_times(), time.time() - begun
    busy = after.user + after.system - before.user - before.system
    sent = (_statements(service) - told) / spent
    return Idle(process.memory_info().rss / 2**20, process.num_threads(), busy / spent * 100, sent)


def _statements(service: TracedService) -> int:
    counts = [noted["statements"] for noted in service.noted() if "statements" in noted]
    return int(counts[-1]) if counts else 0


def _restarts(world: BenchWorld, setting: Setting) -> list[float]:
    found = []
    for _ in range(setting.often(3)):
        world.kill_service()
        world.service.notes.unlink(missing_ok=True)  # type: ignore[attr-defined]
        begun = time.perf_counter()
        world.service.spawn()
        while not world.service.is_ready():
            assert world.service.exit_code() is None, world.service.log.read_text()[-2000:]
            time.sleep(0.01)
        found.append(time.perf_counter() - begun)
    return found


class _TimersOnly(Waker):
    """Wakes nobody but the timers: these runs have come to rest."""

    def drive(self, connection: Connection, run_id: str, token: str) -> None:
        return

    def attempt(self, connection: Connection, repo: RepoRef, ref: AttemptRef, restart: int) -> None:
        return

    def publish(self, connection: Connection, run_id: str, token: str, *, soon: bool) -> str:
        return ""


def write_gates(database: Database, begin: int, end: int) -> None:
    """Runs that wait at their merge gate, as the journal itself writes them, many to a transaction."""
    journal = Journal(database, _TimersOnly(connect_client(database)))
    for first in range(begin, end, _AT_ONCE):
        with database.write() as connection:
            for number in range(first, min(first + _AT_ONCE, end)):
                _write_run(journal, connection, 100_000 + number)
            connection.execute(text("UPDATE runs SET publisher = NULL"))


def _write_run(journal: Journal, connection: Connection, number: int) -> None:
    run_id = f"acme--tally--{number}"
    begin = samples.run_started(PLAN).model_copy(
        update={
            "run_id": run_id,
            "issue": IssueRef(repo=samples.REPO, number=number),
            "branch": f"issuewright/{number}-add-a-health-check",
            "folder": f"specs/{number}-add-a-health-check",
        }
    )
    journal._insert_run(connection, begin, "start")
    run: Run | None = journal._load(connection, run_id)
    for entry in _until_the_gate(begin, number):
        assert run is not None
        journal._append(connection, run, f"bench:{run.seq}", entry, driver_goes_on=True)
        written = entries.select().where(entries.c.run_id == run_id, entries.c.seq == run.seq + 1)
        row = connection.execute(written).one()
        run = apply(run, entry, row.seq, row.hash, datetime.fromisoformat(row.at))


def _until_the_gate(begin: RunStarted, number: int) -> tuple[Recorded, ...]:
    subject = Subject(run_id=begin.run_id, gate="merge", head=samples.ONE, artifacts_digest="a", diff_digest="d")
    finished = {"stage": "builder", "number": 1, "status": "ok", "commit": samples.ONE, "parent": samples.BASE}
    return (
        AttemptStarted(stage="builder", number=1, start_commit=samples.BASE),
        AttemptFinished.model_validate({**finished, "diff_digest": "d", "artifacts_digest": "a"}),
        PullRequestOpened(number=number + 1_000_000, node_id=f"PR_{number}"),
        GateOpening(gate="merge", round=1, subject=subject),
        GateOpened(gate="merge", round=1, comment_id=number, shown_at=samples.at(60)),
    )
