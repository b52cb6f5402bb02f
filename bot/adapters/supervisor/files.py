"""The files of an attempt's directory: their names, and reading and writing them so that a crash tears none.

request.json     what the agent is asked                      written by the worker, before anything runs
launch.json      argv, environment, clocks, limits            written by the worker, before anything runs
stop.json        {"reason": …}                                written by a worker that wants the agent stopped
lock             held (flock) by the supervisor for its life
supervisor.json  {"pid", "start_time", "boot_id", "host"}     the latest supervisor
agent.json       {"pid", "start_time", "boot_id", "at"}       exists = the agent may have started
progress.json    what the agent reported so far
result.json      how the agent ended (`Ending`)               written exactly once, last
answer.json      the `AgentResult`, kept when the rest is released
stdout, stderr   the agent's output, bounded
supervisor.log   the supervisor's own troubles
unasked          exists = it was stopped by circumstances, and by nobody's decision
home/ tmp/ out/  the agent's own: HOME, TMPDIR, what it hands back
lives/N/         what its Nth life left, when it went on after an end that nobody wanted (see `lives`)
"""

import contextlib
import errno
import fcntl
import json
import os
import stat
import time
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

REQUEST = "request.json"
LAUNCH = "launch.json"
STOP = "stop.json"
LOCK = "lock"
SUPERVISOR = "supervisor.json"
AGENT = "agent.json"
PROGRESS = "progress.json"
RESULT = "result.json"
ANSWER = "answer.json"
STDOUT = "stdout"
STDERR = "stderr"
LOG = "supervisor.log"
HOME = "home"
TMP = "tmp"
OUT = "out"
LIVES = "lives"
UNASKED = "unasked"

_READ_LIMIT = 64 * 1024 * 1024


def write_atomically(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace a file in one step; `durable` also forces it and its name to the disk."""
    temporary = _temporary(path, text, durable)
    os.replace(temporary, path)
    if durable:
        sync_directory(path.parent)


def write_once(path: Path, text: str) -> bool:
    """Create a file in one step, durably; False (and no change) when it already exists."""
    temporary = _temporary(path, text, durable=True)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    sync_directory(path.parent)
    return True


def _temporary(path: Path, text: str, durable: bool) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        write_all(descriptor, text.encode("utf-8", "replace"))
        if durable:
            os.fsync(descriptor)
    except BaseException:
        os.unlink(temporary)
        raise
    finally:
        os.close(descriptor)
    return temporary


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte to a blocking descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_directory(directory: Path) -> None:
    """Force a directory's names to the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_regular(path: Path, limit: int = _READ_LIMIT) -> bytes | None:
    """At most `limit` bytes of a plain file; None when there is none. An agent may have put a pipe, a device
    or a symbolic link there: those count as no file, and cannot make the reader hang or look elsewhere."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.EACCES}:
            return None
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        chunks: list[bytes] = []
        while limit > 0 and (chunk := os.read(descriptor, min(limit, 1 << 20))):
            chunks.append(chunk)
            limit -= len(chunk)
        return b"".join(chunks)
    finally:
        os.close(descriptor)


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object from a file; None when the file is absent or holds anything else."""
    data = read_regular(path)
    if data is None:
        return None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def try_lock(directory: Path) -> int | None:
    """Take an attempt's lock without waiting: its descriptor (close it to let go), None when somebody has
    it."""
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@contextlib.contextmanager
def lock_if_free(directory: Path) -> Iterator[bool]:
    """Hold an attempt's lock for a moment; yields False when its supervisor (or another reader) has it."""
    descriptor = try_lock(directory)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def remove_old(root: Path, in_use: Container[str], *, older_than_seconds: float) -> set[str]:
    """Remove the directories in `root` that nothing was put into or taken from for so long; their names."""
    removed = set()
    for name in os.listdir(root) if root.is_dir() else ():
        # Somebody else may remove it meanwhile.
        with contextlib.suppress(FileNotFoundError):
            if name not in in_use and time.time() - os.lstat(root / name).st_mtime >= older_than_seconds:
                remove_tree(root / name)
                removed.add(name)
    return removed


def remove_tree(directory: Path) -> None:
    """Remove what a foreign program left, also directories that it made read-only."""
    if directory.is_symlink():
        directory.unlink()
        return
    with contextlib.suppress(OSError):
        os.chmod(directory, 0o700)
    for parent, names, _ in os.walk(directory):
        for name in names:
            path = os.path.join(parent, name)
            if not os.path.islink(path):
                with contextlib.suppress(OSError):
                    os.chmod(path, 0o700)
    import shutil  # the supervisor starts without it

    shutil.rmtree(directory, ignore_errors=True)
