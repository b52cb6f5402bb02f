"""A network of machines on one Linux: namespaces, a bridge, and links that can be cut.

Everything is named after the process that made it, so that the next one can sweep away what a killed one has left.
"""

import ctypes
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bot.adapters.supervisor import process_tree
from tests.localhub.harness import wait_for

_PREFIX = "iwtest"
_BRIDGE = "bridge"
_CLONE_NEWNET = 0x40000000
_SUBNET = "10.213.77"
ROOT = Path(__file__).parents[2]


def ip(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    assert not check or done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def sweep() -> None:
    """Remove the networks of processes that are gone, and whatever runs in them."""
    for line in ip("netns", "list").splitlines():
        name = line.split()[0]
        found = re.fullmatch(rf"{_PREFIX}-(\d+)-\w+", name)
        if found and not psutil.pid_exists(int(found[1])):
            remove(name)


def remove(namespace: str) -> None:
    """Kill what runs in a network namespace, and remove it."""
    for pid in ip("netns", "pids", namespace, check=False).split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    ip("netns", "delete", namespace, check=False)


def _dies_with_us() -> None:
    process_tree.die_with_parent(signal.SIGKILL)


@dataclass
class Machine:
    """A machine: its network namespace, and its first process once it is switched on."""

    name: str
    namespace: str
    address: str
    port: str
    disk: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    def switch_on(self, place: Path, command: list[str]) -> None:
        """Boot it, and have it keep `command` running. Its disk is at `place`, for itself alone."""
        self.disk.mkdir(exist_ok=True)
        first = [sys.executable, str(Path(__file__).with_name("first_process.py"))]
        self.process = subprocess.Popen(
            [
                *("nsenter", f"--net=/run/netns/{self.namespace}"),
                *("unshare", "--pid", "--fork", "--kill-child=SIGKILL", "--uts", "--mount-proc"),
                *(*first, self.name, str(self.disk), str(place), str(self.disk / "worker.log"), *command),
            ],
            cwd=ROOT,
            preexec_fn=_dies_with_us,
        )

    def pull_the_plug(self) -> None:
        """Every process of it is gone at once, without a word."""
        if self.process is not None:
            with suppress(psutil.NoSuchProcess):
                for first in psutil.Process(self.process.pid).children():
                    first.kill()
            self.process.kill()
            self.process.wait()
            self.process = None

    def worker(self) -> psutil.Process | None:
        """The service's process there, as seen from outside."""
        if self.process is None:
            return None
        with suppress(psutil.NoSuchProcess):
            for first in psutil.Process(self.process.pid).children():
                for child in first.children():
                    if "bot.entrypoints.cli" in child.cmdline():
                        return child
        return None

    def exits(self) -> list[int]:
        """How the service has ended there, each time."""
        file = self.disk / "exits"
        return [int(line) for line in file.read_text().split()] if file.exists() else []


class Network:
    """Machines, and a centre that they all reach."""

    def __init__(self, directory: Path) -> None:
        sweep()
        self._directory = directory
        self._names = f"{_PREFIX}-{os.getpid()}"
        self.centre = f"{self._names}-centre"
        self.address = f"{_SUBNET}.1"
        self.subnet = f"{_SUBNET}.0/24"
        self.machines: list[Machine] = []
        ip("netns", "add", self.centre)
        ip("-n", self.centre, "link", "set", "lo", "up")
        ip("-n", self.centre, "link", "add", _BRIDGE, "type", "bridge")
        ip("-n", self.centre, "address", "add", f"{self.address}/24", "dev", _BRIDGE)
        ip("-n", self.centre, "link", "set", _BRIDGE, "up")

    def add(self, name: str) -> Machine:
        """A machine with a cable to the centre."""
        number = len(self.machines) + 2
        machine = Machine(
            name=name,
            namespace=f"{self._names}-{name}",
            address=f"{_SUBNET}.{number}",
            port=f"port{number}",
            disk=self._directory / name,
        )
        self.machines.append(machine)
        ip("netns", "add", machine.namespace)
        cable = ("link", "add", "net0", "netns", machine.namespace, "type", "veth", "peer", "name", machine.port)
        ip(*cable, "netns", self.centre)
        ip("-n", self.centre, "link", "set", machine.port, "master", _BRIDGE, "up")
        ip("-n", machine.namespace, "address", "add", f"{machine.address}/24", "dev", "net0")
        for device in ("lo", "net0"):
            ip("-n", machine.namespace, "link", "set", device, "up")
        return machine

    def cut(self, machine: Machine) -> None:
        """Nothing gets through to or from the machine any more."""
        ip("-n", self.centre, "link", "set", machine.port, "down")

    def mend(self, machine: Machine) -> None:
        """It does again."""
        ip("-n", self.centre, "link", "set", machine.port, "up")

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This thread, and what it starts, is in the centre's network."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _enter(Path(f"/run/netns/{self.centre}"))
        try:
            yield
        finally:
            _set_namespace(home)
            os.close(home)

    def close(self) -> None:
        """Switch everything off, and leave nothing behind."""
        for machine in self.machines:
            machine.pull_the_plug()
            remove(machine.namespace)
        remove(self.centre)


def _enter(namespace: Path) -> None:
    descriptor = os.open(namespace, os.O_RDONLY)
    _set_namespace(descriptor)
    os.close(descriptor)


def _set_namespace(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def settles(what: str, machine: Machine) -> psutil.Process:
    """The machine's worker, once there is one."""
    return wait_for(what, machine.worker, seconds=60)
