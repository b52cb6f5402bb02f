"""However an agent behaves and whoever is killed: nothing of it is left running, and the end is told truly.

The fixture `attempts` itself asserts that no process is left; here are the ways to make one."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import bot
from bot.adapters.supervisor import files, process_tree
from bot.adapters.supervisor.supervisors import Supervisors
from bot.domain.agents import AgentStatus
from tests.adapters.supervisor.attempts import Attempts, gone, until

REPOSITORY = Path(bot.__file__).parent.parent
# A grandchild in a session of its own, with no environment, deaf, and holding the agent's stdout open.
GRANDCHILD = """
def family():
    code = (
        "import os, signal, subprocess, sys, time\\n"
        "os.setsid()\\n"
        "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]\\n"
        "if os.fork(): os._exit(0)\\n"
        "os.setsid() if os.getsid(0) != os.getpid() else None\\n"
        "open('grandchild', 'w').write(f'{os.getpid()}\\\\n')\\n"
        "time.sleep(600)\\n"
    )
    subprocess.Popen([sys.executable, "-I", "-c", code], env={}).wait()
    while not os.path.exists("grandchild"):
        time.sleep(0.01)
"""


def with_family(program: str) -> str:
    return GRANDCHILD + program


def test_grandchildren_in_sessions_of_their_own_end_with_the_agent(attempts: Attempts) -> None:
    result = attempts.run(with_family('family(); answer(summary="built")'))
    assert result.status is AgentStatus.OK
    assert gone(int(attempts.noted("grandchild")))
    # Its open stdout was not waited for.
    assert result.seconds < 10


def test_grandchildren_end_with_a_stopped_agent(attempts: Attempts) -> None:
    attempts.start(with_family('family(); deaf(); note("begun"); sleep()'))
    attempts.noted("begun")
    attempts.supervisors.request_stop(attempts.ref(), "enough")
    assert attempts.wait().status is AgentStatus.INTERRUPTED
    assert gone(int(attempts.noted("grandchild")))


def test_a_killed_agent_is_told_as_such_and_leaves_nothing(attempts: Attempts) -> None:
    attempts.start(with_family('say(0.4); family(); note("begun"); sleep()'))
    attempts.noted("begun")
    os.kill(attempts.pid_of(files.AGENT), signal.SIGKILL)
    result = attempts.wait()
    assert (result.status, result.cost_usd) == (AgentStatus.CLI_ERROR, 0.4)
    assert "signal 9" in result.detail
    assert gone(int(attempts.noted("grandchild")))


@pytest.mark.parametrize("family", ["", "subprocess.Popen(['sleep', '600'], env={}, start_new_session=False); "])
def test_a_killed_supervisor_leaves_nothing_and_no_second_start(attempts: Attempts, family: str) -> None:
    attempts.start(
        f'say(0.4); {family}subprocess.Popen(["sleep", "600"], start_new_session=True); note("begun"); sleep()'
    )
    attempts.noted("begun")
    until(lambda: (attempts.directory() / files.PROGRESS).exists())
    supervisor, agent = attempts.pid_of(files.SUPERVISOR), attempts.pid_of(files.AGENT)
    os.kill(supervisor, signal.SIGKILL)
    result = attempts.wait()
    assert result.status is AgentStatus.LOST
    assert result.cost_usd == 0.4
    assert gone(agent)
    assert attempts.left_over() == set()
    # Starting again finds the same end.
    assert attempts.run('answer(summary="built")') == result
    assert attempts.starts() == len(attempts.calls()) == 1


def test_a_supervisor_that_finds_a_dead_ones_agent_ends_it_and_starts_none(attempts: Attempts) -> None:
    attempts.start('subprocess.Popen(["sleep", "600"], start_new_session=True); note("begun"); sleep()')
    attempts.noted("begun")
    os.kill(attempts.pid_of(files.SUPERVISOR), signal.SIGKILL)
    until(lambda: attempts.supervisors.live() == [])
    # By start(), not by wait(): the new supervisor has to find out.
    attempts.start('answer(summary="built")')
    until(lambda: (attempts.directory() / files.RESULT).exists())
    assert attempts.left_over() == set() or attempts.wait().status is AgentStatus.LOST
    assert attempts.wait().status is AgentStatus.LOST
    assert attempts.starts() == len(attempts.calls()) == 1


@pytest.mark.parametrize(
    ("step", "status", "starts"),
    [
        ("forked", AgentStatus.OK, 1),
        ("counted", AgentStatus.OK, 1),
        ("recorded", AgentStatus.LOST, 0),
        ("released", AgentStatus.LOST, None),
        ("ended", AgentStatus.LOST, 1),
        ("cleaned", AgentStatus.LOST, 1),
        ("written", AgentStatus.OK, 1),
    ],
)
def test_a_supervisor_killed_at_any_step_never_leads_to_a_second_agent(
    attempts: Attempts, step: str, status: AgentStatus, starts: int | None
) -> None:
    fatal = f"""
import os, signal
from pathlib import Path
from bot.adapters.supervisor import supervise
directory = Path({str(attempts.directory())!r})
lock = supervise.take_over(directory)
supervise.sign(directory)
supervise.supervise(
    directory,
    had_predecessor=False,
    on_step=lambda step: os.kill(os.getpid(), signal.SIGKILL) if step == {step!r} else None,
)
"""
    program = 'say(0.1); answer(summary="built", cost_usd=0.2)'
    attempts.prepares(program)
    killed = subprocess.run([sys.executable, "-c", fatal], cwd=REPOSITORY)
    assert killed.returncode == -signal.SIGKILL
    result = attempts.run(program)
    assert result.status is status
    assert len(attempts.calls()) == 1
    if starts is not None:
        assert attempts.starts() == starts
    if step in {"ended", "cleaned", "written"}:
        assert result.cost_usd == 0.2


def test_a_supervisor_that_is_terminated_before_it_watches_leaves_nothing(attempts: Attempts) -> None:
    hasty = f"""
import os, signal, time
from pathlib import Path
from bot.adapters.supervisor import supervise
directory, begun = Path({str(attempts.directory())!r}), Path({str(attempts.workspace / "child")!r})

def terminated(step):
    if step == "released":
        while not begun.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

lock = supervise.take_over(directory)
supervise.sign(directory)
supervise.supervise(directory, had_predecessor=False, on_step=terminated)
"""
    attempts.prepares(
        "import subprocess, time\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "open('child', 'w').write(f'{child.pid}\\n')\n"
        "time.sleep(600)"
    )
    assert subprocess.run([sys.executable, "-c", hasty], cwd=REPOSITORY).returncode == 0
    assert attempts.wait().status is AgentStatus.INTERRUPTED
    assert attempts.left_over() == set()


def test_a_reused_pid_is_never_killed(attempts: Attempts) -> None:
    attempts.prepares("")
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        process = process_tree.look_up(stranger.pid)
        assert process is not None
        for start_time, boot in ((process.start_time - 1, process_tree.boot_id()), (process.start_time, "other")):
            record = {"pid": stranger.pid, "start_time": start_time, "boot_id": boot, "at": 0}
            (attempts.directory() / files.AGENT).write_text(json.dumps(record))
            (attempts.directory() / files.SUPERVISOR).write_text(json.dumps(record))
            assert attempts.wait().status is AgentStatus.LOST
            assert stranger.poll() is None
            (attempts.directory() / files.RESULT).unlink()
        # The very process that the record names is.
        start_time, boot = process.start_time, process_tree.boot_id()
        record = {"pid": stranger.pid, "start_time": start_time, "boot_id": boot, "at": 0}
        (attempts.directory() / files.AGENT).write_text(json.dumps(record))
        assert attempts.wait().status is AgentStatus.LOST
        assert stranger.wait(10) == -signal.SIGKILL
    finally:
        stranger.kill()
        stranger.wait()


def test_a_supervisor_that_cannot_be_started_at_all_ends_in_a_result(attempts: Attempts) -> None:
    hopeless = Supervisors(attempts.folder / "attempts", python="/bin/false")
    hopeless.start(attempts.request(), attempts.launch(""))
    result = hopeless.wait(attempts.ref())
    assert result.status is AgentStatus.LOST
    assert "No supervisor could be started" in result.detail
    assert attempts.starts() == 0
