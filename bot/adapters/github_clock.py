"""GitHub's time, as its answers tell it: the clock of this machine may be wrong, or be set while we run."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_EXACT = timedelta(seconds=5)  # GitHub tells whole seconds, and an answer takes its time
_WRONG = timedelta(seconds=30)


class Clock:
    """Goes on from the last time that GitHub told, by a clock that nobody sets; until then, the machine's. Any thread
    may use it."""

    def __init__(self) -> None:
        self._told: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        """What time it is for GitHub, UTC, to about a second."""
        told = self._told
        if told is None:
            return datetime.now(UTC)
        return told[0] + timedelta(seconds=_elapsed() - told[1])

    def hear(self, headers: Mapping[str, object] | None) -> bool:
        """Take the time from an answer's headers; whether it was another than we had thought."""
        told = time_of(headers or {})
        if told is None:
            return False
        before, here = self.now(), datetime.now(UTC)
        self._told = here if abs(told - here) < _EXACT else told, _elapsed()
        return abs(told - before) > _WRONG


def time_of(headers: Mapping[str, object]) -> datetime | None:
    """When an answer was given, as it says itself."""
    try:
        return parsedate_to_datetime(str(headers["date"])).astimezone(UTC)
    except (KeyError, ValueError):
        return None


def _elapsed() -> float:
    boottime = getattr(time, "CLOCK_BOOTTIME", None)  # goes on while the machine sleeps
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)
