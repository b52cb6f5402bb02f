"""A disk of a few megabytes, to be filled: a tmpfs, which takes the right to mount one."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


class SmallDisk:
    """A mounted disk at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, *, but: int = 0) -> None:
        """Leave so many bytes free, and no more."""
        free = os.statvfs(self.path)
        size = free.f_bavail * free.f_frsize - but
        with contextlib.suppress(OSError), self._filler.open("ab") as file:
            os.posix_fallocate(file.fileno(), file.tell(), max(1, size))

    def is_full(self) -> bool:
        return os.statvfs(self.path).f_bavail == 0

    def empty(self) -> None:
        """Give the space back."""
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(path: Path, *, megabytes: int) -> Iterator[SmallDisk]:
    """A new disk of that size for the time of the block; skips the test where none can be mounted."""
    path.mkdir(parents=True)
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    options = f"size={megabytes}m,mode=0700,uid={os.getuid()},gid={os.getgid()}"
    words = [*as_root, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
    try:
        mounted = subprocess.run(words, capture_output=True, text=True, check=False)
        trouble = mounted.stderr.strip() if mounted.returncode else ""
    except OSError as error:
        trouble = str(error)
    if trouble:
        pytest.skip(f"no tmpfs can be mounted ({trouble}); get it: run as root, or with passwordless sudo")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run([*as_root, "umount", "--lazy", str(path)], check=True)
