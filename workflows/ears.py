"""When this process last heard a delivery: while they come, looking for lost ones can wait."""

import time
from collections.abc import Callable

_PASSES_THAT_MAY_WAIT = 3


class Ears:
    """What this process has heard. One that hears nothing (its webhook is elsewhere) simply looks at every turn."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._heard: float | None = None
        # At the first turn nobody knows what was lost before this process began.
        self._waited = _PASSES_THAT_MAY_WAIT

    def hear(self) -> None:
        """A delivery has come."""
        self._heard = self._clock()

    def time_to_look(self, every: float) -> bool:
        """Whether this turn (they come `every` so many seconds) should be taken. It may wait when a delivery came just
        now, in the latter half since the last turn, but not for ever: that others come does not say that none is lost.
        """
        just_now = self._heard is not None and self._clock() - self._heard < every / 2
        if just_now and self._waited < _PASSES_THAT_MAY_WAIT:
            self._waited += 1
            return False
        self._waited = 0
        return True
