"""Whether this process may still act: it may while its lease is surely its own, by a clock that nobody can set."""

import threading
import time
from collections.abc import Callable

SURE = 0.7
"""The part of a lease within which nobody can have declared its owner dead, however the beat that failed was meant."""


def uptime() -> float:
    """Seconds by a clock that never jumps, and that goes on while the machine sleeps where there is such a clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _for_ever() -> None:
    threading.Event().wait()


class Proof:
    """This process's proof of life, as far as it knows itself. One that never `begins` is good: nobody else is there.

    `wait` is what a thread does that has nothing to prove any more: the process is about to end.
    """

    def __init__(self, clock: Callable[[], float] = uptime, wait: Callable[[], None] = _for_ever) -> None:
        self._clock = clock
        self._wait = wait
        self._good_for: float | None = None
        self._renewed = clock()
        self._lost = False

    def begins(self, lease_seconds: float | None, as_of: float | None = None) -> None:
        """A lease of that length (None: one that nobody takes away while the process lives) was taken by what was sent
        at that time of `uptime`; None: now."""
        self._good_for = None if lease_seconds is None else SURE * lease_seconds
        self._renewed = self._clock() if as_of is None else as_of

    def renew(self, as_of: float) -> None:
        """The lease was renewed by a beat that was sent at that time of `uptime`."""
        self._renewed = max(self._renewed, as_of)

    def lose(self) -> None:
        """The lease is gone, or was given back."""
        self._lost = True

    @property
    def is_good(self) -> bool:
        """Whether nobody else can have taken over from this process."""
        too_old = self._good_for is not None and self._clock() - self._renewed > self._good_for
        return not (self._lost or too_old)

    def require(self) -> None:
        """Returns while this process may act. Afterwards nobody gets past: the process is about to end, and an
        exception would be recorded as the outcome of what was being done."""
        while not self.is_good:
            self._wait()
