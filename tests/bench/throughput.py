"""Complete runs an hour with instant agents, by 1, 2 and 4 workers, beside bare DBOS workflows of as many steps."""

import itertools
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import text

from tests.bench.figures import Figure
from tests.bench.setting import Setting
from tests.bench.world import BenchWorld, TracedService
from tests.stories.world import MAINTAINER, Issue

ROOT = Path(__file__).parents[2]
_PATIENCE = 600.0


def measure(setting: Setting) -> list[Figure]:
    """People are played by the bench: they approve whatever waits, at once."""
    figures = []
    for database in setting.databases():
        for workers in (1,) if setting.quick else (1, 2, 4):
            rates: list[float] = []
            floors: list[float] = []
            runs, steps = 2 if setting.quick else 16, 0
            for _ in range(setting.often(2)):
                rate, steps = _runs_an_hour(setting, database, workers, runs)
                rates.append(rate)
                floors.append(_bare_runs_an_hour(setting, database, workers, runs, steps))
            name = f"runs an hour, {database}, {workers} worker{'s' if workers > 1 else ''}"
            how = f"{runs} specs at once: build, gate, merge; localhub on the same cores; floor: {steps} recorded steps"
            more = {"steps_a_run": steps}
            floor = f"bare DBOS, {steps} steps"
            figures.append(Figure("throughput", name, "runs/h", rates, floor, floors, how=how, more=more))
    return figures


def _runs_an_hour(setting: Setting, database: str, workers: int, runs: int) -> tuple[float, int]:
    """The rate, and how many steps DBOS recorded for each run."""
    with ExitStack() as stack:
        url = stack.enter_context(setting.fresh_database(database))
        world = BenchWorld(setting.directory("runs") / "w", url, "bench-quick")
        stack.callback(world.close)
        world.service = TracedService(world.directory, world.service.port, "webhook")
        world.start_service()
        for _ in range(workers):
            worker = TracedService(world.directory, world.service.port, "worker")
            stack.callback(worker.close)
            worker.spawn()
        world.waits("the workers", lambda: len(world.query("SELECT 1 FROM workers")) == workers)
        _complete(world, 1)
        before = _steps(world)
        spent = _complete(world, runs)
        return runs / spent * 3600, round((_steps(world) - before) / runs)


def _complete(world: BenchWorld, runs: int) -> float:
    """Open specs, approve them as their gates open, and wait for the last to be over; seconds."""
    begun = time.monotonic()
    issues = [world.opens_spec(f"Bench {number}") for number in range(runs)]
    approved: set[int] = set()
    while True:
        rows = world.query("SELECT issue, pull_number, is_open, waiting_for FROM runs ORDER BY issue DESC")
        mine = [row for row in rows if Issue(row.issue) in issues]
        if len(mine) == runs and not any(row.is_open for row in mine):
            return time.monotonic() - begun
        ready = world.query("SELECT run_id, head FROM gates WHERE state = 'open'")
        heads = {row.run_id: row.head for row in ready}
        for row in mine:
            head = heads.get(world.run_id(Issue(row.issue)))
            if head and row.pull_number and row.issue not in approved and _is_shown(world, row.issue):
                approved.add(row.issue)
                review = {"event": "APPROVE", "body": "", "commit_id": head}
                world.hub.by(MAINTAINER, "POST", f"/pulls/{row.pull_number}/reviews", review)
        assert time.monotonic() - begun < _PATIENCE, f"{runs} runs took too long: {mine}"
        time.sleep(0.05)


def _is_shown(world: BenchWorld, issue: int) -> bool:
    query = "SELECT 1 FROM entries WHERE run_id = :run AND kind = 'gate_opened'"
    return bool(world.query(query, run=world.run_id(Issue(issue))))


def _steps(world: BenchWorld) -> int:
    schema = "" if world.database.is_sqlite else "dbos."
    with world.database.read() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {schema}operation_outputs")).scalar_one())


def _bare_runs_an_hour(setting: Setting, database: str, workers: int, runs: int, steps: int) -> float:
    """Workflows of `steps` empty steps each, from one queue, drained by that many processes."""
    with setting.fresh_database(database) as url:
        directory = setting.directory("bare")
        ready = [directory / f"ready-{number}" for number in range(workers)]
        many = runs * 4  # so that a start or an end weighs as little as for us
        words = [sys.executable, "-m", "tests.bench.bare_dbos", url]
        done = subprocess.run([*words, "enqueue", str(many), str(steps)], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        drains = [subprocess.Popen([*words, "drain", str(file)], cwd=ROOT, stderr=subprocess.DEVNULL) for file in ready]
        try:
            _wait_for(ready)
            begun = time.monotonic()
            (directory / "go").touch()
            for drain in drains:
                drain.wait(_PATIENCE)
            return many / (time.monotonic() - begun) * 3600
        finally:
            for drain in drains:
                drain.kill()
                drain.wait()


def _wait_for(files: list[Path]) -> None:
    for attempt in itertools.count():
        if all(file.exists() for file in files):
            return
        assert attempt < 3000, "a bare worker did not start"
        time.sleep(0.02)
