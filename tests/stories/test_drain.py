"""SIGTERM: every process of the service detaches from what it does, and is gone within seconds."""

import signal
import socket
import time

import pytest

from tests.stories.conftest import NewWorld
from tests.stories.service import Service
from tests.stories.world import GOOD, World

SECONDS = 8.0
"""A bound for a slow machine; what it took is printed (`pytest -s`)."""


def busy(world: World) -> socket.socket:
    """A gate is open, an agent at work, and a delivery on its way, of which half has come."""
    world.builder.writes(GOOD)
    waiting = world.opens_spec("Add a health check")
    world.waits_for_gate(waiting)
    world.builder.turns_over().writes(GOOD, holds=True)
    world.opens_spec("Add another")
    world.waits_for_agent(times=2)
    half = socket.create_connection(("127.0.0.1", world.service.port))
    half.sendall(b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nX-GitHub-Event: ping\r\n\r\n{")
    return half


def drains(service: Service) -> float:
    """How long it took to end after SIGTERM."""
    begin = time.monotonic()
    service.signal(signal.SIGTERM)
    assert service.process is not None
    assert service.process.wait(30) == 0
    return time.monotonic() - begin


def test_the_whole_service(world: World) -> None:
    half = busy(world)
    took = drains(world.service)
    print(f"\nserve: gone {took:.2f} s after SIGTERM")
    assert took < SECONDS
    half.close()
    assert world.processes_of_agents(), "the agent was stopped with the service"
    assert not (world.directory / "service.pid").exists()
    assert world.query("SELECT count(*) FROM workers WHERE declared_dead_at IS NULL")[0][0] == 0, (
        "others would have to wait for its lease to end"
    )
    world.start_service()
    world.builder.is_let_go()
    world.waits("the second gate", lambda: world.query("SELECT count(*) FROM gates WHERE state = 'open'")[0][0] == 2)
    assert world.builder.times_paid == 2


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres])])
def test_webhook_and_worker_apart(new_world: NewWorld, database: str) -> None:
    world = new_world(database)
    world.service = Service(world.directory, world.service.port, "webhook")
    worker = Service(world.directory, world.service.port, "worker")
    worker.spawn()
    world.start_service()
    try:
        half = busy(world)
        took = {"worker": drains(worker), "webhook": drains(world.service)}
        half.close()
    finally:
        worker.close()
    print("".join(f"\n{name}: gone {seconds:.2f} s after SIGTERM" for name, seconds in took.items()))
    assert max(took.values()) < SECONDS
    assert world.processes_of_agents(), "the agent was stopped with the worker"
    assert world.query("SELECT count(*) FROM workers WHERE declared_dead_at IS NULL")[0][0] == 0
