"""Three machines: an attempt that fails within goes on where its files are; and when one is cut off, one is lost, and
one sleeps, every run ends as if nothing had happened."""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.domain.agents import AgentStatus
from bot.domain.entries import AttemptFinished
from tests.chaos import verdicts
from tests.hosts.cluster import LEASE, Cluster
from tests.hosts.network import Network, ip, settles
from tests.support import needs

pytestmark = [needs.namespaces(), needs.program("ip", "iproute2"), pytest.mark.postgres, pytest.mark.slow]
_SPECS = ["plain", "six", "plain", "six"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path / "cluster")
    yield made
    made.close()


@pytest.mark.timeout(300)
def test_an_attempt_that_fails_within_goes_on_where_its_files_are(cluster: Cluster) -> None:
    """Any of the three may see that it failed; on another machine it would be given up, and its agent paid again."""
    cluster.start()
    refused = {"path_regex": "git-receive-pack$", "caller": "installation", "status": 400, "times": 6}
    cluster.hub.control("POST", "/faults", refused)
    cluster.open_specs(["plain"] * 6)

    def everything_is_over() -> bool:
        cluster.people.look()
        return cluster.people.is_done() and cluster.is_quiet()

    cluster.waits("every run to end", everything_is_over, seconds=200)
    assert cluster.query("SELECT sum(restarts) FROM attempts")[0][0] >= 3
    ends = [each.status for spec in cluster.people.specs for each in cluster.entries(spec.issue, AttemptFinished)]
    assert Counter(ends) == {AgentStatus.OK: 6}
    assert len(cluster.agent_calls()) == 6


@pytest.mark.timeout(600)
def test_one_is_cut_off_one_is_lost_and_one_sleeps(cluster: Cluster) -> None:
    cluster.start()
    cluster.open_specs(_SPECS)
    took: dict[str, float] = {}

    cut_off, work = cluster.waits_for_work(cluster.machines)
    since = time.monotonic()
    cluster.network.cut(cut_off)
    took["cut off"] = cluster.seconds_until_taken_over(work, since)
    cluster.waits("the worker that was cut off to end itself", cut_off.exits)
    assert cut_off.exits()[0] == 70
    cluster.network.mend(cut_off)
    cluster.waits_for_workers(3)

    cluster.open_specs(_SPECS[:3])
    lost, work = cluster.waits_for_work([each for each in cluster.machines if each is not cut_off])
    since = time.monotonic()
    lost.pull_the_plug()
    took["lost"] = cluster.seconds_until_taken_over(work, since)

    # Two lost agents and one whose work fails are a reason to ask a person: that kind only where no more is lost.
    cluster.open_specs([*_SPECS[:3], "broken"])
    asleep, work = cluster.waits_for_work([each for each in cluster.machines if each is not lost])
    before = len(asleep.exits())
    sleeper, since = settles("the worker that is to sleep", asleep), time.monotonic()
    sleeper.suspend()
    took["asleep"] = cluster.seconds_until_taken_over(work, since)
    sleeper.resume()
    cluster.waits("the sleeper to end itself", lambda: len(asleep.exits()) > before)
    assert asleep.exits()[before] == 70

    def everything_is_over() -> bool:
        cluster.people.look()
        return cluster.people.is_done() and cluster.is_quiet()

    cluster.waits("every run to end", everything_is_over, seconds=300)
    print(f"takeover, lease {LEASE:.0f} s: {', '.join(f'{what} {s:.1f} s' for what, s in took.items())}")
    _nothing_is_wrong(cluster)
    assert max(took.values()) < 1.5 * LEASE, took


def _nothing_is_wrong(cluster: Cluster) -> None:
    """Within a lease of the end: once each, and nothing lost but what was lost with a machine."""
    lost = []
    for spec in cluster.people.specs:
        finished = cluster.entries(spec.issue, AttemptFinished)
        assert {each.status for each in finished} <= {AgentStatus.OK, AgentStatus.LOST}
        # What those had cost nobody knows any more.
        spec.hurt = [f"{spec.run_id}.{e.stage}.{e.number}" for e in finished if e.status is AgentStatus.LOST]
        lost += spec.hurt
    deadline = time.monotonic() + LEASE
    while problems := [
        f"{spec.run_id}: {problem}"
        for spec in cluster.people.specs
        for problem in verdicts.problems_of_run(cluster.evidence(), spec)
        if "deploy" not in problem  # these repositories have no command that deploys, which chaos judges by
    ]:
        assert time.monotonic() < deadline, "\n".join(problems)
        time.sleep(0.5)
    calls = Counter(cluster.agent_calls())
    print(f"{sum(calls.values())} agent calls, lost with their machines: {', '.join(lost) or 'none'}")
    assert all(times == 1 for times in calls.values()), "paid twice under one number"
    assert lost, "the machine that was lost had agents"


def test_nothing_is_left_when_a_test_is_killed(tmp_path: Path) -> None:
    """Its machines die with it, and the next network sweeps the names away."""
    reading, writing = os.pipe()
    killed = os.fork()
    if killed == 0:
        network = Network(tmp_path)
        machine = network.add("alpha")
        (tmp_path / "disk").mkdir()
        machine.switch_on(tmp_path / "disk", [sys.executable, "-c", "import time; time.sleep(600)"])
        while not (machine.disk / "worker.log").exists():
            time.sleep(0.01)
        os.write(writing, b"+")
        signal.pause()
    os.read(reading, 1)
    os.kill(killed, signal.SIGKILL)
    os.waitpid(killed, 0)
    os.close(reading)
    os.close(writing)
    assert f"iwtest-{killed}-" in ip("netns", "list")
    network = Network(tmp_path)
    assert f"iwtest-{killed}-" not in ip("netns", "list")
    network.close()
    assert f"iwtest-{os.getpid()}-" not in ip("netns", "list")
