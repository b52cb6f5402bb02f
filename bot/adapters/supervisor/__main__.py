"""`python -m bot.adapters.supervisor DIRECTORY`: become a detached supervisor of the attempt in DIRECTORY.

`--attached-to PID` stays a child of that process instead and ends with it: that is how check commands are
run.
"""

import os
import signal
import sys
import time
from pathlib import Path

from bot.adapters.supervisor import process_tree, supervise


def main(arguments: list[str]) -> int:
    """Exit code 0 once a supervisor holds the attempt or none is needed (another lives, or the result is
    there)."""
    directory = Path(arguments[-1]).resolve()
    os.chdir(directory)
    os.umask(0o077)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    if arguments[0] == "--attached-to":
        return _attached(directory, int(arguments[1]))
    return _detached(directory)


def _attached(directory: Path, parent: int) -> int:
    process_tree.die_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        return 1
    lock = supervise.take_over(directory)
    if lock is None:
        return 1
    supervise.supervise(directory, had_predecessor=supervise.sign(directory))
    return 0


def _detached(directory: Path) -> int:
    """Fork so that we are nobody's child. The parent leaves when the child holds the lock; the child starts
    the agent only when the parent is gone: who kills the worker with all its descendants either gets us
    before anything was started, or does not find us."""
    parent = os.getpid()
    ready, tell = os.pipe()
    if os.fork():
        os.close(tell)
        return 0 if os.read(ready, 1) else 1
    try:
        os.setsid()
        lock = supervise.take_over(directory)
        had_predecessor = lock is not None and supervise.sign(directory)
        os.write(tell, b"+")
        if lock is not None:
            while os.getppid() == parent:
                time.sleep(0.0005)
            supervise.supervise(directory, had_predecessor=had_predecessor)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
