"""The one place where the durable layer reads the time."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present, UTC, to the microsecond."""
    return datetime.now(UTC)


def stamp(at: datetime) -> str:
    """A time as the database keeps it: ISO 8601, so that text order is time order."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
