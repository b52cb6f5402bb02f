"""When a gate reminds the people asked, and when it expires."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from bot.domain.pipeline import Gate

Timer = Literal["remind", "expire"]


def timers(gate: Gate, shown_at: datetime) -> Iterator[tuple[Timer, datetime]]:
    """The timers of a gate that was shown then, and when they are due."""
    if gate.remind_after_hours is not None:
        yield "remind", shown_at + timedelta(hours=gate.remind_after_hours)
    if gate.expire_after_hours is not None:
        yield "expire", shown_at + timedelta(hours=gate.expire_after_hours)
