"""Starting the agent's process so that a crash at any point leaves either no agent or a recorded one."""

import json
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from bot.adapters.supervisor import files, process_tree


class AgentProcess(NamedTuple):
    """A started agent: its pid (also its session and process group) and our ends of its pipes."""

    pid: int
    stdin: int
    stdout: int
    stderr: int | None


class CannotStart(Exception):
    """The agent's program could not be executed; the message says why."""


def confined(launch: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """The argv and environment that are really executed: the place where a sandbox wraps the agent's argv,
    and where the address of a model proxy (which meters and caps) enters its environment. Neither exists
    yet."""
    return list(launch["argv"]), dict(launch["env"])


def start(
    directory: Path, launch: dict[str, Any], on_step: Callable[[str], None], *, had_predecessor: bool
) -> AgentProcess:
    """Start the agent of an attempt. The child waits behind a pipe until it is counted and recorded:

    fork → count it (agent_calls_file) → record it (agent.json) → let it execute the program.

    If we die before the last step the child sees the pipe's end and exits without having executed anything;
    so without agent.json no agent ever ran, and with it one may have. Raises CannotStart."""
    argv, environment = confined(launch)
    their_stdin, stdin = os.pipe()
    stdout, their_stdout = os.pipe()
    stderr, their_stderr = (None, their_stdout) if launch["merge_stderr"] else os.pipe()
    gate, opener = os.pipe()
    trouble, report = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(opener)
            _become_the_agent(argv, environment, launch["cwd"], (their_stdin, their_stdout, their_stderr), gate)
        except BaseException as error:
            os.write(report, f"{argv[0]}: {getattr(error, 'strerror', None) or error}".encode()[:1000])
        finally:
            os._exit(127)
    for descriptor in {their_stdin, their_stdout, their_stderr, gate, report}:
        os.close(descriptor)
    try:
        on_step("forked")
        if not (had_predecessor and _is_counted(launch)):
            _count(launch)
        on_step("counted")
        child = process_tree.look_up(pid)
        record = {
            "pid": pid,
            "start_time": child.start_time if child else 0,
            "boot_id": process_tree.boot_id(),
            "at": time.time(),
        }
        files.write_atomically(directory / files.AGENT, json.dumps(record))
        on_step("recorded")
        os.write(opener, b"\n")
    finally:
        os.close(opener)
    on_step("released")
    # Ends when the program is executed (the pipe is closed by that) or has reported why it was not.
    failure = b""
    while chunk := os.read(trouble, 4096):
        failure += chunk
    os.close(trouble)
    if failure:
        raise CannotStart(failure.decode("utf-8", "replace"))
    for descriptor in (stdin, stdout, *(() if stderr is None else (stderr,))):
        os.set_blocking(descriptor, False)
    return AgentProcess(pid, stdin, stdout, stderr)


def _become_the_agent(
    argv: list[str], environment: dict[str, str], cwd: str, streams: tuple[int, int, int], gate: int
) -> NoReturn:
    os.setsid()
    process_tree.die_with_parent(signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if not os.read(gate, 1):
        os._exit(127)
    for target, descriptor in enumerate(streams):
        os.dup2(descriptor, target)
    os.umask(0o022)
    os.chdir(cwd)
    os.execvpe(argv[0], argv, environment)


def _count(launch: dict[str, Any]) -> None:
    """Append the one line that says an agent starts."""
    if launch["agent_calls_file"] is None:
        return
    line = {**launch["call"], "at": datetime.now(UTC).isoformat()}
    descriptor = os.open(launch["agent_calls_file"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, json.dumps(line).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_counted(launch: dict[str, Any]) -> bool:
    """Whether a predecessor left the attempt's line behind: it died before its record, so without having
    started anything, and the line is ours now."""
    try:
        lines = Path(launch["agent_calls_file"] or os.devnull).read_bytes().splitlines()
    except FileNotFoundError:
        return False
    mine = launch["call"]["attempt"], launch["call"].get("life", 1)
    needle = b'"attempt": ' + json.dumps(mine[0]).encode()
    calls = (json.loads(line) for line in lines if needle in line)
    return any((call["attempt"], call.get("life", 1)) == mine for call in calls)
