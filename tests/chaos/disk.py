"""A small disk of its own for the worktrees, which a campaign fills and frees: a tmpfs, which only root can mount."""

import errno
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

_BYTES = 16 * 1024 * 1024
_FILLER = ".filler"


class Disk:
    """`place` on a disk of 16 MiB. `missing` says why there is none."""

    def __init__(self, place: Path) -> None:
        self._place = place
        place.mkdir(mode=0o700, parents=True)
        self.missing = self._mount()

    def fill(self) -> None:
        """Until nothing fits on it any more."""
        descriptor = os.open(self._place / _FILLER, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            for size in (1 << 16, 1 << 12, 1):
                with suppress(_Full):
                    while True:
                        _write(descriptor, bytes(size))
        finally:
            os.close(descriptor)

    def free(self) -> None:
        """What filled it goes."""
        (self._place / _FILLER).unlink(missing_ok=True)

    def close(self) -> None:
        """Take it away; what is left on it stays in its place."""
        if self.missing is not None:
            return
        self.free()
        kept = self._place.with_name(f"{self._place.name}.kept")
        shutil.copytree(self._place, kept, symlinks=True, dirs_exist_ok=True)
        # Lazily: a process that we could not end must not keep us.
        subprocess.run(["umount", "--lazy", str(self._place)], check=True, capture_output=True)
        shutil.copytree(kept, self._place, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(kept)
        self.missing = "it was taken away"

    def _mount(self) -> str | None:
        if os.geteuid() != 0:
            return "only root can mount a small disk"
        options = f"size={_BYTES},mode=700"
        command = ["mount", "-t", "tmpfs", "-o", options, "issuewright-chaos", str(self._place)]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            return "there is no `mount` here"
        return None if done.returncode == 0 else f"no small disk can be mounted here: {done.stderr.strip()}"


class _Full(Exception):
    """Not a byte more."""


def _write(descriptor: int, data: bytes) -> None:
    try:
        os.write(descriptor, data)
    except OSError as problem:
        if problem.errno != errno.ENOSPC:
            raise
        raise _Full from None
