"""The agent `claude` after an end that nobody wanted: it goes on in its session, and nothing is asked twice but the
request that was in flight."""

import json
import os
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from bot.adapters.supervisor import files, lives
from bot.domain.agents import AgentResult, AgentStatus, Limits
from tests.agents.desk import Desk, until
from tests.support import needs
from tests.support.scripted_model import Turn, Usage, hands_in, uses, writes

pytestmark = [needs.claude(), pytest.mark.timeout(90)]

EACH = Usage(new=1000, output=200)
EACH_USD = 0.004
BEGUN = Turn(tools=writes({"first.txt": "1\n"}).tools, usage=EACH)
SLEEPS = Turn(tools=uses("Bash", command="echo > begun; sleep 600", description="wait").tools, usage=EACH)
SECOND = Turn(tools=writes({"second.txt": "2\n"}).tools, usage=EACH)
DONE = Turn(tools=hands_in("All of it.").tools, usage=EACH)


def supervisor(desk: Desk) -> int:
    return int(json.loads((desk.directory() / files.SUPERVISOR).read_text())["pid"])


def all_die(desk: Desk) -> None:
    """As when the machine loses its power."""
    for pid in (supervisor(desk), desk.pid()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def the_agent_dies(desk: Desk) -> None:
    os.kill(desk.pid(), signal.SIGKILL)


def the_machine_shuts_down(desk: Desk) -> None:
    """Every process is asked to end."""
    os.kill(supervisor(desk), signal.SIGTERM)


def in_session(desk: Desk, text: str, times: int = 1) -> None:
    """Until the session on the disk says that so often: what is not in there is asked again."""
    until(lambda: sum(file.read_text().count(text) for file in desk.folder.rglob("projects/*/*.jsonl")) >= times)


def waits_in_a_tool(desk: Desk, answers: int = 2, calls: int = 1) -> None:
    """Until the agent waits for the tool that sleeps, called so often by now; its session is on the disk (claude takes
    a moment for that), and what it has cost by then is known."""
    until(lambda: (desk.workspace / "begun").exists())
    in_session(desk, "sleep 600", calls)
    until(lambda: (now := desk.progress()) and now.output_tokens == answers * EACH.output)


def finishes(desk: Desk, **asked: Any) -> AgentResult:
    """As a worker waits for an attempt, from whatever point on."""
    result = desk.wait()
    while result.status in (AgentStatus.LOST, AgentStatus.INTERRUPTED) and desk.supervisors.go_on(
        desk.request(**asked)
    ):
        result = desk.wait()
    return result


def turns_asked(desk: Desk) -> Counter[int]:
    return Counter(request["turn"] for request in desk.model.asked("builder"))


@pytest.mark.parametrize("ends", [all_die, the_agent_dies, the_machine_shuts_down], ids=lambda ends: ends.__name__)
def test_killed_while_a_tool_runs_no_request_is_repeated(desk: Desk, ends) -> None:  # type: ignore[no-untyped-def]
    desk.plays(BEGUN, SLEEPS, DONE)
    desk.start()
    waits_in_a_tool(desk)
    ends(desk)
    result = finishes(desk)
    assert (result.status, result.summary) == (AgentStatus.OK, "All of it.")
    assert turns_asked(desk) == {0: 1, 1: 1, 2: 1}
    assert result.cost_usd == pytest.approx(3 * EACH_USD)
    assert (result.input_tokens, result.output_tokens) == (3000, 600)
    assert "ended from outside once" in result.detail
    calls = [json.loads(line) for line in (desk.folder / "agent-calls.jsonl").read_text().splitlines()]
    assert [(call["attempt"], call.get("life", 1)) for call in calls] == [(desk.ref().key, 1), (desk.ref().key, 2)]
    assert not list(desk.left_over())


def test_killed_with_a_request_in_flight_that_one_is_repeated(desk: Desk) -> None:
    desk.plays(BEGUN, replace(SECOND, seconds=30), DONE)
    desk.start()
    until(lambda: turns_asked(desk)[1])
    in_session(desk, "first.txt", times=2)  # the tool's call, and its result
    all_die(desk)
    desk.plays(BEGUN, SECOND, DONE)
    result = finishes(desk)
    assert result.status is AgentStatus.OK
    assert turns_asked(desk) == {0: 1, 1: 2, 2: 1}
    assert (desk.has("first.txt"), desk.has("second.txt")) == ("1\n", "2\n")
    last = desk.model.asked("builder")[-1]["body"]["messages"]
    assert "You are the builder" in json.dumps(last), "the conversation begins as it did"
    assert "has been started again" in json.dumps(last)


def test_killed_before_the_first_answer_it_is_asked_again(desk: Desk) -> None:
    desk.plays(replace(BEGUN, seconds=30), DONE)
    desk.start()
    until(lambda: turns_asked(desk)[0])
    all_die(desk)
    desk.plays(BEGUN, DONE)
    assert finishes(desk).status is AgentStatus.OK
    assert turns_asked(desk) == {0: 2, 1: 1}


def test_a_machine_that_dies_again_and_again_is_given_up(desk: Desk) -> None:
    desk.plays(BEGUN, SLEEPS)
    desk.start()
    for life in range(lives.MOST):
        waits_in_a_tool(desk, answers=1 if life else 2, calls=life + 1)
        (desk.workspace / "begun").unlink()
        desk.plays(BEGUN, *[SLEEPS] * (life + 2))
        all_die(desk)
        result = desk.wait()
        assert desk.supervisors.go_on(desk.request()) == (life + 1 < lives.MOST)
    assert result.status is AgentStatus.LOST
    assert result.cost_usd == pytest.approx((lives.MOST + 1) * EACH_USD), "all lives count, each once"


def test_what_was_told_to_stop_does_not_go_on(desk: Desk) -> None:
    desk.plays(BEGUN, SLEEPS)
    desk.start()
    waits_in_a_tool(desk)
    all_die(desk)
    desk.supervisors.request_stop(desk.ref(), "cancelled by mira")
    desk.wait()
    assert not desk.supervisors.go_on(desk.request())


def test_it_goes_on_with_what_is_left_of_its_budget(desk: Desk) -> None:
    desk.plays(BEGUN, SLEEPS, BEGUN, BEGUN, DONE)
    limits = Limits(max_usd=3.5 * EACH_USD)
    desk.start(limits=limits)
    waits_in_a_tool(desk)
    the_machine_shuts_down(desk)
    result = finishes(desk, limits=limits)
    assert result.status is AgentStatus.BUDGET
    assert result.cost_usd == pytest.approx(4 * EACH_USD), "the request that reached the cap was the last"


def test_a_worker_that_dies_before_the_next_life_began_loses_nothing(desk: Desk) -> None:
    class Died(Exception):
        pass

    desk.plays(BEGUN, SLEEPS, DONE)
    desk.start()
    waits_in_a_tool(desk)
    all_die(desk)
    desk.wait()

    def dies(step: str) -> None:
        if step == "another life":
            raise Died

    desk.supervisors._on_step = dies
    with pytest.raises(Died):
        desk.supervisors.go_on(desk.request())
    desk.supervisors._on_step = lambda step: None
    desk.start()  # what the next worker does first
    assert finishes(desk).status is AgentStatus.OK
    assert turns_asked(desk) == {0: 1, 1: 1, 2: 1}
