"""Check commands: bounded, clean, and gone with their worker."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import bot
from bot.adapters.processes import run_command
from bot.adapters.supervisor import files
from tests.adapters.supervisor.attempts import Attempts, gone, until

REPOSITORY = Path(bot.__file__).parent.parent
CALLER = """
import sys
from pathlib import Path
from bot.adapters.processes import run_command
run_command(sys.argv[3:], cwd=Path(sys.argv[1]), timeout=60, record=Path(sys.argv[2]))
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-c", code]


@pytest.fixture
def record(attempts: Attempts) -> Path:
    return attempts.folder / "checks" / "tests"


def test_a_command_tells_its_code_and_all_it_printed_in_order(attempts: Attempts, record: Path) -> None:
    code = "import os, sys; [os.write(fd, b'%d\\n' % fd) for fd in (1, 2, 1)]; print(os.getcwd()); sys.exit(3)"
    result = run_command(python(code), cwd=attempts.workspace, timeout=30, record=record)
    assert result.output == f"1\n2\n1\n{attempts.workspace}\n"
    assert (result.exit_code, result.signal, result.timed_out) == (3, None, False)
    assert result.cwd == str(attempts.workspace)
    assert not record.exists()


def test_a_command_gets_no_secret(attempts: Attempts, record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_secret")
    result = run_command(["env"], cwd=attempts.workspace, env={"CI": "true"}, timeout=30, record=record)
    names = {line.partition("=")[0] for line in result.output.splitlines()}
    assert "CI" in names
    assert names <= {"PATH", "LANG", "LANGUAGE", "TZ", "LC_ALL", "LC_CTYPE", "TERM", "HOME", "TMPDIR", "CI"}


def test_a_long_output_keeps_both_ends(attempts: Attempts, record: Path) -> None:
    code = "print('begin'); print('x' * 5_000_000); print('end')"
    result = run_command(python(code), cwd=attempts.workspace, timeout=30, output_limit=1000, record=record)
    assert result.output.startswith("begin\n")
    assert result.output.endswith("end\n")
    assert "bytes left out]" in result.output
    assert len(result.output) < 1100


def test_time_runs_out_for_the_whole_tree(attempts: Attempts, record: Path) -> None:
    code = (
        "import signal, subprocess, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "p = subprocess.Popen(['sleep', '600'], start_new_session=True, env={});"
        "open('child', 'w').write(f'{p.pid}\\n'); time.sleep(600)"
    )
    result = run_command(python(code), cwd=attempts.workspace, timeout=1, record=record)
    assert result.timed_out
    assert result.exit_code is None
    assert gone(int(attempts.noted("child")))


def test_what_a_command_leaves_in_the_background_ends_with_it(attempts: Attempts, record: Path) -> None:
    command = ["sh", "-c", "setsid sleep 600 & echo $! > child; exit 0"]
    result = run_command(command, cwd=attempts.workspace, timeout=30, record=record)
    assert result.exit_code == 0
    assert gone(int(attempts.noted("child")))


def test_a_command_that_does_not_exist_is_told(attempts: Attempts, record: Path) -> None:
    result = run_command(["no-such-thing"], cwd=attempts.workspace, timeout=30, record=record)
    assert result.exit_code is None
    assert result.not_started == "no-such-thing: No such file or directory"


def test_a_command_ends_when_somebody_asks_for_it(attempts: Attempts, record: Path) -> None:
    begun = attempts.workspace / "begun"
    result = run_command(
        ["sh", "-c", "echo > begun; sleep 600"],
        cwd=attempts.workspace,
        timeout=30,
        record=record,
        stop_requested=lambda: "/cancel" if begun.exists() else None,
    )
    assert result.stopped == "/cancel"
    assert result.seconds < 20


def worker(attempts: Attempts, record: Path, *argv: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", CALLER, str(attempts.workspace), str(record), *argv]
    return subprocess.Popen(command, cwd=REPOSITORY)


def test_a_killed_worker_takes_its_command_with_it(attempts: Attempts, record: Path) -> None:
    process = worker(attempts, record, "sh", "-c", "setsid sleep 600 & echo $! > child; sleep 600")
    child = int(attempts.noted("child"))
    process.kill()
    process.wait()
    until(lambda: gone(child))
    until(lambda: not attempts.left_over())


def test_a_repeat_first_ends_what_an_earlier_execution_left(attempts: Attempts, record: Path) -> None:
    """Worker and supervisor killed together: only the record tells what is left."""
    process = worker(attempts, record, "sh", "-c", "setsid sleep 600 & echo $! > child; sleep 600")
    child = int(attempts.noted("child"))
    for victim in (process.pid, attempts_supervisor(record)):
        psutil.Process(victim).suspend()
    psutil.Process(attempts_supervisor(record)).kill()
    process.kill()
    process.wait()
    assert not gone(child)
    result = run_command(["echo", "again"], cwd=attempts.workspace, timeout=30, record=record)
    assert result.output == "again\n"
    assert gone(child)


def test_a_repeat_ends_an_earlier_supervisor_that_hangs(attempts: Attempts, record: Path) -> None:
    process = worker(attempts, record, "sh", "-c", "echo $$ > child; sleep 600")
    child = int(attempts.noted("child"))
    psutil.Process(attempts_supervisor(record)).suspend()
    process.kill()
    process.wait()
    assert run_command(["true"], cwd=attempts.workspace, timeout=30, record=record).exit_code == 0
    assert gone(child)


def test_a_command_whose_supervisor_is_killed_runs_again(attempts: Attempts, record: Path) -> None:
    program = "import os, sys, time; n = os.path.exists('first'); open('first', 'w').close(); n or time.sleep(600)"
    process = worker(attempts, record, *python(program))
    until(lambda: (attempts.workspace / "first").exists())
    psutil.Process(attempts_supervisor(record)).kill()
    assert process.wait(30) == 0


def attempts_supervisor(record: Path) -> int:
    supervisor = until(lambda: files.read_json(record / files.SUPERVISOR))
    return int(supervisor["pid"])


def test_running_a_command_costs_little(attempts: Attempts, record: Path) -> None:
    begin = time.monotonic()
    for _ in range(3):
        run_command(["true"], cwd=attempts.workspace, timeout=30, record=record)
    assert (time.monotonic() - begin) / 3 < 5
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
