"""Named places where a test can make the process die: the proof that each of them is safe to die at.

Nothing happens unless ISSUEWRIGHT_FAILPOINTS names a directory. In it a file named like the failpoint holds how many
times it is passed before the process kills itself (0: at once); the file is removed first, so that the next process
lives; or `raise`: then everybody who passes fails. A file `trace` gets a line for every failpoint that is reached.
"""

import os
import signal
from pathlib import Path


def reach(name: str) -> None:
    """The process is at failpoint `name`."""
    directory = os.environ.get("ISSUEWRIGHT_FAILPOINTS")
    if directory is None:
        return
    _note(Path(directory) / "trace", name)
    armed = Path(directory) / name.replace("/", "_")
    try:
        wanted = armed.read_text()
        left = int(wanted) if wanted != "raise" else -1
    except (FileNotFoundError, ValueError):
        return
    if left < 0:
        raise RuntimeError(f"failpoint {name}")
    if left > 0:
        armed.write_text(str(left - 1))
        return
    armed.unlink(missing_ok=True)
    os.kill(os.getpid(), signal.SIGKILL)


def _note(trace: Path, name: str) -> None:
    try:
        handle = os.open(trace, os.O_WRONLY | os.O_APPEND)
    except FileNotFoundError:
        return
    os.write(handle, f"{name}\n".encode())
    os.close(handle)
