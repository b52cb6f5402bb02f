"""The time as GitHub writes it: UTC, whole seconds, `2026-11-20T10:00:00Z`."""

import time
from datetime import UTC, datetime


def iso(moment: float | None = None) -> str:
    """`moment` (seconds since the epoch; now when None) in GitHub's form."""
    seconds = time.time() if moment is None else moment
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_made() -> dict[str, str]:
    """`created_at` and `updated_at` of something new: one moment, or it would look as if it had been edited."""
    moment = iso()
    return {"created_at": moment, "updated_at": moment}


def epoch(text: str) -> float:
    """Seconds since the epoch of an ISO time; raises ValueError when it is none."""
    parsed = datetime.fromisoformat(text)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
