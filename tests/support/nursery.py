"""Warm starts: a process that has loaded the modules of the service and of localhub, and forks them from there.

A start costs a tenth of a cold one, and what has started is as real: a process of its own, in a session of its own,
with its own environment. `python -m tests.support.nursery` reads orders, one JSON object a line, and answers each with
one; it ends with its input.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]


class Nursery:
    """The process that forks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def starts(self, module: str, arguments: list[str], environment: dict[str, str], log: Path) -> "Fledgling":
        """`python -m module arguments…`, whose output is added to `log`."""
        order = {"module": module, "arguments": arguments, "environment": environment, "log": str(log)}
        return Fledgling(self, int(self.asks(order)))

    def asks(self, order: Json) -> Any:
        """The answer to an order."""
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(f"{json.dumps(order)}\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        with self._process:
            self._process.kill()


@cache
def nursery() -> Nursery:
    """The nursery of this process; it ends with it."""
    made = Nursery()
    atexit.register(made.close)
    return made


class Fledgling(subprocess.Popen[bytes]):
    """A process that a nursery has forked, with what we need of a `Popen`."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery = nursery
        self.returncode: int | None = None
        self.pid = pid

    def __del__(self) -> None:
        """Nobody is waited for."""

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._nursery.asks({"poll": self.pid})
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        give_up = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if give_up is not None and time.monotonic() > give_up:
                raise subprocess.TimeoutExpired(f"{self.pid}: {_standing(self.pid)}", timeout or 0.0)
            time.sleep(0.01)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)


def _standing(pid: int) -> str:
    """In which state each of its threads is, and in which call of the kernel: who does not end is to say why."""
    told = []
    for task in sorted(Path(f"/proc/{pid}/task").glob("*")):
        with suppress(OSError):  # a thread that has just ended
            state = (task / "stat").read_text().rpartition(")")[2].split()[0]
            told.append(f"{state} {(task / 'wchan').read_text()}")
    return ", ".join(told) or "no such process"


def main() -> None:
    """Answer orders until there are no more. Ctrl-C is for whoever gives them."""
    import bot.entrypoints.serve
    import bot.localhub.server  # noqa: F401  (both with all that they import)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(_exit_code(order["poll"]) if "poll" in order else _fork(order)), flush=True)


def _fork(order: Json) -> int:
    assert threading.active_count() == 1, "what is loaded has started threads: no fork is safe"
    pid = os.fork()
    if pid == 0:
        _become(order)
    return pid


def _exit_code(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _become(order: Json) -> NoReturn:
    """As `python -m` would run the module."""
    import runpy

    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        null, log = os.open(os.devnull, os.O_RDONLY), os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        for target, descriptor in enumerate((null, log, log)):
            os.dup2(descriptor, target)
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.argv = [order["module"], *order["arguments"]]
        runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
