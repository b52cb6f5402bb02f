"""The sign of life that the workers of this machine give to its supervisors: a file that every beat touches.

A supervisor only sees that the file has changed, and counts the silence since then by its own clock, which no
change of the machine's time moves. Standard library only.
"""

import time
from pathlib import Path

BEAT = ".beat"
ALONE = ".alone"
"""Beside the beat while no other machine has a worker: nobody else could have taken an attempt over since then."""


class Silence:
    """How long a supervisor has heard of no worker: since its own start, or since the last beat it saw. Workers that
    show no beat at all (those of an older release) are not waited for."""

    def __init__(self, root: Path) -> None:
        self._file, self._alone = root / BEAT, root / ALONE
        self._seen = self._last_beat()
        self._since = _clock()

    def seconds(self) -> float:
        """The length of the silence. A machine that slept was silent, too: another may have taken its work over."""
        if (beat := self._last_beat()) != self._seen:
            self._seen, self._since = beat, _clock()
        return 0.0 if beat is None else _clock() - self._since

    def is_too_long(self, patience: float | None, *, waits_alone: bool) -> bool:
        """Whether an agent is not to work on, for another machine may start it again: after `patience` seconds (None:
        never), but with `waits_alone` not when this machine was the only one as long as a worker was seen."""
        if patience is None or self.seconds() <= patience:
            return False
        return not (waits_alone and self._alone.exists())

    def _last_beat(self) -> int | None:
        try:
            return self._file.stat().st_mtime_ns
        except OSError:
            return None


def _clock() -> float:
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)
