"""Limits hold under load: six workers, four repositories, and agents that say themselves when they work."""

import json
import signal
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.localhub.harness import git
from tests.stories import limited_agent
from tests.stories.conftest import NewWorld
from tests.stories.service import Service
from tests.stories.world import MAINTAINER, OWNER, PROJECT, World
from tests.support.ports import free_port

_REPOSITORIES = ("tally", "abacus", "ledger", "till")
_WORKERS = 6
_SPECS = 4
_IN_ALL, _PER_REPOSITORY, _PER_WORKER = 5, 2, 1
_SETTINGS = (
    f"agents_in_all = {_IN_ALL}\nagents_per_repository = {_PER_REPOSITORY}\nagents_per_worker = {_PER_WORKER}\n"
    "lease_seconds = 60"
)


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(400)
def test_limits_hold_with_six_workers(new_world: NewWorld) -> None:
    world = new_world("postgres", settings=_SETTINGS, agent=limited_agent.__file__)
    _more_repositories(world)
    others = [Service(world.directory, free_port(), "worker") for _ in range(_WORKERS - 1)]
    try:
        world.start_service()
        for each in others:
            each.spawn()
        world.waits("six workers", lambda: len(_living(world)) == _WORKERS)
        for _ in range(_SPECS):
            for name in _REPOSITORIES:
                _opens_spec(world, name)
        spans = world.waits("every agent to have worked", lambda: _spans(world), seconds=240)
        _judge(world, spans)
        _settings_count_from_the_next_start_on(world, others)
    finally:
        for each in others:
            each.close()


def _judge(world: World, spans: list[dict[str, Any]]) -> None:
    executors = dict(world.query("SELECT workflow_uuid, executor_id FROM dbos.workflow_status"))
    by_repository, by_worker = defaultdict(list), defaultdict(list)
    for span in spans:
        by_repository[span["repo"]].append(span)
        by_worker[executors[f"attempt:{span['attempt']}:0"]].append(span)
    in_all = most_at_once(spans)
    per_repository = {name: most_at_once(found) for name, found in by_repository.items()}
    per_worker = [most_at_once(found) for found in by_worker.values()]
    print(f"at once: {in_all} in all, {per_repository} per repository, {per_worker} per worker ({len(spans)} agents)")
    assert in_all <= _IN_ALL
    assert max(per_repository.values()) <= _PER_REPOSITORY
    assert max(per_worker) <= _PER_WORKER
    assert in_all >= _IN_ALL - 1, "there was no load that a limit had to hold"
    assert max(per_repository.values()) == _PER_REPOSITORY
    assert len(per_worker) == _WORKERS, "somebody had nothing to do"


def _settings_count_from_the_next_start_on(world: World, others: list[Service]) -> None:
    for service in (world.service, *others):
        service.signal(signal.SIGTERM)
        assert service.process is not None
        service.process.wait(20)
    file = world.directory / "service.toml"
    file.write_text(file.read_text().replace(f"agents_in_all = {_IN_ALL}", "agents_in_all = 3"))
    others[0].spawn()
    query = "SELECT concurrency, worker_concurrency, partition_concurrency FROM dbos.queues WHERE name = 'agents'"
    world.waits_without_a_service("the new limits", lambda: tuple(world.query(query)[0]) == (3, 1, 2))


def most_at_once(spans: Iterable[dict[str, Any]]) -> int:
    """How many of these spans overlap at most."""
    edges = sorted([(s["from"], 1) for s in spans] + [(s["to"], -1) for s in spans])
    now = most = 0
    for _, step in edges:
        now += step
        most = max(most, now)
    return most


def test_overlaps_are_counted() -> None:
    spans = [{"from": 0, "to": 3}, {"from": 1, "to": 2}, {"from": 2, "to": 5}, {"from": 4, "to": 6}]
    assert most_at_once(spans) == 2
    assert most_at_once([*spans, {"from": 1.5, "to": 4.5}]) == 3
    assert most_at_once([]) == 0


def _more_repositories(world: World) -> None:
    """Like the first, each with a configuration that runs the pipeline `quick`."""
    hub = world.hub
    clone = world.directory / "people" / "config"
    git(world.directory, "clone", "-q", hub.remote(hub.tokens[OWNER]), str(clone))
    settings = (clone / ".github" / "issuewright.yml").read_text()
    for name in _REPOSITORIES[1:]:
        files = {**PROJECT, ".github/issuewright.yml": settings}
        hub.control("POST", "/repositories", {"owner": OWNER, "name": name, "files": files})
        role = {"login": MAINTAINER, "role_name": "write"}
        hub.control("POST", f"/repositories/{OWNER}/{name}/collaborators", role)
    everything = [f"{OWNER}/{name}" for name in _REPOSITORIES]
    hub.install_app(f"http://127.0.0.1:{world.service.port}/webhook", everything)
    file = world.directory / "service.toml"
    line = f"repositories = {json.dumps(everything)}"
    file.write_text(file.read_text().replace('repositories = ["acme/tally"]', line))


def _opens_spec(world: World, name: str) -> None:
    hub = world.hub
    hub.repository = f"{OWNER}/{name}"
    try:
        world.opens_spec("Add a part")
    finally:
        hub.repository = f"{OWNER}/{_REPOSITORIES[0]}"


def _living(world: World) -> list[Any]:
    return world.query("SELECT 1 FROM workers WHERE declared_dead_at IS NULL")


def _spans(world: World) -> list[dict[str, Any]]:
    """What all agents have noted, once all have."""
    file: Path = world.directory / "agents" / "spans.jsonl"
    spans = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return spans if len(spans) >= _SPECS * len(_REPOSITORIES) else []
