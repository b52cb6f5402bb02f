"""Waiting for GitHub to come back: limits, 5xx and dropped connections are no reason to give a run up."""

import random
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

from bot.domain.errors import Transient

Result = TypeVar("Result")
LISTED_WITHIN = timedelta(minutes=1)
"""A list of GitHub's that lags shows by then what has happened."""
_FIRST, _LONGEST = 0.2, 60.0
_GIVE_UP_AFTER = 1800.0


def delays(give_up_after: float = _GIVE_UP_AFTER) -> Iterator[float]:
    """Seconds to wait before each new try, growing, with jitter; ends when `give_up_after` seconds are spent."""
    spent, delay = 0.0, _FIRST
    while spent < give_up_after:
        wait = min(delay * random.uniform(0.5, 1.0), give_up_after - spent)
        yield wait
        spent += wait
        delay = min(delay * 2, _LONGEST)


def patiently(read: Callable[[], Result]) -> Result:
    """Call `read` until GitHub answers; for reads and for writes that may be repeated. Raises the last Transient."""
    for delay in delays():
        try:
            return read()
        except Transient as trouble:
            time.sleep(max(delay, min(trouble.retry_after or 0.0, _GIVE_UP_AFTER)))
    return read()
