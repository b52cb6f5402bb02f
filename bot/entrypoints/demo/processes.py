"""The two processes of a demo, localhub and the service: apart from the terminal, stopped by their pids."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil

from bot.domain.errors import UserError
from bot.entrypoints.demo.home import Home, Record
from bot.entrypoints.demo.hub import Control

_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_OUR_WORDS = ("issuewright", "bot.entrypoints", "bot.localhub")


class Processes:
    """Localhub and the service of one demo.

    Each has a session of its own, so that Ctrl-C reaches only the driver, which then stops them in order.
    The service may be killed and started again by others: then its pid file names it, not our child.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._children: list[subprocess.Popen[bytes]] = []

    def start_localhub(self, record: Record) -> None:
        """Start localhub and wait until it answers."""
        port = record.hub_url.rsplit(":", 1)[1]
        argv = [sys.executable, "-m", "bot.localhub", "--dir", str(self._home.hub_folder), "--port", port]
        child = self._spawn(argv, "localhub.log")
        self._home.hub_pid_file.write_text(f"{child.pid}\n", encoding="ascii")
        control = Control(record.hub_url)
        self._wait(child, control.is_up, "localhub", "localhub.log")

    def start_service(self, record: Record) -> None:
        """Start the service, which writes its pid itself, and wait until it is ready for work."""
        argv = [sys.executable, "-m", "bot.entrypoints.cli", "serve", "--dir", str(self._home.path)]
        child = self._spawn(argv, "service.log")
        self._wait(child, lambda: self.service_is_ready(record), "the service", "service.log")

    def service_is_ready(self, record: Record) -> bool:
        """Whether the service is there, has said so in its pid file, and takes up work."""
        ready_url = record.webhook_url.removesuffix("/webhook") + "/readyz"
        return self.service_is_alive() and _answers(ready_url)

    def service_is_alive(self) -> bool:
        """Whether the process that `service.pid` names is there (a zombie is not)."""
        self.reap()
        return find(self._home.service_pid_file) is not None

    def reap(self) -> None:
        """Collect children that have ended, so that whoever killed one sees it gone."""
        for child in self._children:
            child.poll()

    def stop(self) -> None:
        """Stop the service, then localhub; whichever processes the pid files name by now."""
        for process in (find(self._home.service_pid_file), *self._services(), find(self._home.hub_pid_file)):
            if process is not None:
                _stop(process)
        for child in self._children:
            if child.poll() is None:
                _stop(psutil.Process(child.pid))
                child.wait()

    def _services(self) -> Iterator[psutil.Process]:
        """Services of this directory whoever started them: one that just starts has not written its pid yet."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                argv = process.cmdline()
                if "serve" in argv and "--dir" in argv[:-1]:
                    named = Path(process.cwd(), argv[argv.index("--dir") + 1])
                    if named.resolve() == self._home.path.resolve():
                        yield process

    def _spawn(self, argv: list[str], log_name: str) -> subprocess.Popen[bytes]:
        with (self._home.logs / log_name).open("ab") as log:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # `python -m` finds the very code that runs here, also without an installation.
                cwd=Path(__file__).resolve().parents[3],
            )
        self._children.append(child)
        return child

    def _wait(self, child: subprocess.Popen[bytes], is_ready: Callable[[], bool], name: str, log_name: str) -> None:
        give_up = time.monotonic() + _START_SECONDS
        while not is_ready():
            code = child.poll()
            # Killed from outside: somebody tries what happens then, and will start it again.
            if code is not None and code >= 0:
                raise UserError(f"{name} ended with {code} before it was ready:\n{_tail(self._home.logs / log_name)}")
            if time.monotonic() > give_up:
                raise UserError(f"{name} was not ready after {_START_SECONDS:.0f} s; see {self._home.logs / log_name}.")
            time.sleep(0.1)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """A second Ctrl-C while we stop what we started would leave some of it running: it has to wait."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def find(pid_file: Path) -> psutil.Process | None:
    """The live process that a pid file names; None if it is gone, or the pid is somebody else's by now."""
    try:
        process = psutil.Process(int(pid_file.read_text(encoding="ascii")))
        alive = process.status() != psutil.STATUS_ZOMBIE
        ours = any(word in argument for argument in process.cmdline() for word in _OUR_WORDS)
    except (OSError, ValueError, psutil.Error):
        return None
    return process if alive and ours else None


def _stop(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
        if not _ends(process):
            process.kill()
            _ends(process)


def _ends(process: psutil.Process) -> bool:
    """Wait for a process to end. One that we did not start may stay as a zombie: it has ended all the same."""
    give_up = time.monotonic() + _STOP_SECONDS
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > give_up:
            return False
        time.sleep(0.05)
    return True


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _tail(path: Path, lines: int = 15) -> str:
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
