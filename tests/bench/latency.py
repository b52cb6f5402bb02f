"""How long people wait: label → reaction, approval → next agent; and what a stage costs beyond agent and git.

All three on one world: localhub, the service and instant agents, as processes of their own on this machine.
"""

import itertools
import statistics
from datetime import datetime

from bot.domain.entries import AttemptFinished
from tests.bench.figures import Figure, Target
from tests.bench.setting import Setting
from tests.bench.world import BenchWorld, TracedService
from tests.stories.world import Issue

STAGES = ("first", "second", "third")
Interval = tuple[float, float]


def measure(setting: Setting) -> list[Figure]:
    """One run at a time, as many as were asked for, on each database."""
    figures = []
    for database in setting.databases():
        with setting.fresh_database(database) as url:
            world = BenchWorld(setting.directory("world") / "w", url, "bench")
            try:
                world.holds_back("issues", "labeled")
                world.holds_back("pull_request_review", "submitted")
                world.start_service()
                figures += _figures(world, database, setting.often(12, 1))
            finally:
                world.close()
    return figures


def _figures(world: BenchWorld, database: str, runs: int) -> list[Figure]:
    reactions: list[float] = []
    starts: list[float] = []
    requests: list[float] = []
    overheads: list[float] = []
    shares: dict[str, list[float]] = {"wall": [], "agent": [], "git": [], "api": []}
    for number in range(runs + 1):
        issue, reacted, asked = _starts(world, number)
        begun = _approves_the_plan(world, issue)
        started = world.waits("the next agent", lambda i=issue: world.agent_started(world.run_id(i), "first"))  # type: ignore[misc]
        world.waits_for_open_gate(issue, "merge")
        if number == 0:
            continue  # the first run makes the mirror and fills caches
        reactions.append(reacted)
        requests.append(asked)
        starts.append((_epoch(started) - begun) * 1000)
        for stage in _stages(world, issue):
            overheads.append(stage["wall"] - stage["agent"] - stage["git"] - stage["api"])
            for name, values in shares.items():
                values.append(stage[name])
    medians = {f"{name}_ms": round(statistics.median(values), 1) for name, values in shares.items()}
    how = (
        "from one stage's end in the journal to the next one's, minus the agent's seconds, minus the union of git's "
        "runs, minus API requests outside of both (localhub's ms, in full)"
    )
    return [
        Figure(
            *("latency", f"label → reaction, {database}", "ms", reactions, "its API requests", requests, Target(300)),
            "from POST /webhook to localhub's log line of the reaction; floor: localhub's own ms of the requests",
        ),
        Figure(
            *("latency", f"approval → next agent, {database}", "ms", starts),
            target=Target(500),
            how="from POST /webhook of the review to the agent's line in agent-calls.jsonl",
        ),
        Figure(
            *("latency", f"a stage beyond agent, git, API, {database}", "ms", overheads),
            target=Target(150),
            how=how,
            more=medians,
        ),
    ]


def _starts(world: BenchWorld, number: int) -> tuple[Issue, float, float]:
    """Open an issue and label it; milliseconds until the reaction, and those that localhub took of them."""
    issue = world.opens_spec(f"Bench {number}")
    begun = world.delivers("issues", "labeled")
    path = f"/issues/{issue.number}/reactions"

    def reaction() -> float | None:
        found = [at for at, entry in world.log.seen(begun) if entry["path"].endswith(path) and entry["status"] < 300]
        return found[0] if found else None

    reacted = world.waits("the reaction", reaction)
    requests = [entry["ms"] for at, entry in world.log.seen(begun) if at <= reacted]
    world.waits_for_open_gate(issue, "plan")
    return issue, (reacted - begun) * 1000, sum(requests)


def _approves_the_plan(world: BenchWorld, issue: Issue) -> float:
    """A person approves, once everything that the gate set off is over; when that was delivered."""
    world.waits_for_quiet()
    world.approves(issue)
    return world.delivers("pull_request_review", "submitted")


def _stages(world: BenchWorld, issue: Issue) -> list[dict[str, float]]:
    """What each stage after another took, and of that agent, git, and API requests beside them; milliseconds."""
    assert isinstance(world.service, TracedService)
    gits = [(n["begun"], n["ended"]) for n in world.service.noted() if "git" in n]
    ends = {}
    for record in world.journal(issue):
        entry = record.entry
        if isinstance(entry, AttemptFinished):
            ends[entry.stage] = (record.at.timestamp(), entry.seconds)
    found = []
    for before, stage in itertools.pairwise(STAGES):
        begun, (ended, agent) = ends[before][0], ends[stage]
        git = union(_within(gits, begun, ended))
        called = [(at - entry["ms"] / 1000, at) for at, entry in world.log.seen(begun) if entry["kind"] != "git"]
        both = union(_within([*gits, *called], begun, ended))
        spent = {"wall": ended - begun, "agent": agent, "git": git, "api": both - git}
        found.append({name: seconds * 1000 for name, seconds in spent.items()})
    return found


def union(intervals: list[Interval]) -> float:
    """How long at least one of them lasted."""
    total, reached = 0.0, 0.0
    for begun, ended in sorted(intervals):
        total += max(0.0, ended - max(begun, reached))
        reached = max(reached, ended)
    return total


def _within(intervals: list[Interval], begun: float, ended: float) -> list[Interval]:
    return [(max(a, begun), min(b, ended)) for a, b in intervals if b > begun and a < ended]


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
