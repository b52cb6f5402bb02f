"""The archive: whole runs that are over leave the database for files, and a tombstone with the head's hash stays.

First the file is on the disk, then one transaction puts the tombstone in the run's place: whoever dies in between has
lost nothing, and a repeat writes the same file again.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, false, insert, or_, select, update

from bot.adapters.supervisor.files import write_atomically
from bot.domain.decisions import Ignored
from bot.domain.errors import UserError
from bot.domain.journal import first_break
from bot.domain.refs import AttemptRef
from bot.domain.values import Value
from workflows.clock import now, stamp
from workflows.database import Database
from workflows.failpoints import reach
from workflows.queries import export_run
from workflows.records import records_of
from workflows.schema.tables import (
    archived_runs,
    attempts,
    claims,
    decisions,
    deployments,
    effects,
    entries,
    metadata,
    runs,
)

log = logging.getLogger("issuewright.archive")


class Archived(Value):
    """A run that was archived, or (`file` is None) would be."""

    run_id: str
    outcome: str
    ended_at: str
    entries: int
    file: str | None = None
    sha256: str | None = None


def archivable(database: Database, *, ended_before: datetime, limit: int | None = None) -> list[Archived]:
    """The runs that ended before that time and whose rows nobody needs any more, the oldest first."""
    parents = runs.alias()
    its_parent_is_open = select(parents.c.run_id).where(parents.c.run_id == runs.c.parent, parents.c.is_open).exists()
    at_work = select(attempts.c.run_id).where(attempts.c.run_id == runs.c.run_id, attempts.c.finished_at.is_(None))
    shipping = select(deployments.c.run_id).where(
        deployments.c.run_id == runs.c.run_id, deployments.c.finished_at.is_(None)
    )
    query = (
        select(runs.c.run_id, runs.c.status, runs.c.updated_at, runs.c.head_seq)
        .where(runs.c.is_open == false(), runs.c.updated_at < stamp(ended_before), runs.c.publisher.is_(None))
        .where(~its_parent_is_open, ~at_work.exists(), ~shipping.exists())
        .order_by(runs.c.updated_at, runs.c.run_id)
    )
    with database.snapshot() as connection:
        in_production = _in_production(connection)
        rows = [row for row in connection.execute(query) if row.run_id not in in_production]
    found = (Archived(run_id=r.run_id, outcome=r.status, ended_at=r.updated_at, entries=r.head_seq) for r in rows)
    return list(found)[:limit]


def archive_run(database: Database, run_id: str, directory: Path) -> Archived | None:
    """Write a run that is over to a file in `directory`, and leave its tombstone in the database.

    None when it is open, or went on while it was written. Raises UserError when there is no such run, when its
    journal's chain is broken (then it is evidence, and stays), or when the file cannot be written.
    """
    lines = list(export_run(database, run_id))
    _require_whole(database, run_id)
    text = "".join(f"{line}\n" for line in lines)
    digest = hashlib.sha256(text.encode()).hexdigest()
    # Named after its contents, too: a run of a database that was restored may have ended otherwise before.
    file = directory / f"{run_id}.{digest[:12]}.jsonl"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(file, text)
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from error
    reach("archive.written")
    head = json.loads(lines[-1])

    def work(connection: Connection) -> Archived | None:
        # Whoever appends changes this row, too.
        row = connection.execute(select(runs).where(runs.c.run_id == run_id).with_for_update()).first()
        if row is None or row.is_open or (row.head_seq, row.head_hash) != (head["seq"], head["hash"]):
            return None
        _fence(connection, run_id)
        _remove(connection, run_id)
        _bury(connection, row, file, digest)
        reach("archive.removed")
        return Archived(
            run_id=run_id,
            outcome=row.status,
            ended_at=row.updated_at,
            entries=row.head_seq,
            file=str(file),
            sha256=digest,
        )

    return database.in_transaction(work)


def archive_old_runs(database: Database, directory: Path, *, ended_before: datetime, limit: int) -> list[Archived]:
    """Archive at most so many; what cannot be archived is logged and stays."""
    done = []
    for each in archivable(database, ended_before=ended_before, limit=limit):
        try:
            archived = archive_run(database, each.run_id, directory)
        except UserError as problem:
            log.warning("%s is not archived: %s", each.run_id, problem)
            continue
        if archived is not None:
            done.append(archived)
    return done


def tombstone(connection: Connection, run_id: str) -> Row[Any] | None:
    """What is left of an archived run; None when there is none of that name."""
    return connection.execute(select(archived_runs).where(archived_runs.c.run_id == run_id)).first()


def _in_production(connection: Connection) -> set[str]:
    """The runs whose deployment is each repository's last good one: a rollback has to find it."""
    query = select(runs.c.repo, runs.c.run_id).join(deployments, deployments.c.run_id == runs.c.run_id)
    query = query.where(deployments.c.environment == "production", deployments.c.status == "success")
    newest: dict[str, str] = {}
    for row in connection.execute(query.order_by(deployments.c.finished_at)):
        newest[row.repo] = row.run_id
    return set(newest.values())


def _require_whole(database: Database, run_id: str) -> None:
    with database.snapshot() as connection:
        try:
            broken = first_break(records_of(connection, run_id))
        except ValueError as error:
            raise UserError(f"an entry of {run_id} cannot be read: {str(error).splitlines()[0]}") from None
    if broken is not None:
        raise UserError(f"the journal of {run_id} breaks at entry {broken}: see `issuewright audit verify {run_id}`")


def _fence(connection: Connection, run_id: str) -> None:
    """What people said and did must not count again, however late it is seen again (a comment that is edited, a label
    that is still there); but what was decided then need not be known any more."""
    its_entries = select(entries.c.cause).where(entries.c.run_id == run_id)
    mine = or_(decisions.c.run_id == run_id, decisions.c.cause.in_(its_entries))
    causes: Sequence[str] = list(connection.execute(select(decisions.c.cause).where(mine)).scalars())
    past = Ignored(why=f"it was decided in {run_id}, which is archived").model_dump_json()
    connection.execute(update(decisions).where(mine).values(run_id=run_id, decision=past))
    answers = [f"{cause}:{answer}" for cause in causes for answer in ("reaction", "reply")]
    connection.execute(delete(effects).where(effects.c.key.in_(answers)))


def _remove(connection: Connection, run_id: str) -> None:
    """Every row of the run, those first that refer to others."""
    tried = connection.execute(select(attempts.c.stage, attempts.c.number).where(attempts.c.run_id == run_id)).all()
    keys = [f"attempt:{AttemptRef(run_id=run_id, stage=row.stage, number=row.number).key}" for row in tried]
    connection.execute(delete(claims).where(claims.c.key.in_([f"run:{run_id}", f"deploy:{run_id}", *keys])))
    for table in reversed(metadata.sorted_tables):
        if "run_id" in table.c and table is not decisions and table is not archived_runs:
            connection.execute(delete(table).where(table.c.run_id == run_id))


def _bury(connection: Connection, row: Row[Any], file: Path, digest: str) -> None:
    same = ("run_id", "repo", "issue", "ordinal", "parent", "title", "pipeline", "pull_number", "cost_usd")
    kept = {name: getattr(row, name) for name in (*same, "head_seq", "head_hash", "started_at")}
    ended = {"outcome": row.status, "ended_at": row.updated_at, "archived_at": stamp(now())}
    connection.execute(insert(archived_runs).values(**kept, **ended, file=str(file), sha256=digest))
