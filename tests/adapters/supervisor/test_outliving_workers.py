"""A worker may die at any moment: its agent is adopted or its result read, and never started a second time."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

import bot
from bot.adapters.agents.contract import Finished, Gone, Running
from bot.adapters.supervisor import files, process_tree
from bot.adapters.supervisor.supervisors import Supervisors, supervisor_argv, supervisor_environment
from bot.domain.agents import AgentStatus
from tests.adapters.supervisor.attempts import Attempts, gone, until

REPOSITORY = Path(bot.__file__).parent.parent
SLOW = 'say(0.25); note("begun"); time.sleep(0.4); answer(summary="built", cost_usd=0.25)'
ALLOWED = {
    *("PATH", "LANG", "LANGUAGE", "TZ", "LC_ALL", "LC_CTYPE", "TERM", "HOME", "TMPDIR"),
    *("ISSUEWRIGHT_REQUEST", "ISSUEWRIGHT_RESULT"),
}
STEPS = ["directory", "request", "launch", "spawned"]


def worker(attempts: Attempts, program: str, fatal: str = "never") -> subprocess.Popen[bytes]:
    """A real worker process that starts attempt 1 and waits for it."""
    arguments = [
        str(attempts.folder / "attempts"),
        str(attempts.calls_file),
        attempts.request().model_dump_json(),
        attempts.launch(program).model_dump_json(),
        fatal,
    ]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.adapters.supervisor.worker", *arguments],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_killed_at_any_step_of_a_start_costs_nothing(attempts: Attempts, step: str) -> None:
    assert worker(attempts, SLOW, step).wait(30) == -signal.SIGKILL
    # The next worker does the same again.
    result = attempts.run(SLOW)
    assert (result.status, result.summary, result.cost_usd) == (AgentStatus.OK, "built", 0.25)
    assert attempts.starts() == len(attempts.calls()) == 1


def test_a_worker_killed_while_its_agent_runs_is_followed_by_one_that_adopts_it(attempts: Attempts) -> None:
    process = worker(attempts, 'note("begun"); time.sleep(1); answer(summary="built")')
    attempts.noted("begun")
    supervisor = attempts.pid_of(files.SUPERVISOR)
    process.kill()
    process.wait()
    assert isinstance(attempts.supervisors.poll(attempts.ref()), Running)
    assert attempts.supervisors.live() == [attempts.ref().key]
    result = attempts.run(SLOW)
    assert (result.status, result.summary) == (AgentStatus.OK, "built")
    assert attempts.pid_of(files.SUPERVISOR) == supervisor
    assert attempts.starts() == len(attempts.calls()) == 1


def test_a_supervisor_survives_who_kills_the_worker_with_all_its_children(attempts: Attempts) -> None:
    process = worker(attempts, SLOW)
    attempts.noted("begun")
    everything = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for victim in everything:
        victim.kill()
    process.wait()
    supervisor = process_tree.look_up(attempts.pid_of(files.SUPERVISOR))
    assert supervisor is not None
    assert supervisor.session == supervisor.pid
    assert supervisor.parent not in {process.pid, os.getpid()}
    assert attempts.wait().status is AgentStatus.OK
    assert attempts.starts() == 1


@pytest.mark.parametrize("moment", range(0, 400, 50))
def test_killing_the_whole_tree_at_any_moment_never_starts_a_second_agent(attempts: Attempts, moment: int) -> None:
    process = worker(attempts, SLOW)
    until(lambda: (attempts.directory() / files.LAUNCH).exists())
    # Spread over the start of the supervisor; the exact moment does not matter, whatever it hits.
    time.sleep(moment / 4000)
    for victim in psutil.Process(process.pid).children(recursive=True):
        victim.kill()
    process.kill()
    process.wait()
    result = attempts.run(SLOW)
    # Lost is possible: found as a child, killed when it had just been let go.
    assert result.status in {AgentStatus.OK, AgentStatus.LOST}
    assert len(attempts.calls()) == 1
    assert attempts.starts() <= 1


def test_who_saw_it_gone_before_another_started_it_leaves_its_agent_alone(attempts: Attempts) -> None:
    """Two workers find the supervisor gone: one starts another, and then the slower one comes to clean up."""
    program = """
        note("begun")
        while not os.path.exists("go"):
            time.sleep(0.01)
        answer(summary="built")
    """
    attempts.prepares(program)
    slower = Supervisors(attempts.folder / "attempts")
    assert slower.poll(attempts.ref()) == Gone()
    attempts.start(program)
    attempts.noted("begun")
    slower._recover(attempts.ref(), may_start=True)
    (attempts.workspace / "go").touch()
    result = attempts.wait()
    assert (result.status, result.summary) == (AgentStatus.OK, "built")
    assert attempts.starts() == len(attempts.calls()) == 1


def test_a_finished_result_is_read_by_any_later_worker(attempts: Attempts) -> None:
    first = attempts.run(SLOW)
    other = Supervisors(attempts.folder / "attempts")
    other.start(attempts.request(), attempts.launch(SLOW))
    assert other.wait(attempts.ref()) == first
    assert other.poll(attempts.ref()) == Finished(result=first)
    assert attempts.starts() == 1


def test_a_settled_attempt_is_not_even_looked_at_again(attempts: Attempts) -> None:
    attempts.run(SLOW)
    steps: list[str] = []
    Supervisors(attempts.folder / "attempts", on_step=steps.append).start(attempts.request(), attempts.launch(SLOW))
    assert steps == []


def test_a_supervisor_that_comes_after_the_result_starts_nothing(attempts: Attempts) -> None:
    attempts.prepares(SLOW)
    files.write_once(attempts.directory() / files.RESULT, '{"exit_code": 0}')
    late = subprocess.run(supervisor_argv(sys.executable, str(attempts.directory())), env=supervisor_environment())
    assert late.returncode == 0
    until(lambda: not attempts.left_over())
    assert attempts.starts() == len(attempts.calls()) == 0


def test_no_agent_starts_while_its_supervisor_can_be_found_as_a_workers_descendant(attempts: Attempts) -> None:
    attempts.prepares(SLOW)
    lingering = (
        "import sys; from bot.adapters.supervisor.__main__ import main; main(sys.argv[1:]);"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", lingering, str(attempts.directory())],
        env=supervisor_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        assert psutil.Process(parent.pid).children()[0].pid == attempts.pid_of(files.SUPERVISOR)
        # That nothing happens can only be seen by looking for a while.
        deadline = time.monotonic() + 0.3
        while time.monotonic() < deadline:
            assert not (attempts.directory() / files.AGENT).exists()
            time.sleep(0.01)
    assert attempts.wait().status is AgentStatus.OK


def test_two_callers_at_once_start_one_agent(attempts: Attempts) -> None:
    gate = threading.Barrier(4)
    results = []

    def one() -> None:
        gate.wait()
        results.append(attempts.run(SLOW))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.status for result in results] == [AgentStatus.OK] * 4
    assert attempts.starts() == len(attempts.calls()) == 1


def test_the_line_of_a_start_says_what_was_started(attempts: Attempts) -> None:
    attempts.run('answer(summary="built")')
    (call,) = attempts.calls()
    assert call.pop("at").endswith("+00:00")
    assert call == {
        "attempt": "acme--tally--7.build.1",
        "run": "acme--tally--7",
        "stage": "build",
        "number": 1,
        "agent": "command",
        "role": "builder",
    }


def test_progress_is_seen_while_it_runs(attempts: Attempts) -> None:
    attempts.start('say(0.1, "reading"); say(0.3, "writing"); sleep()')

    def seen() -> bool:
        state = attempts.supervisors.poll(attempts.ref())
        return isinstance(state, Running) and state.progress.message == "writing"

    until(seen)
    state = attempts.supervisors.poll(attempts.ref())
    assert isinstance(state, Running)
    assert state.progress.cost_usd == 0.3
    attempts.supervisors.request_stop(attempts.ref(), "enough")
    attempts.wait()


def test_an_attempt_that_nobody_started_is_gone(attempts: Attempts) -> None:
    assert attempts.supervisors.poll(attempts.ref(9)) == Gone()
    assert attempts.supervisors.live() == []
    assert attempts.wait(9).status is AgentStatus.LOST


def test_released_attempts_keep_their_answer_and_are_not_started_again(attempts: Attempts) -> None:
    result = attempts.run(
        """
        os.makedirs(os.environ["HOME"] + "/locked/inner")
        os.chmod(os.environ["HOME"] + "/locked", 0o500)
        os.chmod(os.environ["HOME"], 0)
        answer(summary="built", cost_usd=0.5)
        """
    )
    attempts.supervisors.release(attempts.ref())
    attempts.supervisors.release(attempts.ref())
    assert not (attempts.directory() / files.HOME).exists()
    assert attempts.run(SLOW) == result
    assert attempts.starts() == 1


def test_a_running_attempt_cannot_be_released(attempts: Attempts) -> None:
    attempts.start('note("begun"); sleep()')
    with pytest.raises(RuntimeError, match="no result yet"):
        attempts.supervisors.release(attempts.ref())
    attempts.supervisors.request_stop(attempts.ref(), "enough")
    attempts.wait()


def test_the_agent_gets_a_home_of_its_own_and_no_secret(attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_secret")
    monkeypatch.setenv("ISSUEWRIGHT_WEBHOOK_SECRET", "hush")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    attempts.run('note("env", json.dumps(dict(os.environ)))')
    environment = json.loads((attempts.workspace / "env").read_text())
    assert set(environment) <= ALLOWED
    assert environment["LC_ALL"] == "C.UTF-8"
    assert environment["HOME"] == str(attempts.directory() / files.HOME)


def test_the_supervisor_itself_starts_without_heavy_imports() -> None:
    code = "import sys, bot.adapters.supervisor.__main__; print('pydantic' in sys.modules, 'psutil' in sys.modules)"
    seen = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert seen.stdout.split() == ["False", "False"]


def test_a_zombie_does_not_pass_for_a_living_supervisor() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    until(lambda: gone(child.pid))
    process = process_tree.look_up(child.pid)
    assert process is not None
    assert not process_tree.is_alive(child.pid, process.start_time)
    child.wait()
