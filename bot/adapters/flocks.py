"""Locks between threads and processes of one machine, which the kernel drops when their holders die."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bot.domain.errors import Transient

_FIRST_PAUSE = 0.002
_LONGEST_PAUSE = 0.1


@contextmanager
def locked(path: Path, *, wait_seconds: float) -> Iterator[int]:
    """Hold the lock file `path` (made if missing) and yield its descriptor.

    Hand the descriptor on to child processes that work under the lock: it then outlives a killed holder for
    as long as a child still writes. Raises Transient after `wait_seconds`.
    """
    deadline = time.monotonic() + wait_seconds
    pause = _FIRST_PAUSE
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if _acquired(descriptor) and _still_named(descriptor, path):
                yield descriptor
                return
        finally:
            os.close(descriptor)
        if time.monotonic() >= deadline:
            raise Transient(f"another process has held {path.name} for {wait_seconds:.0f} s")
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def forget(path: Path) -> None:
    """Remove a lock file; call it while holding the lock. Waiters notice and start over on a new file."""
    with suppress(FileNotFoundError):
        path.unlink()


def _acquired(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _still_named(descriptor: int, path: Path) -> bool:
    # The holder before us may have removed the file: then a newer one guards the name.
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
