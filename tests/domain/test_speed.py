"""A run with a very long journal is no burden: counted in calls, which no busy machine changes."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from bot.domain import entries as e
from bot.domain.agents import AgentStatus
from bot.domain.fold import fold
from bot.domain.next_moves import next_moves, waiting_for
from bot.domain.run import Run
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


def _calls(work: Callable[[], object]) -> int:
    """How many functions are called for `work`."""
    counted = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


def _decide(run: Run | None) -> object:
    assert run is not None
    return next_moves(run) or waiting_for(run)


def test_a_history_twice_as_long_is_at_most_twice_the_work() -> None:
    short, long = journal(*_long_history(2_000)), journal(*_long_history(4_000))
    assert _calls(lambda: fold(long)) < 2.2 * _calls(lambda: fold(short))
    before, after = fold(short), fold(long)
    assert _calls(lambda: _decide(after)) < 2.2 * _calls(lambda: _decide(before))
