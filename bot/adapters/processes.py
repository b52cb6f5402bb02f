"""Running a repository's own commands (its tests, its build): bounded in time and output, nothing left
behind.

A command runs below an attached supervisor, which ends with the worker and takes the whole tree with it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bot.adapters.agents.contract import Ending, Launch
from bot.adapters.environment import allowed_environment
from bot.adapters.supervisor import files, lost, process_tree
from bot.adapters.supervisor.supervisors import supervisor_argv, supervisor_environment
from bot.domain.commands_run import CommandResult

_TRIES = 3
_ASK_EVERY = 0.25
_PATIENCE = 5.0


def run_command(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float,
    output_limit: int = 256 * 1024,
    record: Path,
    stop_requested: Callable[[], str | None] = lambda: None,
) -> CommandResult:
    """Run `argv` in `cwd` for at most `timeout` seconds; stdout and stderr together, the middle left out
    beyond `output_limit` bytes.

    The environment is the allowed one (no token is ever in it) with a HOME and TMPDIR of its own, plus `env`.
    `record` is a directory of this command's own: a leftover of an execution whose worker was killed is found
    there and killed first; it is removed at the end. A command whose own supervisor gets killed runs again.
    `stop_requested` is asked several times a second; a reason ends the command (`CommandResult.stopped`)."""
    record = record.absolute()
    for tries_left in reversed(range(_TRIES)):
        _clear(record)
        ending = _run_once(argv, cwd, env or {}, timeout, output_limit, record, stop_requested)
        if ending is not None or tries_left == 0:
            if ending is None:
                lost.sweep(record)
            output = (files.read_regular(record / files.STDOUT) or b"").decode("utf-8", "replace")
            files.remove_tree(record)
            return _as_result(argv, cwd, ending or Ending(lost="its supervisor was killed"), output)
    raise AssertionError("not reached")


def _run_once(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    timeout: float,
    output_limit: int,
    record: Path,
    stop_requested: Callable[[], str | None],
) -> Ending | None:
    """One execution; None when its supervisor died on the way."""
    launch = Launch(
        argv=tuple(argv),
        env={**allowed_environment(record / files.HOME, record / files.TMP), **env},
        cwd=os.fspath(cwd),
        wall_seconds=timeout,
        idle_seconds=timeout + 60,
        ladder=(("SIGTERM", 1.0),),
        stdout_limit=output_limit,
        merge_stderr=True,
    )
    files.write_atomically(record / files.LAUNCH, launch.model_dump_json(), durable=False)
    process = subprocess.Popen(
        supervisor_argv(sys.executable, "--attached-to", str(os.getpid()), os.fspath(record)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=record,
        env=supervisor_environment(),
        start_new_session=True,
    )
    try:
        _watch(process, record, stop_requested)
    except BaseException:
        process.terminate()
        raise
    result = files.read_regular(record / files.RESULT)
    return None if result is None else Ending.model_validate_json(result)


def _watch(process: subprocess.Popen[bytes], record: Path, stop_requested: Callable[[], str | None]) -> None:
    while True:
        try:
            process.wait(_ASK_EVERY)
            return
        except subprocess.TimeoutExpired:
            reason = stop_requested()
            if reason is not None:
                files.write_atomically(record / files.STOP, json.dumps({"reason": reason}), durable=False)


def _clear(record: Path) -> None:
    """Leave an empty record, with nothing of an earlier execution running.

    An earlier supervisor was told to end when its worker died; one that does not is killed."""
    record.mkdir(mode=0o700, parents=True, exist_ok=True)
    told_at = time.monotonic()
    while (lock := files.try_lock(record)) is None:
        supervisor = files.read_json(record / files.SUPERVISOR)
        if supervisor is not None and lost.lives(supervisor) and time.monotonic() - told_at > _PATIENCE:
            process_tree.kill(supervisor["pid"])
        time.sleep(0.01)
    try:
        lost.sweep(record)
        for path in record.iterdir():
            if path.is_dir() and not path.is_symlink():
                files.remove_tree(path)
            elif path.name != files.LOCK:
                path.unlink()
        for name in (files.HOME, files.TMP):
            (record / name).mkdir(mode=0o700)
    finally:
        os.close(lock)


def _as_result(argv: Sequence[str], cwd: Path, ending: Ending, output: str) -> CommandResult:
    return CommandResult(
        argv=tuple(argv),
        cwd=os.fspath(cwd),
        exit_code=ending.exit_code,
        signal=ending.signal,
        output=output,
        seconds=ending.seconds,
        timed_out=ending.timed_out is not None,
        stopped=ending.stopped,
        not_started=ending.not_started or ending.lost,
    )
