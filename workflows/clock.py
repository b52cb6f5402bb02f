"""The one place where the durable layer reads the time.

A worker's time is GitHub's, which tells it with its answers: what people do carries that time, too, so that nothing is
too early or too late because this machine's clock is wrong, or was set.
"""

from collections.abc import Callable
from datetime import UTC, datetime


def _of_this_machine() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _of_this_machine


def follow(source: Callable[[], datetime]) -> None:
    """From now on, `now` is what `source` says."""
    global _source
    _source = source


def now() -> datetime:
    """The present, UTC, to the microsecond."""
    return _source()


def stamp(at: datetime) -> str:
    """A time as the database keeps it: ISO 8601, so that text order is time order."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
