"""Warm starts: a process that has loaded the service's modules and forks it, so that a start costs a tenth.

`python -m tests.chaos.nursery DIRECTORY` reads orders, one JSON object a line, and answers each with one: `spawn` (argv
of the command, where its output goes) with the pid, `poll` with the exit code or null, `wait` with the exit code once
there is one. It ends with its input.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

from tests.stories.service import ROOT, Service, failpoints

Json = dict[str, Any]


class Nursery:
    """The process for one directory."""

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery", str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=failpoints(directory),
            text=True,
            start_new_session=True,
        )
        # Only once it has all its modules.
        self.asks(do="get ready")

    @property
    def pid(self) -> int:
        return self._process.pid

    def asks(self, **order: Any) -> Any:
        """The answer to an order."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(order)}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """Its children must have ended before."""
        self._process.kill()
        self._process.wait()


class Fledgling(subprocess.Popen[bytes]):
    """A process that a nursery has forked, with what we need of a `Popen`."""

    def __init__(self, nursery: Nursery, argv: list[str], log: Path) -> None:
        self._nursery = nursery
        self.returncode: int | None = None
        self.pid = int(nursery.asks(do="spawn", argv=argv, log=str(log)))

    def __del__(self) -> None:
        """Nobody is waited for."""

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._nursery.asks(do="poll", pid=self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self.returncode = int(self._nursery.asks(do="wait", pid=self.pid))
        return self.returncode

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)


class WarmService(Service):
    """A part of the service, started from a nursery."""

    def __init__(self, nursery: Nursery, directory: Path, port: int, command: str) -> None:
        super().__init__(directory, port, command)
        self._nursery = nursery

    def spawn(self) -> None:
        assert self.exit_code() is not None or self.process is None, "the service is running"
        self.process = Fledgling(self._nursery, self.arguments, self.log)


def main(directory: str) -> None:
    """Answer orders until there are no more. Ctrl-C is for whoever gives them."""
    import bot.entrypoints.serve  # noqa: F401  (with all that it imports)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(_answer(order)), flush=True)


def _answer(order: Json) -> int | None:
    match order["do"]:
        case "spawn":
            return _spawn(order)
        case "poll":
            return _exit_code(order, os.WNOHANG)
        case "wait":
            return _exit_code(order, 0)
        case _:
            return None


def _spawn(order: Json) -> int:
    assert threading.active_count() == 1, "what is loaded has started threads: no fork is safe"
    pid = os.fork()
    if pid == 0:
        _become(order)
    return pid


def _exit_code(order: Json, options: int) -> int | None:
    pid, status = os.waitpid(order["pid"], options)
    return os.waitstatus_to_exitcode(status) if pid else None


def _become(order: Json) -> NoReturn:
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        null, log = os.open(os.devnull, os.O_RDONLY), os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        for target, descriptor in enumerate((null, log, log)):
            os.dup2(descriptor, target)
        from bot.entrypoints.cli import main as command

        command(order["argv"], prog_name="issuewright")
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
