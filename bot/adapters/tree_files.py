"""Writing a file of ours into a tree that somebody else may have shaped: no link in it leads us out."""

import errno
import os
from contextlib import ExitStack, suppress
from pathlib import Path

from bot.domain.errors import Transient, UserError


def write_inside(root: Path, relative: str, data: bytes) -> None:
    """Write `relative` below `root`, making its folders; raises UserError where a link or a file is in the way, and
    Transient when the disk is full."""
    *folders, name = relative.split("/")
    with ExitStack() as opened:
        directory = _open(opened, root, None)
        try:
            for folder in folders:
                directory = _enter(opened, directory, folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            with os.fdopen(os.open(name, flags, 0o644, dir_fd=directory), "wb") as file:
                file.write(data)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Transient(f"cannot write {relative}: {error.strerror}") from error
            raise UserError(f"cannot write {relative} in the repository: {error.strerror}") from error


def _enter(opened: ExitStack, parent: int, folder: str) -> int:
    with suppress(FileExistsError):
        os.mkdir(folder, 0o755, dir_fd=parent)
    return _open(opened, folder, parent)


def _open(opened: ExitStack, folder: str | Path, parent: int | None) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    opened.callback(os.close, descriptor)
    return descriptor
