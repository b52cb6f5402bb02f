"""Many runs one after the other, with retention on: what the service's memory, its database and its files grow to."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import text

from tests.bench.figures import Figure
from tests.bench.setting import Setting
from tests.bench.world import BenchWorld
from tests.stories.world import MAINTAINER

_SECONDS_KEPT = 20
_AT_ONCE = 20
_PATIENCE = 1200.0


@dataclass(frozen=True)
class Size:
    """MB of a service: its memory, its database, its other files (without archived runs), its archive."""

    runs: int
    memory: float
    database: float
    files: float
    archive: float


def measure(setting: Setting) -> list[Figure]:
    """Quick runs with instant agents, a few at a time; people approve whatever waits, at once."""
    figures = []
    for database in setting.databases():
        with setting.fresh_database(database) as url:
            world = BenchWorld(setting.directory("soak") / "w", url, "bench-quick")
            try:
                figures += _figures(_sizes(world, setting), database)
            finally:
                world.close()
    return figures


def _figures(sizes: list[Size], database: str) -> list[Figure]:
    how = f"quick runs, {_AT_ONCE} at a time; what is over is kept for {_SECONDS_KEPT} s"
    figures = [
        Figure("soak", f"{size.runs} runs, {database}: {name}", "MB", [getattr(size, name)], how=how)
        for size in sizes
        for name in ("memory", "database", "files", "archive")
    ]
    # The first half fills what is used again later: caches, pages, pools.
    begin, end = sizes[len(sizes) // 2 - 1], sizes[-1]
    more = end.runs - begin.runs
    for name in ("memory", "database", "files", "archive"):
        growth = (getattr(end, name) - getattr(begin, name)) * 1024 / more
        words = f"growth a run, {database}: {name}"
        figures.append(Figure("soak", words, "KB", [growth], how=f"from {begin.runs} to {end.runs} runs"))
    return figures


def _sizes(world: BenchWorld, setting: Setting) -> list[Size]:
    _keep_little(world.directory / "service.toml")
    world.start_service()
    step, steps = (4, 2) if setting.quick else (100, 5)
    found = []
    for number in range(1, steps + 1):
        for begin in range(0, step, _AT_ONCE):
            _complete(world, min(_AT_ONCE, step - begin))
        if not setting.quick:
            time.sleep(2 * _SECONDS_KEPT)  # until what is old enough is gone
        found.append(_size(world, number * step))
        print(f"bench: soak: {found[-1]}", file=sys.stderr, flush=True)
    return found


def _keep_little(settings: Path) -> None:
    """What is over goes soon; and a delivery that a busy machine refuses is found."""
    days = _SECONDS_KEPT / 86_400
    kept = "".join(f"keep_{what}_days = {days}\n" for what in ("runs", "deliveries", "workflows", "attempts"))
    text = settings.read_text().replace("reconcile_seconds = 3600", "reconcile_seconds = 5")
    settings.write_text(f"{text}[retention]\n{kept}every_seconds = 5\n")


def _complete(world: BenchWorld, runs: int) -> None:
    """Open specs, approve them as their gates open, and wait for the last to be over (or archived already)."""
    begun = time.monotonic()
    issues = {world.opens_spec(f"Soak {number}").number for number in range(runs)}
    approved: set[int] = set()
    while True:
        rows = world.query("SELECT issue, is_open FROM runs UNION SELECT issue, FALSE FROM archived_runs")
        mine = [row for row in rows if row.issue in issues]
        if len(mine) == runs and not any(row.is_open for row in mine):
            return
        shown = world.query(
            "SELECT runs.issue, runs.pull_number, gates.head FROM runs JOIN gates ON gates.run_id = runs.run_id "
            "JOIN entries ON entries.run_id = runs.run_id "
            "WHERE runs.is_open AND gates.state = 'open' AND entries.kind = 'gate_opened'"
        )
        for row in shown:
            if row.issue not in approved:
                approved.add(row.issue)
                review = {"event": "APPROVE", "body": "", "commit_id": row.head}
                world.hub.by(MAINTAINER, "POST", f"/pulls/{row.pull_number}/reviews", review)
        if time.monotonic() - begun > _PATIENCE:
            left = world.query("SELECT run_id, status, waiting_for, last_error, updated_at FROM runs WHERE is_open")
            raise AssertionError(f"{runs} runs took too long: {left}")
        time.sleep(0.05)


def _size(world: BenchWorld, runs: int) -> Size:
    assert world.service.process is not None
    memory = psutil.Process(world.service.process.pid).memory_info().rss
    data = world.directory / "data"
    database = _database_files(world)
    archive = _bytes_in(data / "archive")
    on_disk = sum(file.stat().st_size for file in database)
    files = _bytes_in(data) - archive - sum(file.stat().st_size for file in database if file.parent == data)
    size = on_disk or _postgres_bytes(world)
    return Size(runs, *(round(each / 2**20, 2) for each in (memory, size, files, archive)))


def _database_files(world: BenchWorld) -> list[Path]:
    if not world.database.is_sqlite:
        return []
    file = Path(world.database.engine.url.database or "")
    return [each for each in (file, file.with_name(f"{file.name}-wal")) if each.exists()]


def _postgres_bytes(world: BenchWorld) -> int:
    with world.database.read() as connection:
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def _bytes_in(directory: Path) -> int:
    """As the disk has it, in whole blocks."""
    found = 0
    for path in directory.rglob("*"):
        try:
            found += path.lstat().st_blocks * 512
        except FileNotFoundError:  # removed meanwhile
            continue
    return found
