"""Whole trees of processes: who they are (pid and start time, so that a reused pid is never mistaken), who
descends from whom, and how to leave none of them running. Standard library only on Linux; psutil
elsewhere."""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LINUX = sys.platform == "linux"
_libc: Any = ctypes.CDLL(None, use_errno=True) if _LINUX else None


class Process(NamedTuple):
    """One process as seen at one moment; `start_time` is in the system's own units and only ever compared."""

    pid: int
    parent: int
    session: int
    start_time: float
    dead: bool


def boot_id() -> str:
    """Changes with every start of the machine; empty where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def look_up(pid: int) -> Process | None:
    """The process with this pid; None when there is none."""
    if not _LINUX:
        return next((process for process in processes() if process.pid == pid), None)
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return _parse(pid, file.read())
    except (OSError, ValueError, IndexError):
        return None


def _parse(pid: int, stat: bytes) -> Process:
    # The command's name, in brackets, may hold spaces and brackets: everything of interest is behind the last
    # one.
    fields = stat[stat.rindex(b")") + 2 :].split()
    state = fields[0]
    return Process(pid, int(fields[1]), int(fields[3]), float(fields[19]), state in {b"Z", b"X", b"x"})


def processes() -> list[Process]:
    """Every process of the machine that we may see."""
    if not _LINUX:
        return _portable_processes()
    found = (look_up(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return [process for process in found if process is not None]


def _portable_processes() -> list[Process]:
    import psutil  # slow to import, and needed only where there is no /proc

    found: list[Process] = []
    for process in psutil.process_iter():
        try:
            dead = process.status() == psutil.STATUS_ZOMBIE
            session = os.getsid(process.pid)
            found.append(Process(process.pid, process.ppid(), session, process.create_time(), dead))
        except (psutil.Error, OSError):
            continue
    return found


def is_alive(pid: int, start_time: float, boot: str | None = None) -> bool:
    """Whether this very process still runs: not a later one with the same pid, not a zombie, not an earlier
    boot's."""
    if boot is not None and boot != boot_id():
        return False
    process = look_up(pid)
    return process is not None and not process.dead and process.start_time == start_time


def with_descendants(roots: Iterable[int], everything: Iterable[Process]) -> set[int]:
    """The pids of `roots` and of all that descend from them."""
    children: dict[int, list[int]] = {}
    for process in everything:
        children.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting.extend(children.get(pid, ()))
    return found


def become_subreaper() -> None:
    """From now on every orphaned descendant becomes our own child, whatever session it moved to."""
    if _LINUX:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(number: int) -> None:
    """Be sent this signal when the thread that started us ends."""
    if _LINUX:
        _libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process that may already be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def kill_own_descendants(patience: float = 10.0) -> list[int]:
    """Kill and reap everything below a subreaper; returns the pids that would not die within `patience`
    seconds.

    A process that forks faster than we look is caught by looking again: all of them end up as our children,
    and having no child left is the proof."""
    deadline = time.monotonic() + patience
    while True:
        below = with_descendants([os.getpid()], processes()) - {os.getpid()}
        for pid in below:
            kill(pid)
        if not reap() and not (below if not _LINUX else ()):
            return []
        if time.monotonic() > deadline:
            return sorted(below)
        time.sleep(0.002)


def reap(on_end: Callable[[int, int], None] = lambda pid, status: None) -> bool:
    """Collect every child that has ended, `on_end(pid, wait status)` for each; whether any child is left."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True
        on_end(pid, status)


def leftovers(leader: tuple[int, float] | None, mark: str) -> set[int]:
    """What is left of an agent whose supervisor is gone: its leader (pid, start time), the leader's session,
    every process whose environment names `mark` (a path of the attempt's directory), and all their
    descendants."""
    everything = [process for process in processes() if not process.dead]
    roots = {process.pid for process in everything if _names(process.pid, mark)}
    if leader is not None:
        pid, start_time = leader
        now_there = next((process for process in everything if process.pid == pid), None)
        if now_there is None or now_there.start_time == start_time:
            roots |= {p.pid for p in everything if p.session == pid and p.start_time >= start_time}
    return with_descendants(roots, everything) - _own_line(everything)


def _names(pid: int, mark: str) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark.encode() in file.read()
    except OSError:
        return False


def _own_line(everything: Iterable[Process]) -> set[int]:
    """Ourselves and our ancestors: never to be killed, whatever their environment says."""
    parents = {process.pid: process.parent for process in everything}
    line: set[int] = set()
    pid = os.getpid()
    while pid and pid not in line:
        line.add(pid)
        pid = parents.get(pid, 0)
    return line


def kill_leftovers(leader: tuple[int, float] | None, mark: str, patience: float = 10.0) -> list[int]:
    """Kill what is left of a dead supervisor's agent; returns the pids that would not die in time."""
    deadline = time.monotonic() + patience
    while remaining := leftovers(leader, mark):
        if time.monotonic() > deadline:
            return sorted(remaining)
        for pid in remaining:
            kill(pid)
        time.sleep(0.005)
    return []
