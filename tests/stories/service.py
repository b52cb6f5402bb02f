"""The real `issuewright serve` of a story: started, watched, killed, and made to die at failpoints."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.support.nursery import ROOT, nursery

MODULE = "bot.entrypoints.cli"
FAILPOINTS = "failpoints"
"""Where failpoints are armed, below the service's directory."""
PATIENCE = "ISSUEWRIGHT_WORKER_PATIENCE_SECONDS"


class Service:
    """The service in `directory`. `port` is where its webhook listens. `command` may name a part of it. What it is
    started from (`code`) and with may be changed before it is.

    It is started from a nursery unless `warm` is false, it has code of its own or runs `within` something.
    """

    def __init__(self, directory: Path, port: int, command: str = "serve", host: str = "127.0.0.1") -> None:
        self._command = command
        self.host = host
        self.directory = directory
        self.port = port
        self.code = ROOT
        self.within: list[str] = []
        self.warm = True
        # A machine under tests may be slow: agents wait for the service, unless a story is about their patience.
        self.environment = {PATIENCE: "0"}
        self.process: subprocess.Popen[bytes] | None = None
        self.deaths: list[str] = []
        self._failpoints = directory / FAILPOINTS
        self._failpoints.mkdir(exist_ok=True)
        self._armed: dict[str, Path] = {}
        (self._failpoints / "trace").touch()

    @property
    def log(self) -> Path:
        return self.directory / "logs" / "service.log"

    @property
    def arguments(self) -> list[str]:
        """What it is started with."""
        return [self._command, "--dir", str(self.directory)]

    def spawn(self) -> None:
        """Start it, without waiting for it."""
        assert self.process is None or self.process.poll() is not None, "the service is running"
        environment = {**failpoints(self.directory), **self.environment}
        if self.warm and self.code == ROOT and not self.within:
            self.process = nursery().starts(MODULE, self.arguments, environment, self.log)
            return
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.within, sys.executable, "-m", MODULE, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.code,
                env=environment,
                start_new_session=True,
            )

    def is_ready(self) -> bool:
        """Whether it answers, and its pid file names it."""
        try:
            pid = int((self.directory / "service.pid").read_text())
            ready = httpx.get(f"http://{self.host}:{self.port}/readyz", timeout=5, trust_env=False).is_success
        except (OSError, ValueError, httpx.TransportError):
            return False
        return ready and self.process is not None and pid == self.process.pid

    def exit_code(self) -> int | None:
        """How it ended (-9: by SIGKILL); None while it runs."""
        return None if self.process is None else self.process.poll()

    def kill(self) -> None:
        """kill -9, the process alone."""
        self.signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    # -- failpoints -------------------------------------------------------------------------------------------

    def dies_at(self, point: str, passes: int = 0) -> None:
        """Have it kill itself at a failpoint, after passing it `passes` times."""
        armed = self._failpoints / point.replace("/", "_")
        armed.write_text(str(passes))
        self._armed[point] = armed

    def fails_at(self, point: str) -> None:
        """Have everybody fail who passes a failpoint, until it is mended."""
        (self._failpoints / point.replace("/", "_")).write_text("raise")

    def is_mended(self, point: str) -> None:
        """Nobody fails there any more."""
        (self._failpoints / point.replace("/", "_")).unlink()

    def death(self) -> str | None:
        """The failpoint that the service has just died at, by SIGKILL; None when it lives, or died of something
        else."""
        if self.exit_code() != -signal.SIGKILL:
            return None
        struck = [point for point, armed in self._armed.items() if not armed.exists()]
        for point in struck:
            del self._armed[point]
            self.deaths.append(point)
        return struck[0] if struck else None

    def points_reached(self) -> list[str]:
        """Every failpoint that was reached, in order."""
        return (self._failpoints / "trace").read_text().splitlines()


def failpoints(directory: Path) -> dict[str, str]:
    """Our environment, in which the service of a directory minds its failpoints."""
    return {**os.environ, "ISSUEWRIGHT_FAILPOINTS": str(directory / FAILPOINTS)}
