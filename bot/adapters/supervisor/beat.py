"""The sign of life that the workers of this machine give to its supervisors: a file that every beat touches.

A supervisor only sees that the file has changed, and counts the silence since then by its own clock, which no
change of the machine's time moves. Standard library only.
"""

import os
import time
from pathlib import Path

BEAT = ".beat"


def touch(root: Path) -> None:
    """A worker of this machine has just proved that it lives; `root` holds the directories of the attempts."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(root / BEAT, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.utime(descriptor)
    finally:
        os.close(descriptor)


class Silence:
    """How long a supervisor has heard of no worker: since its own start, or since the last beat it saw."""

    def __init__(self, root: Path) -> None:
        self._file = root / BEAT
        self._seen = self._last_beat()
        self._since = _clock()

    def seconds(self) -> float:
        """The length of the silence. A machine that slept was silent, too: another may have taken its work over."""
        if (beat := self._last_beat()) != self._seen:
            self._seen, self._since = beat, _clock()
        return _clock() - self._since

    def _last_beat(self) -> int | None:
        try:
            return self._file.stat().st_mtime_ns
        except OSError:
            return None


def _clock() -> float:
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)
