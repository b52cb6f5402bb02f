"""The supervisor's life: own one attempt's agent from its start to a written result, and leave nothing
running."""

import contextlib
import errno
import json
import os
import selectors
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.adapters.supervisor import agent_process, claude_stream, files, lost, process_tree, redaction, streams
from bot.adapters.supervisor.beat import Silence

_TICK = 0.03  # seconds between two looks at stop.json and the clocks
_PROGRESS_EVERY = 0.2
_LOCK_PATIENCE = 10.0
_SPACE_EVERY = 1.0

OnStep = Callable[[str], None]


def nothing(step: str) -> None:
    """The default `on_step`. Tests pass one that kills the process at a named step."""


def take_over(directory: Path) -> int | None:
    """Take the attempt's lock and say who we are; None when another supervisor lives or the result is there.

    A reader may hold the lock for a moment, so a taken lock means a rival only if a living one has signed."""
    deadline = time.monotonic() + _LOCK_PATIENCE
    while (lock := files.try_lock(directory)) is None:
        rival = files.read_json(directory / files.SUPERVISOR)
        if lost.lives(rival) or time.monotonic() > deadline:
            return None
        time.sleep(0.002)
    if (directory / files.RESULT).exists():
        os.close(lock)
        return None
    return lock


def sign(directory: Path) -> bool:
    """Write supervisor.json; whether an earlier supervisor had signed before."""
    had_predecessor = (directory / files.SUPERVISOR).exists()
    me = process_tree.look_up(os.getpid())
    record = {
        "pid": os.getpid(),
        "start_time": me.start_time if me else 0,
        "boot_id": process_tree.boot_id(),
        "host": os.uname().nodename,
    }
    # Of use on this boot only: it need not reach the disk.
    files.write_atomically(directory / files.SUPERVISOR, json.dumps(record), durable=False)
    return had_predecessor


def supervise(directory: Path, *, had_predecessor: bool, on_step: OnStep = nothing) -> None:
    """Run the attempt's agent to its end and write result.json. The caller holds the lock.

    An attempt whose agent may have run under an earlier supervisor is never started again: what is left of it
    is killed and the result says `lost`."""
    if (directory / files.AGENT).exists():
        lost.settle(directory, "the supervisor died while the agent was running")
        return
    launch = files.read_json(directory / files.LAUNCH)
    if launch is None:
        _write_result(directory, not_started="launch.json cannot be read")
        return
    reason = _stop_reason(directory)
    if reason is not None:
        _write_result(directory, stopped=reason)
        return
    process_tree.become_subreaper()
    # Nobody would end what the agent begins, if we were terminated before we watch it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        agent = agent_process.start(directory, launch, on_step, had_predecessor=had_predecessor)
    except (agent_process.CannotStart, OSError) as error:
        _write_result(directory, left_running=process_tree.kill_own_descendants(), not_started=str(error))
        return
    try:
        watch = _Watch(directory, launch, agent)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        watch.until_the_agent_ends()
        on_step("ended")
    finally:
        left_running = process_tree.kill_own_descendants()
    watch.close()
    on_step("cleaned")
    if watch.unasked:
        # Beside the result, which a worker of an older release has to be able to read.
        files.write_once(directory / files.UNASKED, "")
    _write_result(directory, left_running=left_running, **watch.ending())
    on_step("written")


def _stop_reason(directory: Path) -> str | None:
    request = files.read_json(directory / files.STOP)
    return None if request is None else str(request.get("reason", ""))


def _write_result(directory: Path, **ending: Any) -> None:
    """On a full disk this waits for space: what the agent did was paid, and must be known."""
    while True:
        try:
            files.write_once(directory / files.RESULT, json.dumps(ending))
            return
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            time.sleep(_SPACE_EVERY)


class _Watch:
    """Everything that happens between an agent's start and its end."""

    def __init__(self, directory: Path, launch: dict[str, Any], agent: agent_process.AgentProcess) -> None:
        self._directory = directory
        self._launch = launch
        self._agent = agent
        self._started = self._last_sign = time.monotonic()
        self._status: int | None = None
        self._stopped: str | None = None
        self.unasked = False
        self._silence = Silence(directory.parent)
        self._patience: float | None = launch.get("worker_patience_seconds")
        self._waits_alone = bool(launch.get("waits_alone"))
        self._timed_out: str | None = None
        self._ladder: list[tuple[str, float]] = []
        self._next_rung = 0.0
        self._seconds = 0.0
        self._progress_due = 0.0
        # What speaks in lines is kept line by line, without those that only repeat in pieces what comes whole.
        self._in_lines = launch.get("speaks") == "claude"
        self._reported = claude_stream.ClaudeStream() if self._in_lines else streams.Reported()
        self._lines = streams.Lines(self._on_line)
        self._captures = {agent.stdout: streams.Capture(directory / files.STDOUT, launch["stdout_limit"])}
        if agent.stderr is not None:
            self._captures[agent.stderr] = streams.Capture(directory / files.STDERR, launch["stderr_limit"])
        secrets = redaction.secrets_in(launch.get("secret_files", ()))
        self._redactors = {descriptor: redaction.Redactor(secrets) for descriptor in self._captures}
        self._stdin_left = launch["stdin"].encode()
        self._stdin_is_open = True
        self._selector = selectors.DefaultSelector()
        for descriptor in self._captures:
            self._selector.register(descriptor, selectors.EVENT_READ)
        if self._stdin_left:
            self._selector.register(agent.stdin, selectors.EVENT_WRITE)
        else:
            self._finish_stdin()
        self._alarm, alarm = os.pipe()
        os.set_blocking(self._alarm, False)
        os.set_blocking(alarm, False)
        signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._stop("the supervisor was terminated", unasked=True))
        self._selector.register(self._alarm, selectors.EVENT_READ)

    def until_the_agent_ends(self) -> None:
        """Returns when the agent's first process has ended, by itself or at the end of the ladder. Never
        waits for the end of a pipe: a grandchild may keep it open for ever."""
        while True:
            process_tree.reap(self._on_end)
            if self._status is not None:
                break
            for key, _ in self._selector.select(_TICK):
                self._serve(key.fd)
            self._look_at_the_clocks()
            self._climb()
            self._publish_progress()
        self._seconds = time.monotonic() - self._started

    def close(self) -> None:
        """Take what is still in the pipes (whoever wrote there is dead now) and close the files."""
        for descriptor, redactor in self._redactors.items():
            while self._read(descriptor):
                pass
            self._take(descriptor, redactor.close())
        self._lines.close()
        for capture in self._captures.values():
            capture.close()
        for name in self._launch["outputs"]:
            _force_to_disk(self._directory / name)
        self._publish_progress(final=True)

    def ending(self) -> dict[str, Any]:
        """The result's fields; see `Ending`."""
        status = self._status or 0
        return {
            "exit_code": os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else None,
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            "stopped": self._stopped,
            "timed_out": self._timed_out,
            "seconds": round(self._seconds, 3),
            "reported": self._reported.values,
        }

    def _on_end(self, pid: int, status: int) -> None:
        if pid == self._agent.pid:
            self._status = status

    def _serve(self, descriptor: int) -> None:
        if descriptor == self._alarm:
            with contextlib.suppress(BlockingIOError):
                os.read(descriptor, 4096)
        elif descriptor == self._agent.stdin:
            self._write_stdin()
        elif not self._read(descriptor):
            self._selector.unregister(descriptor)

    def _read(self, descriptor: int) -> bool:
        """Take one piece of output; False when there is none for now and, in the loop, for ever."""
        try:
            data = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return False
        if data:
            self._last_sign = time.monotonic()
            self._take(descriptor, self._redactors[descriptor].feed(data))
        return bool(data)

    def _take(self, descriptor: int, data: bytes) -> None:
        is_stdout = descriptor == self._agent.stdout
        if is_stdout:
            self._lines.feed(data)
        if not (is_stdout and self._in_lines):
            self._captures[descriptor].feed(data)

    def _on_line(self, line: bytes) -> None:
        if self._reported.feed(line) and self._in_lines:
            self._captures[self._agent.stdout].feed(line + b"\n")
        if self._reported.is_over and not self._stdin_left:
            self._close_stdin()

    def _write_stdin(self) -> None:
        try:
            written = os.write(self._agent.stdin, self._stdin_left[: 1 << 16])
        except BlockingIOError:
            return
        except OSError:
            # It does not read (any more): its right.
            written = len(self._stdin_left)
        self._stdin_left = self._stdin_left[written:]
        if not self._stdin_left:
            self._selector.unregister(self._agent.stdin)
            self._finish_stdin()

    def _finish_stdin(self) -> None:
        if self._launch["interrupt_line"] is None or self._reported.is_over:
            self._close_stdin()

    def _close_stdin(self) -> None:
        if self._stdin_is_open:
            self._stdin_is_open = False
            os.close(self._agent.stdin)

    def _look_at_the_clocks(self) -> None:
        if self._ladder or self._stopped is not None or self._timed_out is not None:
            return
        now = time.monotonic()
        reason = _stop_reason(self._directory)
        if reason is not None:
            self._stop(reason)
        elif self._silence.is_too_long(self._patience, waits_alone=self._waits_alone):
            self._stop(f"no worker of this machine has been seen for {self._patience:.0f} seconds", unasked=True)
        elif now - self._started > self._launch["wall_seconds"]:
            self._timed_out = "wall"
        elif now - self._last_sign > self._launch["idle_seconds"]:
            self._timed_out = "idle"
        if self._timed_out is not None:
            self._set_up_the_ladder()

    def _stop(self, reason: str, *, unasked: bool = False) -> None:
        if self._stopped is None and self._timed_out is None:
            self._stopped, self.unasked = reason, unasked
            self._set_up_the_ladder()

    def _set_up_the_ladder(self) -> None:
        self._ladder = [(rung, float(seconds)) for rung, seconds in self._launch["ladder"]]
        self._next_rung = time.monotonic()

    def _climb(self) -> None:
        """One rung of the interrupt ladder when its time has come: gentle first, so that the agent can still
        say what it did and what that cost. The last rung is always SIGKILL, again and again."""
        if not (self._ladder or self._next_rung) or time.monotonic() < self._next_rung:
            return
        rung, patience = self._ladder.pop(0) if self._ladder else ("SIGKILL", 0.2)
        if rung == "line":
            with contextlib.suppress(OSError):
                # A descriptor that we have closed may be somebody else's by now.
                if self._stdin_is_open:
                    os.write(self._agent.stdin, (self._launch["interrupt_line"] or "").encode())
        elif rung == "SIGKILL":
            process_tree.kill(self._agent.pid)
        else:
            number = signal.Signals[rung]
            with contextlib.suppress(OSError):
                os.killpg(self._agent.pid, number)
        self._next_rung = time.monotonic() + patience

    def _publish_progress(self, *, final: bool = False) -> None:
        now = time.monotonic()
        if self._reported.changed and (final or now >= self._progress_due):
            self._reported.changed = False
            self._progress_due = now + _PROGRESS_EVERY
            with contextlib.suppress(OSError):
                text = json.dumps({**self._reported.values, "at": time.time()})
                files.write_atomically(self._directory / files.PROGRESS, text, durable=False)


def _force_to_disk(path: Path) -> None:
    """What the agent handed back must not be younger on the disk than the result that speaks of it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
