"""The audit: is every journal whole, do the commits agree with it, and are the projections what it says?"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, func, select

from bot.domain.entries import Unreadable
from bot.domain.errors import UserError
from bot.domain.fold import fold
from bot.domain.journal import Record, first_break
from bot.domain.run import Run
from bot.domain.values import Value
from workflows import rebuilding
from workflows.archive import tombstone
from workflows.database import Database
from workflows.queries import NEWER
from workflows.records import records_of
from workflows.schema.tables import archived_runs, entries, runs
from workflows.trailers import CommitsSeen, compare_commits


class RunAudit(Value):
    """What the audit of one run found. `problems` are contradictions; `notes` say what could not be checked, and
    why; `rebuilt` is how many projections were set right."""

    run_id: str
    entries: int = 0
    commits: int = 0
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rebuilt: int = 0

    @property
    def is_sound(self) -> bool:
        """Nothing contradicts anything."""
        return not self.problems


def audit(
    database: Database, *, run_id: str | None = None, mirrors: Path | None = None, rebuild: bool = False
) -> Iterator[RunAudit]:
    """Audit one run or all, one after the other; raises UserError when there is no such run.

    With `mirrors` the commits' trailers are compared, too. With `rebuild` projections that differ are written anew,
    but never from a journal whose chain is broken.
    """
    run_ids = _run_ids(database)
    if run_id is not None and run_id not in run_ids:
        yield _archived(database, run_id)
        return
    with rebuilding.rebuilder() as build:
        for each in [run_id] if run_id is not None else run_ids:
            yield _audit(database, each, build, mirrors, rebuild)


def count_archived(database: Database) -> int:
    """How many runs are in files."""
    with database.snapshot() as connection:
        return int(connection.execute(select(func.count()).select_from(archived_runs)).scalar_one())


def verify_archive(database: Database, file: Path) -> RunAudit:
    """Compare an archived run's file with what the database kept of the run; raises UserError for another file."""
    try:
        data = file.read_bytes()
        records = [Record.model_validate_json(line) for line in data.splitlines()]
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError:
        raise UserError(f"{file} is no archived run: it should have a journal entry in each line") from None
    if not records:
        raise UserError(f"{file} is empty: nothing is archived in it")
    with database.snapshot() as connection:
        kept = tombstone(connection, records[0].run_id)
    return RunAudit(
        run_id=records[0].run_id, entries=len(records), problems=tuple(_contradictions(records, data, kept))
    )


def _contradictions(records: list[Record], data: bytes, kept: Row[Any] | None) -> Iterator[str]:
    broken = first_break(records)
    if broken is not None or len({record.run_id for record in records}) > 1:
        yield f"the file's chain breaks at entry {broken or 'one of another run'}: it was changed after it was written"
    if kept is None:
        yield "the database knows no archived run of that name (if archiving was interrupted, the run is still there)"
        return
    head = records[-1]
    if (head.seq, head.hash) != (kept.head_seq, kept.head_hash):
        ended = f"entry {kept.head_seq} with hash {kept.head_hash[:12]}…"
        yield f"the file ends with entry {head.seq} and hash {head.hash[:12]}…, the run ended with {ended}"
    elif hashlib.sha256(data).hexdigest() != kept.sha256:
        yield "the file is not, byte for byte, the one that was written, although it tells the same"


def _run_ids(database: Database) -> list[str]:
    """Also those that only the journal knows."""
    with database.snapshot() as connection:
        known = connection.execute(select(runs.c.run_id)).scalars()
        return sorted({*known, *connection.execute(select(entries.c.run_id).distinct()).scalars()})


def _archived(database: Database, run_id: str) -> RunAudit:
    """The audit of a run that is in a file, if that is on this machine."""
    with database.snapshot() as connection:
        kept = tombstone(connection, run_id)
    if kept is None:
        raise UserError(f"there is no run `{run_id}`: `issuewright runs list --all` has them all")
    if not Path(kept.file).exists():
        note = f"it is archived, and {kept.file} is not on this machine: `--archive FILE` compares it elsewhere"
        return RunAudit(run_id=run_id, notes=(note,))
    return verify_archive(database, Path(kept.file))


def _audit(
    database: Database, run_id: str, build: rebuilding.Rebuilder, mirrors: Path | None, rebuild: bool
) -> RunAudit:
    with database.snapshot() as connection:
        found = _compare(connection, run_id, build)
    run = found.run
    commits = CommitsSeen()
    if mirrors is not None and run is not None and found.chain is None:
        commits = compare_commits(run, mirrors)
    problems = [*([found.chain] if found.chain else []), *commits.problems]
    rebuilt = 0
    if rebuild and found.differences and found.chain is None:
        rebuilt = database.in_transaction(lambda connection: _rebuild(connection, run_id, build))
    elif found.differences:
        problems += [str(difference) for difference in found.differences]
    return RunAudit(
        run_id=run_id,
        entries=found.entries,
        commits=commits.checked,
        problems=tuple(problems),
        notes=(*found.notes, *commits.notes),
        rebuilt=rebuilt,
    )


@dataclass(frozen=True)
class _Compared:
    entries: int
    chain: str | None = None
    run: Run | None = None
    notes: tuple[str, ...] = ()
    differences: tuple[rebuilding.Difference, ...] = ()


def _compare(connection: Connection, run_id: str, build: Callable[[list[Record]], rebuilding.Rows]) -> _Compared:
    try:
        records = records_of(connection, run_id)
    except ValueError as error:
        return _Compared(entries=0, chain=f"the journal has an entry that cannot be read: {_first_line(error)}")
    if not records:
        return _Compared(entries=0, chain="the journal is empty, although the run is known")
    broken = first_break(records)
    chain = None
    if broken is not None:
        chain = f"the journal's chain breaks at entry {broken}: something was changed after it was written"
    strange = next((record.entry for record in records if isinstance(record.entry, Unreadable)), None)
    if strange is not None:
        what = f"entry `{strange.stored_kind}` of version {strange.stored_version}"
        note = f"projections were not compared: {NEWER} ({what})"
        return _Compared(entries=len(records), chain=chain, notes=(note,))
    try:
        rebuilt = build(records)
    except ValueError as error:
        return _Compared(entries=len(records), chain=chain or f"the journal {error}")
    differences = tuple(rebuilding.differences(rebuilding.rows_of(connection, run_id), rebuilt))
    return _Compared(entries=len(records), chain=chain, run=fold(records), differences=differences)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _rebuild(connection: Connection, run_id: str, build: rebuilding.Rebuilder) -> int:
    # Whoever appends changes this row, too: from here on nobody does before we are through.
    connection.execute(select(runs.c.run_id).where(runs.c.run_id == run_id).with_for_update())
    found = _compare(connection, run_id, build)
    if found.chain is not None or found.notes:
        return 0
    stored = rebuilding.rows_of(connection, run_id)
    rebuilding.write(connection, stored, build(records_of(connection, run_id)))
    return len(found.differences)
