"""The domain on a long journal: folding ten thousand entries, and deciding what comes next."""

import hashlib
import json
import time
from collections.abc import Sequence

from bot.domain.accept import accept
from bot.domain.entries import AttemptFinished, CommandAccepted, Recorded, RunParked
from bot.domain.events import CommandGiven
from bot.domain.fold import fold
from bot.domain.journal import Record
from bot.domain.next_moves import next_moves, waiting_for
from bot.domain.permissions import Permission
from bot.domain.verdicts import Verdict
from tests.bench.figures import Figure, Target, interleaved
from tests.bench.setting import Setting
from tests.domain import samples


def measure(setting: Setting) -> list[Figure]:
    """`next_moves`, `accept` and `fold`; the fold's floor is reading the same bodies as JSON and hashing them."""
    entries = 200 if setting.quick else 10_000
    records = samples.journal(*_long_history(entries))
    run = fold(records)
    assert run is not None
    event = CommandGiven.model_validate(
        {"issue": samples.ISSUE, "by": samples.MONA, "verb": "status", "argument": "", "text": "",
         "source": "comment", "source_id": 5, "line": 1,
         "at": samples.at(5)}
    )  # fmt: skip
    facts = samples.facts(permission=Permission.WRITE)
    found = interleaved(
        setting.often(9, 2),
        {
            "next_moves": lambda: _ms(lambda: (next_moves(run), waiting_for(run))),
            "accept": lambda: _ms(lambda: accept(run, event, facts)),
            "fold": lambda: _ms(lambda: fold(records)),
            "json": lambda: _ms(lambda: _read_plainly(records)),
        },
    )
    size = f"{entries:,} entries"
    return [
        Figure("thinking", f"next_moves, {size}", "ms", found["next_moves"], target=Target(20), how="on a folded run"),
        Figure("thinking", f"accept /status, {size}", "ms", found["accept"]),
        Figure("thinking", f"fold, {size}", "ms", found["fold"], "json.loads + sha256", found["json"]),
    ]


def _long_history(length: int) -> list[Recorded]:
    """A builder that is refused, parked and retried for ever."""
    refused = (Verdict.fail("tests", "3 of 41 failed"),)
    history: list[Recorded] = []
    number = 0
    while len(history) < length:
        number += 1
        history.append(samples.attempt(number))
        history.append(
            AttemptFinished.model_validate(
                {"stage": "builder", "number": number, "status": "ok", "verdicts": refused, "cost_usd": 0.001}
            )
        )
        if number % 3 == 0:
            history.append(RunParked(reason="3 attempts in a row"))
            history.append(CommandAccepted(verb="retry", by=samples.MONA, stage="builder"))
    return history


def _read_plainly(records: Sequence[Record]) -> None:
    for record in records:
        json.loads(record.body)
        hashlib.sha256(record.body.encode())


def _ms(work: object) -> float:
    assert callable(work)
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000
