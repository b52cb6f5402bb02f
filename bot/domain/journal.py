"""The journal's mechanics: entries in order, each chained to the one before by a hash of its canonical bytes."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime

from pydantic import AwareDatetime

from bot.domain.entries import Entry, Recorded, read_entry
from bot.domain.values import Value

GENESIS = "0" * 64
"""The hash before the first entry."""


class Record(Value):
    """One stored entry: `body` is its canonical text, hashed as it stands and never rewritten.

    `seq` counts from 1. `cause` is what made it happen, and is unique in a run: nothing is recorded twice.
    """

    run_id: str
    seq: int
    cause: str
    kind: str
    version: int
    at: AwareDatetime
    body: str
    prev_hash: str
    hash: str

    @property
    def entry(self) -> Entry:
        """What the record says, as this release understands it."""
        return read_entry(self.kind, self.version, self.body)


def seal(run_id: str, seq: int, prev_hash: str, cause: str, at: datetime, entry: Recorded) -> Record:
    """Make the next record of a run's chain out of an entry."""
    data = entry.model_dump(mode="json")
    kind, version = data.pop("kind"), data.pop("version")
    body = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Record(
        run_id=run_id,
        seq=seq,
        cause=cause,
        kind=kind,
        version=version,
        at=at,
        body=body,
        prev_hash=prev_hash,
        hash=_hash(run_id, seq, cause, kind, version, at, body, prev_hash),
    )


def first_break(records: Iterable[Record]) -> int | None:
    """The sequence number of the first record that does not continue its chain; None when the chain is whole."""
    prev = GENESIS
    for seq, record in enumerate(records, start=1):
        actual = _hash(
            record.run_id, record.seq, record.cause, record.kind, record.version, record.at, record.body, prev
        )
        if record.seq != seq or record.prev_hash != prev or record.hash != actual:
            return seq
        prev = record.hash
    return None


def _hash(run_id: str, seq: int, cause: str, kind: str, version: int, at: datetime, body: str, prev_hash: str) -> str:
    parts = (prev_hash, run_id, str(seq), cause, kind, str(version), at.astimezone(UTC).isoformat(), body)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
