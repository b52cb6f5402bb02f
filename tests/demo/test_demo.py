"""The whole demo, as `make demo` runs it: real localhub, real service, real agents, nothing but the command line."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from bot.domain.errors import UserError
from bot.entrypoints.demo.home import Home, Record, write_private
from bot.entrypoints.demo.hub import Person
from bot.entrypoints.demo.seed import team
from bot.entrypoints.demo.world import Observer, World, read_agent_calls

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, "-m", "bot.entrypoints.cli")
PATIENCE = 90.0
STAGES = ["planner", "builder", "reviewer", "tester", "deployer", "docs"]

pytestmark = pytest.mark.timeout(240)


class Running:
    """A demo in a process of its own, and what one can see of it from outside."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.home = Home(folder / "demo")
        self._environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "ISSUEWRIGHT_DEMO_TIMEOUT": "90"}
        self._err = (folder / "stderr").open("w+")
        self.process = self._start("demo", "--exit", "--json", "--dir", str(self.home.path), *options)
        self._services: list[subprocess.Popen[str]] = []

    def ends(self) -> dict[str, Any]:
        """Wait for the end, a good one, and read the one object on stdout."""
        out, _ = self.process.communicate(timeout=180)
        assert self.process.returncode == 0, self.told
        (line,) = out.splitlines()
        outcome: dict[str, Any] = json.loads(line)
        return outcome

    @property
    def told(self) -> str:
        """Progress so far."""
        return Path(self._err.name).read_text()

    def says(self, text: str, *options: str) -> str:
        """`issuewright demo say` in another terminal, which finds the demo by itself; returns what it prints."""
        said = subprocess.run(
            [*PROGRAM, "demo", "say", *options, text],
            cwd=ROOT, env=self._environment, text=True, capture_output=True, timeout=60,
        )  # fmt: skip
        assert said.returncode == 0, said.stderr
        return said.stdout

    def kills_service(self) -> None:
        """kill -9, by the pid file."""
        process = psutil.Process(int(self.home.service_pid_file.read_text()))
        process.kill()
        until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)

    def starts_service(self, waits: bool = True) -> None:
        """`issuewright serve --dir`, as somebody does who found it dead."""
        dead = self.home.service_pid_file.read_text()
        self._services.append(self._start("serve", "--dir", str(self.home.path)))
        if waits:
            until(lambda: self.home.service_pid_file.read_text() != dead)

    def sees(self) -> World:
        """The world as it is."""
        record: Record = self.home.record()
        assert record.issue is not None
        person = Person(record.api_url, "reporter", record.tokens["reporter"])
        return Observer(self.home, record, person, record.issue).look()

    def cleans_up(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
        for service in self._services:
            if service.poll() is None:
                service.kill()
            service.wait()
            if service.stdout:
                service.stdout.close()
        if self.process.stdout:
            self.process.stdout.close()
        self._err.close()

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*PROGRAM, *arguments], cwd=ROOT, env=self._environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._err, start_new_session=True,
        )  # fmt: skip


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*options: str) -> Running:
        started.append(Running(tmp_path, *options))
        return started[-1]

    yield start
    for running in started:
        running.cleans_up()


def until(is_so: Callable[[], bool]) -> None:
    """Wait for a condition; AssertionError when it does not come."""
    give_up = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError, UserError, httpx.TransportError):
            if is_so():
                return
        assert time.monotonic() < give_up, "it did not come to that"
        time.sleep(0.05)


def processes_of(running: Running) -> list[str]:
    """What still runs with the demo's directory in its arguments."""
    place = str(running.home.path)
    found = (process.info["cmdline"] for process in psutil.process_iter(["cmdline"]))
    return [" ".join(arguments) for arguments in found if arguments and any(place in part for part in arguments)]


def gates(running: Running) -> int:
    """How many gates people were asked to decide so far."""
    return len(running.sees().gates) if running.home.record().issue else 0


def has_called_agents(running: Running, times: int) -> bool:
    return len(read_agent_calls(running.home.agent_calls_file)) == times


def test_auto_rejects_once_and_merges(demo: Callable[..., Running]) -> None:
    running = demo("--auto")
    outcome = running.ends()
    assert outcome["merged"] is True
    assert (outcome["issue"], outcome["pull_request"]) == (1, 2)
    attempts = {stage["stage"]: stage["attempts"] for stage in outcome["stages"]}
    assert attempts == {"planner": 1, "builder": 4, "reviewer": 3, "tester": 2, "deployer": 2, "docs": 2}
    assert sum(stage["cost_usd"] for stage in outcome["stages"]) == pytest.approx(0.33)
    assert outcome["agent_calls"] == 14 == len(running.home.agent_calls_file.read_text().splitlines())
    assert 0 < outcome["api_calls"] < 100
    # The status, a comment a stage, and one each time a gate opened.
    assert outcome["comments"] == 1 + 6 + 3
    assert "/reject An empty ledger" in running.told
    assert processes_of(running) == []


def test_without_rejections_it_goes_straight_through(demo: Callable[..., Running]) -> None:
    outcome = demo("--auto", "--no-rejections").ends()
    assert outcome["merged"] is True
    assert [stage["stage"] for stage in outcome["stages"]] == STAGES
    assert [stage["attempts"] for stage in outcome["stages"]] == [1] * 6
    assert all(stage["commit"] for stage in outcome["stages"])
    assert outcome["agent_calls"] == 6
    assert outcome["api_calls"] <= 40
    assert outcome["comments"] == 1 + 6 + 2


@pytest.mark.slow
def test_another_pipeline_runs_when_it_is_named(demo: Callable[..., Running]) -> None:
    outcome = demo("--auto", "--pipeline", "quick").ends()
    assert outcome["merged"] is True
    assert [(stage["stage"], stage["attempts"]) for stage in outcome["stages"]] == [("builder", 3)]


def test_a_person_decides_by_demo_say(demo: Callable[..., Running]) -> None:
    running = demo()
    until(lambda: gates(running) == 1)
    until(lambda: "demo say" in running.told)
    assert "/acme/tally/" in running.says("/approve")
    until(lambda: gates(running) == 2)
    running.says("/reject An empty ledger should print 0.00 instead of failing.")
    until(lambda: gates(running) == 3)
    assert running.sees().pull is not None
    running.says("/approve")
    assert running.ends()["merged"] is True


@pytest.mark.slow
def test_a_killed_service_is_waited_for(demo: Callable[..., Running]) -> None:
    running = demo("--auto", "--pipeline", "quick")
    for calls in (1, 2, 3):
        until(partial(has_called_agents, running, calls))
        running.kills_service()
        running.starts_service()
    outcome = running.ends()
    assert outcome["merged"] is True
    assert [stage["attempts"] for stage in outcome["stages"]] == [3]
    assert outcome["agent_calls"] == 3
    assert "the service is gone" in running.told
    assert processes_of(running) == []


@pytest.mark.slow
def test_a_service_that_somebody_starts_at_the_end_is_stopped_too(demo: Callable[..., Running]) -> None:
    running = demo()
    until(lambda: gates(running) == 1)
    running.kills_service()
    running.starts_service(waits=False)
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(60) == 130
    assert processes_of(running) == []


def test_a_builder_that_cannot_mend_its_bug_fails_the_demo(demo: Callable[..., Running]) -> None:
    running = demo("--auto")
    until(running.home.script_file.exists)
    script = team()
    rules = script["roles"]["builder"]
    script["roles"]["builder"] = [rule for rule in rules if rule["when"].get("feedback_source") != "check"]
    write_private(running.home.script_file, yaml.safe_dump(script))
    out, _ = running.process.communicate(timeout=120)
    assert (running.process.returncode, out) == (1, "")
    assert "The run needs help" in running.told
    assert processes_of(running) == []
