"""What must not be left over in a world all of whose runs have ended, and what its records must agree on."""

import subprocess
import sys
from collections.abc import Iterator

from sqlalchemy import create_engine, select
from sqlalchemy.engine import Connection

from bot.domain.fold import apply
from bot.domain.run import Run
from tests.chaos.field import Field
from tests.stories.world import Issue, World
from tests.support.nursery import ROOT
from workflows import projections
from workflows.schema.tables import attempts, costs, deployments, gates, metadata, runs

_ROWS = {
    "live attempts": "SELECT run_id FROM attempts WHERE finished_at IS NULL",
    "unsettled reservations": "SELECT key FROM reservations WHERE settled_usd IS NULL",
    "unfinished deployments": "SELECT run_id FROM deployments WHERE finished_at IS NULL",
    "open gates": "SELECT run_id FROM gates WHERE state = 'open'",
    # A push that met a person's has none: another, of the same work on top of theirs, has.
    "effects without an outcome": (
        "SELECT key FROM effects WHERE done_at IS NULL AND NOT (kind = 'push' AND EXISTS (SELECT 1 FROM effects later "
        "WHERE later.run_id = effects.run_id AND later.kind = 'push' AND later.done_at > effects.intended_at))"
    ),
    "deliveries not read": "SELECT id FROM deliveries WHERE status <> 'processed'",
}
_FILES = (
    "worktrees/*",
    "worktrees/.trash/*",
    "mirrors/*.git/worktrees/*",
    "mirrors/*.git/issuewright/*",
    "mirrors/*.git/**/*.lock",
)
_KEPT = (".trash", ".filler", "packed")


def problems_of_world(field: Field) -> Iterator[str]:
    """What is left over although every run has ended."""
    for name, statement in _ROWS.items():
        rows = field.query(statement) or []
        if rows:
            yield f"{len(rows)} {name}: {', '.join(str(row[0]) for row in rows[:5])}"
    failed = field.query(f"SELECT workflow_uuid FROM {field.dbos}workflow_status WHERE status = 'ERROR'") or []
    yield from (f"workflow {row[0]} failed" for row in failed[:5])
    yield from _deliveries(field)
    yield from _files(field)
    yield from _rebuilt(field.world)


def problems_of_record(field: Field) -> Iterator[str]:
    """What the operator's own commands find: chains of hashes, commits' trailers, tables."""
    for words in (("audit", "verify"), ("db", "check")):
        argv = [sys.executable, "-m", "bot.entrypoints.cli", *words, "--dir", str(field.directory)]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            yield f"`issuewright {' '.join(words)}`: {(done.stdout + done.stderr).strip()[-1500:]}"


def _deliveries(field: Field) -> Iterator[str]:
    """Whatever was answered 2xx is in the inbox."""
    stored = {row[0] for row in field.query("SELECT id FROM deliveries") or []}
    taken = [each["guid"] for each in field.world.hub.control("GET", "/deliveries") if each["delivered"]]
    lost = [guid for guid in taken if guid not in stored]
    if lost:
        yield f"{len(lost)} deliveries were answered 2xx and are lost: {', '.join(lost[:5])}"


def _files(field: Field) -> Iterator[str]:
    data = field.directory / "data"
    for place in _FILES:
        left = sorted(path.name for path in data.glob(place) if path.name not in _KEPT)
        if left:
            yield f"left in {place}: {', '.join(left[:5])}"
    for process in field.leftover_processes():
        yield f"process {process.pid}: {' '.join(process.cmdline())[:150]}"


def _rebuilt(world: World) -> Iterator[str]:
    """The projections, built anew from the journals, are those that are stored."""
    run_ids = [row[0] for row in world.query("SELECT run_id FROM runs ORDER BY run_id")]
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as fresh, world.database.read() as stored:
        for run_id in run_ids:
            _replay(fresh, world, run_id)
        for table in (runs, attempts, gates, costs, deployments):
            columns = [c for c in table.c if c.name not in ("publisher", "restarts", "last_error")]
            expected, actual = (
                {str(dict(row._mapping)) for row in connection.execute(select(*columns))}
                for connection in (fresh, stored)
            )
            for row in sorted(expected ^ actual)[:4]:
                yield f"{table.name}: {'only in the journal' if row in expected else 'only in the table'}: {row[:300]}"


def _replay(connection: Connection, world: World, run_id: str) -> None:
    number, _, ordinal = run_id.rpartition("--")[2].partition("-")
    run: Run | None = None
    for record in world.journal(Issue(int(number)), int(ordinal or 1)):
        before, run = run, apply(run, record.entry, record.seq, record.hash, record.at)
        assert run is not None
        if before is None:
            projections.insert_run(connection, run, record.at)
        else:
            projections.update_run(connection, before=before, after=run, entry=record.entry, at=record.at)
