"""Stop requests, clocks and the interrupt ladder: gentle first, and what an agent cost is never lost."""

import os
import signal

import pytest

from bot.adapters.agents.contract import Running
from bot.adapters.supervisor import files
from bot.domain.agents import AgentStatus
from tests.adapters.supervisor.attempts import Attempts, gone, until

DEAF = 'deaf(); say(0.75); note("begun"); sleep()'


def test_a_stop_request_interrupts_gently_and_keeps_summary_and_cost(attempts: Attempts) -> None:
    attempts.start(
        """
        def interrupted(number, frame):
            answer(status="agent_error", summary="half done", cost_usd=0.6)
            sys.exit(0)
        signal.signal(signal.SIGINT, interrupted)
        say(0.5)
        note("begun")
        sleep()
        """,
        ladder=(("SIGINT", 30.0),),
    )
    attempts.noted("begun")
    result = attempts.wait(stop_requested=lambda: "/cancel by @ada", interval=0.01)
    assert result.status is AgentStatus.INTERRUPTED
    assert (result.detail, result.summary, result.cost_usd) == ("/cancel by @ada", "half done", 0.6)
    assert result.seconds < 20


def test_an_agent_that_ignores_signals_is_killed_and_its_reported_cost_kept(attempts: Attempts) -> None:
    attempts.start(DEAF)
    attempts.noted("begun")
    agent = attempts.pid_of(files.AGENT)
    attempts.supervisors.request_stop(attempts.ref(), "the cap is reached")
    attempts.supervisors.request_stop(attempts.ref(), "a later reason")
    result = attempts.wait()
    assert (result.status, result.detail) == (AgentStatus.INTERRUPTED, "the cap is reached")
    assert (result.cost_usd, result.exit_code) == (0.75, None)
    # SIGINT and SIGTERM had their time first.
    assert result.seconds >= 0.6
    assert gone(agent)


def test_sigterm_is_a_rung_of_its_own(attempts: Attempts) -> None:
    attempts.start(
        """
        signal.signal(signal.SIGINT, lambda *_: note("signals", "int"))
        signal.signal(signal.SIGTERM, lambda *_: (note("signals", "term"), sys.exit(0)))
        note("begun")
        sleep()
        """
    )
    attempts.noted("begun")
    attempts.supervisors.request_stop(attempts.ref(), "enough")
    assert attempts.wait().exit_code == 0
    assert attempts.noted("signals").split() == ["int", "term"]


def test_an_agent_with_an_interrupt_of_its_own_gets_that_first(attempts: Attempts) -> None:
    attempts.start(
        """
        sys.stdin.readline()
        note("begun")
        answer(summary=sys.stdin.readline().strip(), cost_usd=1)
        """,
        stdin="request\n",
        interrupt_line="interrupt, please\n",
        ladder=(("line", 20.0), ("SIGINT", 0.1)),
    )
    attempts.noted("begun")
    attempts.supervisors.request_stop(attempts.ref(), "enough")
    result = attempts.wait()
    assert (result.summary, result.cost_usd) == ("interrupt, please", 1)
    assert result.seconds < 15


def test_a_stop_before_the_start_starts_nothing(attempts: Attempts) -> None:
    attempts.supervisors.request_stop(attempts.ref(), "changed my mind")
    result = attempts.run('note("begun")')
    assert (result.status, result.detail, result.cost_usd) == (
        AgentStatus.INTERRUPTED,
        "changed my mind",
        0.0,
    )
    assert attempts.starts() == len(attempts.calls()) == 0


@pytest.mark.parametrize(
    ("clock", "words"),
    [("wall_seconds", "did not finish"), ("idle_seconds", "gave no sign of life")],
)
def test_clocks_that_run_out_end_the_agent(attempts: Attempts, clock: str, words: str) -> None:
    result = attempts.run("say(0.2); sleep()", **{clock: 0.5})
    assert result.status is AgentStatus.TIMEOUT
    assert words in result.detail
    assert result.cost_usd == 0.2


def test_signs_of_life_keep_the_idle_clock_from_running_out(attempts: Attempts) -> None:
    result = attempts.run(
        """
        for _ in range(20):
            print(".", end="", file=sys.stderr, flush=True)
            time.sleep(0.1)
        answer(summary="built")
        """,
        idle_seconds=1.0,
    )
    assert result.status is AgentStatus.OK
    assert result.seconds > 1.5


def test_the_wall_clock_does_not_listen_to_chatter(attempts: Attempts) -> None:
    result = attempts.run('deaf()\nwhile True: print("x" * 1000)', wall_seconds=0.5)
    assert result.status is AgentStatus.TIMEOUT
    assert (attempts.directory() / files.STDOUT).stat().st_size < 9_000_000


def test_a_terminated_supervisor_interrupts_its_agent(attempts: Attempts) -> None:
    attempts.start('say(0.3); note("begun"); sleep()')
    attempts.noted("begun")
    os.kill(attempts.pid_of(files.SUPERVISOR), signal.SIGTERM)
    result = attempts.wait()
    assert (result.status, result.cost_usd) == (AgentStatus.INTERRUPTED, 0.3)


def test_nobody_asks_a_running_agent_to_stop_without_a_reason(attempts: Attempts) -> None:
    asked = []
    attempts.start('note("begun"); time.sleep(0.3); answer(summary="built")')
    result = attempts.wait(stop_requested=lambda: asked.append(1), interval=0.05)
    assert result.status is AgentStatus.OK
    assert asked
    until(lambda: not isinstance(attempts.supervisors.poll(attempts.ref()), Running))
