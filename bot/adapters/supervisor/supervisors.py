"""The worker's side of the supervisors: start one for an attempt, watch it, ask it to stop, read its result.

Nothing here is remembered in the worker: every answer comes from the attempt's directory, so that any worker
of this machine, also one started after a kill -9, may ask.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from pydantic import BaseModel

import bot
from bot.adapters.agents import agent
from bot.adapters.agents.contract import Ending, Finished, Gone, Launch, Progress, Running
from bot.adapters.environment import allowed_environment
from bot.adapters.supervisor import files, lives, lost
from bot.domain.agents import AgentRequest, AgentResult, AgentStatus
from bot.domain.errors import UserError
from bot.domain.refs import AttemptRef

_LOOK_EVERY = 0.02  # seconds between two looks for a result
_START_PATIENCE = 30.0
_STARTS = 3


def supervisor_argv(python: str, *arguments: str) -> list[str]:
    """The command line of a supervisor process. It needs the standard library alone (`-S`), and starts faster so."""
    return [python, "-S", "-P", "-m", "bot.adapters.supervisor", *arguments]


def supervisor_environment() -> dict[str, str]:
    """The environment of a supervisor process: the allowed one, and where this very code is."""
    return {**allowed_environment(), "PYTHONPATH": os.fspath(Path(bot.__file__).parent.parent)}


class Supervisors:
    """The supervisors of this machine, one directory an attempt below `root`.

    `agent_calls_file`, if given, gets one line at each start of an agent whose launch names no file itself.
    An agent is stopped when no worker of this machine has touched the beat for `worker_patience_seconds` (None: it
    works on, however long that takes; with `waits_alone` so it does while no other machine has a worker).
    `on_step` is called between every two steps of `start`; tests kill the process there."""

    def __init__(
        self,
        root: Path,
        *,
        python: str = sys.executable,
        agent_calls_file: Path | None = None,
        worker_patience_seconds: float | None = None,
        waits_alone: bool = False,
        on_step: Callable[[str], None] = lambda step: None,
    ) -> None:
        self.root = root.resolve()
        self._patience, self._waits_alone = worker_patience_seconds, waits_alone
        self._python = python
        self._calls = agent_calls_file.resolve() if agent_calls_file is not None else None
        self._on_step = on_step

    def directory(self, attempt: AttemptRef) -> Path:
        """Where the attempt's files are (or will be)."""
        return self.root / attempt.key

    def knows(self, attempt: AttemptRef) -> bool:
        """Whether the attempt's agent was asked for before: then nothing but `wait` is needed to go on with it."""
        directory = self.directory(attempt)
        return self._is_settled(directory) or (directory / files.LAUNCH).exists()

    def start(self, request: AgentRequest, launch: Launch) -> None:
        """Make sure that the attempt's agent runs, has run, or will never run twice.

        May be repeated after a crash at any point and called by several workers at once: files first (the
        first writer's stay), then a supervisor unless one lives; the lock decides between two. Returns when a
        supervisor owns the attempt."""
        directory = self.directory(request.attempt)
        if self._is_settled(directory):
            return
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (files.HOME, files.TMP, files.OUT):
            (directory / name).mkdir(mode=0o700, exist_ok=True)
        files.sync_directory(self.root)
        self._on_step("directory")
        _write_first(directory / files.REQUEST, request)
        self._on_step("request")
        if not (directory / files.LAUNCH).exists():
            files.write_once(directory / files.LAUNCH, self._launch_text(request, launch))
        self._on_step("launch")
        self._spawn(directory)
        self._on_step("spawned")

    def poll(self, attempt: AttemptRef) -> Running | Finished | Gone:
        """How the attempt's agent stands now."""
        directory = self.directory(attempt)
        finished = self._finished(directory)
        if finished is not None:
            return finished
        if lost.lives(files.read_json(directory / files.SUPERVISOR)):
            return Running(progress=_progress(directory))
        if directory.is_dir():
            with files.lock_if_free(directory) as was_free:
                pass
            if not was_free:
                return Running(progress=_progress(directory))
        # It may have finished between our first look and its end.
        return self._finished(directory) or Gone()

    def wait(
        self,
        attempt: AttemptRef,
        *,
        stop_requested: Callable[[], str | None] = lambda: None,
        interval: float = 0.5,
    ) -> AgentResult:
        """Watch an attempt to its end, calling `stop_requested` every `interval` seconds: a reason it returns
        is passed on to the supervisor.

        An attempt whose supervisor died is `lost`, once nothing of it is left running; if its agent cannot
        have been started yet, a new supervisor is started instead (a few times)."""
        starts_left = _STARTS
        ask_at = time.monotonic()
        asked = False
        while True:
            state = self.poll(attempt)
            if isinstance(state, Finished):
                return state.result
            if isinstance(state, Gone):
                starts_left -= 1
                self._recover(attempt, may_start=starts_left > 0)
                if not self.directory(attempt).is_dir():
                    return AgentResult(status=AgentStatus.LOST, detail="This machine knows nothing of the attempt.")
            elif not asked and time.monotonic() >= ask_at:
                ask_at = time.monotonic() + interval
                reason = stop_requested()
                if reason is not None:
                    self.request_stop(attempt, reason)
                    asked = True
            time.sleep(_LOOK_EVERY)

    def go_on(self, request: AgentRequest) -> bool:
        """Have an agent whose end nobody wanted go on where it was, if it can: in its session, in the same workspace.
        False when the result that it has is final.

        May be repeated after a crash at any point, and called by several workers at once."""
        directory = self.directory(request.attempt)
        if not directory.is_dir():
            return False
        with files.lock_if_free(directory) as ours:
            result = files.read_regular(directory / files.RESULT)
            if not ours or result is None:
                return True  # somebody was here before us, or is: there is something to wait for
            if (directory / files.STOP).exists() or (directory / files.ANSWER).exists():
                return False
            ending, number = Ending.model_validate_json(result), len(lives.earlier(directory)) + 2
            ending = ending.model_copy(update={"unasked": (directory / files.UNASKED).exists()})
            if not ending.by_nobody or number > lives.MOST:
                return False
            try:
                launch = agent(request.agent).go_on(request, directory, ending)
            except UserError:
                return False
            if launch is None:
                return False
            lives.begin_another(directory, self._launch_text(request, launch, life=number))
        self._on_step("another life")
        self._spawn(directory)
        return True

    def request_stop(self, attempt: AttemptRef, reason: str) -> None:
        """Ask for an end; the first reason stays. An attempt that was not started yet will then never
        start."""
        directory = self.directory(attempt)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (directory / files.STOP).exists():
            files.write_once(directory / files.STOP, json.dumps({"reason": reason[:1000]}))

    def live(self) -> list[str]:
        """The keys of the attempts that have a living supervisor on this machine, sorted."""
        if not self.root.is_dir():
            return []
        names = (path.name for path in self.root.iterdir() if path.is_dir())
        return sorted(n for n in names if lost.lives(files.read_json(self.root / n / files.SUPERVISOR)))

    def release(self, attempt: AttemptRef) -> None:
        """Free the disk of an ended attempt: its result and its bounded output stay, so that asking again (or
        starting again) finds the same answer; everything the agent kept for itself goes. May be repeated.
        Raises RuntimeError while it has no result."""
        directory = self.directory(attempt)
        state = self.poll(attempt)
        if isinstance(state, Running) or (isinstance(state, Gone) and directory.exists()):
            raise RuntimeError(f"{attempt.key} has no result yet")
        if isinstance(state, Finished):
            files.write_once(directory / files.ANSWER, state.result.model_dump_json())
            (directory / files.SUPERVISOR).unlink(missing_ok=True)  # so that `live` need not read it again and again
            for name in (files.HOME, files.TMP, files.OUT):
                files.remove_tree(directory / name)

    def forget(self, attempt: AttemptRef, *, asked_before: float) -> None:
        """Remove everything of an attempt of this name that was asked before that time (seconds since the epoch),
        once nothing of it runs; one that was asked later, or never, is left alone."""
        directory = self.directory(attempt)
        request = directory / files.REQUEST
        if not request.exists() or request.lstat().st_mtime >= asked_before:
            return
        if isinstance(self.poll(attempt), Running):
            self.request_stop(attempt, "the database was restored to a time before this was asked")
            self.wait(attempt)
        files.remove_tree(directory)

    def leftovers(self, in_use: Iterable[str], *, older_than_seconds: float) -> set[str]:
        """Remove everything of attempts that ended so long ago, but for those in `in_use` and those that run after
        all; their keys."""
        return files.remove_old(self.root, {*in_use, *self.live()}, older_than_seconds=older_than_seconds)

    def _launch_text(self, request: AgentRequest, launch: Launch, *, life: int = 1) -> str:
        attempt = request.attempt
        call = {
            "attempt": attempt.key,
            "run": attempt.run_id,
            "stage": attempt.stage,
            "number": attempt.number,
            "agent": request.agent,
            "role": request.role,
            **({} if life == 1 else {"life": life}),
        }
        counted = {} if self._calls is None or launch.agent_calls_file else {"agent_calls_file": str(self._calls)}
        patience = {"worker_patience_seconds": self._patience, "waits_alone": self._waits_alone}
        return json.dumps({**launch.model_dump(mode="json"), **counted, **patience, "call": call})

    def _spawn(self, directory: Path) -> None:
        if lost.lives(files.read_json(directory / files.SUPERVISOR)):
            return
        with open(directory / files.LOG, "ab") as log:
            process = subprocess.Popen(
                supervisor_argv(self._python, os.fspath(directory)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory,
                env=supervisor_environment(),
                start_new_session=True,
            )
        try:
            process.wait(_START_PATIENCE)
        except subprocess.TimeoutExpired:
            # Slow is not dead: whoever waits for the attempt finds out.
            return

    def _recover(self, attempt: AttemptRef, *, may_start: bool) -> None:
        """The attempt's supervisor is gone. Without agent.json its agent cannot have run: try again. Else (or
        when trying does not help) make sure that nothing runs and settle it as lost."""
        directory = self.directory(attempt)
        if not directory.is_dir():
            return
        with files.lock_if_free(directory) as ours:
            if not ours or (directory / files.RESULT).exists():
                return
            never_started = not (directory / files.AGENT).exists()
            if not (never_started and may_start and (directory / files.LAUNCH).exists()):
                lost.settle(directory, _how_it_was_lost(directory, never_started))
                return
        self._spawn(directory)

    def _is_settled(self, directory: Path) -> bool:
        return (directory / files.RESULT).exists() or (directory / files.ANSWER).exists()

    def _finished(self, directory: Path) -> Finished | None:
        answer = files.read_regular(directory / files.ANSWER)
        if answer is not None:
            return Finished(result=AgentResult.model_validate_json(answer))
        result = files.read_regular(directory / files.RESULT)
        if result is None:
            return None
        ending = Ending.model_validate_json(result)
        request = files.read_json(directory / files.REQUEST)
        if request is None:
            detail = ending.lost or "The attempt was never asked for."
            return Finished(result=AgentResult(status=AgentStatus.LOST, detail=detail))
        return Finished(result=agent(request["agent"]).result(directory, ending))


def _write_first(path: Path, value: BaseModel) -> None:
    if not path.exists():
        files.write_once(path, value.model_dump_json())


def _progress(directory: Path) -> Progress:
    return Progress.model_validate(files.read_json(directory / files.PROGRESS) or {})


def _how_it_was_lost(directory: Path, never_started: bool) -> str:
    if not never_started:
        return "The agent's supervisor died while the agent was running."
    log = (files.read_regular(directory / files.LOG) or b"")[-2000:].decode("utf-8", "replace").strip()
    return f"No supervisor could be started. {log}".strip()
