"""A run with a very long journal is still decided on at once."""

import time

from bot.domain import entries as e
from bot.domain.agents import AgentStatus
from bot.domain.fold import fold
from bot.domain.next_moves import next_moves, waiting_for
from bot.domain.verdicts import Verdict
from tests.domain.samples import MONA, attempt, journal

REFUSED = (Verdict.fail("tests", "3 of 41 failed"),)


def _long_history(length: int) -> list[e.Recorded]:
    history: list[e.Recorded] = []
    number = 0
    while len(history) < length:
        number += 1
        history.append(attempt(number))
        history.append(
            e.AttemptFinished(stage="builder", number=number, status=AgentStatus.OK, verdicts=REFUSED, cost_usd=0.001)
        )
        if number % 3 == 0:
            history.append(e.RunParked(reason="3 attempts in a row"))
            history.append(e.CommandAccepted(verb="retry", by=MONA, stage="builder"))
    return history


def test_ten_thousand_entries_are_no_burden() -> None:
    records = journal(*_long_history(10_000))
    begun = time.perf_counter()
    run = fold(records)
    folded = time.perf_counter() - begun
    assert run is not None
    assert len(run.stages["builder"].attempts) > 3700

    begun = time.perf_counter()
    assert next_moves(run) or waiting_for(run)
    decided = time.perf_counter() - begun
    # Ten times what a laptop needs, so that a busy machine does not fail, and something quadratic does.
    assert folded < 5
    assert decided < 0.2
    print(f"fold {folded:.3f} s, next_moves {decided * 1000:.2f} ms")
