"""The hourly allowance that GitHub shows in every answer. Only counted: to be limited, ask for a fault."""

import time
from dataclasses import dataclass

LIMIT = 5000
_HOUR = 3600


@dataclass
class _Hour:
    reset: int
    used: int = 0


class Allowances:
    """Requests used by each account in its current hour; forgotten when the hub restarts."""

    def __init__(self) -> None:
        self._hours: dict[str, _Hour] = {}

    def use(self, account: str | None) -> dict[str, int]:
        """Count one request; answers limit, remaining, used and reset (seconds since the epoch)."""
        hour = self._current(account)
        hour.used += 1
        return self.show(account)

    def show(self, account: str | None) -> dict[str, int]:
        """The account's allowance as it stands."""
        hour = self._current(account)
        return {"limit": LIMIT, "remaining": max(LIMIT - hour.used, 0), "used": hour.used, "reset": hour.reset}

    def _current(self, account: str | None) -> _Hour:
        now = int(time.time())
        hour = self._hours.get(account or "")
        if hour is None or hour.reset <= now:
            hour = self._hours[account or ""] = _Hour(now + _HOUR)
        return hour
