"""Several workers: one dies, and another of its machine goes on; one sleeps, and what it then does is undone."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psutil
import pytest

from tests.stories.conftest import NewWorld
from tests.stories.service import Service
from tests.stories.test_convergence import as_the_bot
from tests.stories.world import GOOD, World
from tests.support.ports import free_port

_LEASE = 8.0
_RECONCILE = 4.0


@pytest.fixture
def two_workers(new_world: NewWorld) -> Iterator[World]:
    """A world whose webhook stands alone, and has two workers of the same machine beside it."""
    world = new_world("postgres", settings=f"lease_seconds = {_LEASE}")
    with _two_workers_of(world):
        yield world


@contextmanager
def _two_workers_of(world: World) -> Iterator[None]:
    world.service = Service(world.directory, world.service.port, "webhook")
    with ExitStack() as stack:
        for _ in range(2):
            worker = Service(world.directory, free_port(), "worker")
            worker.spawn()
            stack.callback(worker.close)
        world.start_service()
        world.waits("two workers", lambda: len(world.query(_LIVING)) == 2)
        yield


@pytest.mark.slow
def test_a_worker_of_the_same_machine_takes_over_at_once(two_workers: World) -> None:
    world = two_workers
    world.builder.writes(GOOD, holds=True)
    issue = world.opens_spec("Add a health check")
    world.waits_for_agent()
    attempt, executor, pid = world.waits("the attempt", lambda: world.query(_AT_WORK, name="attempt:%"))[0]
    since = time.monotonic()
    psutil.Process(pid).kill()
    world.waits("the takeover", lambda: world.query(_TAKEN, id=attempt, executor=executor))
    took = time.monotonic() - since
    print(f"taken over after {took:.2f} s")
    assert took < 5
    world.builder.is_let_go()
    world.waits_for_gate(issue)
    assert world.builder.times_paid == 1
    assert world.agent_calls() == [attempt.removeprefix("attempt:").removesuffix(":0")]


@pytest.mark.slow
def test_workers_take_turns_at_looking_for_what_was_lost(new_world: NewWorld) -> None:
    """What the reading of GitHub costs does not grow with the number of workers."""
    world = new_world("postgres", settings=f"reconcile_seconds = {_RECONCILE}")

    def looks() -> int:
        return len(world.requests("GET", "/issues$"))

    with _two_workers_of(world):
        world.waits("each to have looked when it began", lambda: looks() >= 2)
        before, since = looks(), time.monotonic()
        world.waits("some more looks", lambda: looks() >= before + 8)
        # Four times would do if each looked by itself. One that began late may have its first look among these.
        assert time.monotonic() - since > 6 * _RECONCILE


@pytest.mark.slow
def test_a_sleeper_whose_comment_arrives_late_is_repaired_within_a_lease(two_workers: World) -> None:
    """The comment is on its way when its worker falls asleep. Others write it anew; then it arrives as well."""
    world = two_workers
    world.builder.writes(GOOD)
    late = {"method": "POST", "path_regex": r"/issues/\d+/comments$", "caller": "installation", "when": "before"}
    world.hub.control("POST", "/faults", {**late, "kind": "delay", "seconds": 2.5 * _LEASE, "times": 1})
    issue = world.opens_spec("Add a health check")
    world.waits("the comment to be on its way", lambda: not world.hub.control("GET", "/faults"))
    [(key, pid)] = world.query(_ON_ITS_WAY)
    sleeper = psutil.Process(pid)
    sleeper.suspend()
    marker = f"<!-- issuewright:{key} -->"
    world.waits("both comments", lambda: len(world.bot_comments(issue.number, marker)) == 2)
    since = time.monotonic()
    sleeper.resume()
    world.waits("one of them to be removed", lambda: len(world.bot_comments(issue.number, marker)) == 1)
    took = time.monotonic() - since
    print(f"repaired {took:.1f} s after it woke up; its lease is {_LEASE:.0f} s")
    world.waits("the sleeper to end", lambda: not sleeper.is_running() or sleeper.status() == psutil.STATUS_ZOMBIE)
    assert took < 1.5 * _LEASE
    world.waits_for_gate(issue)


def test_what_no_list_of_comments_tells_is_repaired_after_a_sleeper(new_world: NewWorld, database: str) -> None:
    """Labels and check runs of long ago, by a worker that says that it has woken up."""
    world = new_world(database)
    world.start_service()
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.waits_for_quiet()
    head = world.sees(f"/pulls/{number}")["head"]["sha"]
    [check] = world.check_runs(head)
    labels = sorted(label["name"] for label in world.issue(issue)["labels"])

    body = {"name": check["name"], "head_sha": head, "external_id": check["external_id"], "status": "in_progress"}
    as_the_bot(world, "POST", "/check-runs", body)
    wrong = {"labels": ["issuewright: needs help"]}
    assert world.hub.call("POST", f"/issues/{issue.number}/labels", world.hub.bot_token(), wrong).is_success
    for comment in world.conversation(number):
        as_the_bot(world, "POST", f"/issues/{number}/comments", {"body": comment["body"]})
    comments = [c["id"] for c in world.conversation(number)]
    world.executes(_SLEEPER.format(time.time() - 100, time.time() - 60))

    world.waits("the labels", lambda: sorted(each["name"] for each in world.issue(issue)["labels"]) == labels)
    world.waits("the comments", lambda: len(world.conversation(number)) == len(comments) / 2)

    def closed() -> bool:
        first, second = sorted(world.check_runs(head), key=lambda each: int(each["id"]))
        return [each["output"]["title"] for each in (first, second)] == ["Replaced", check["output"]["title"]]

    world.waits("the check runs", closed)
    world.waits("the sleeper to be looked after", lambda: not world.query("SELECT 1 FROM workers WHERE pid = 0"))


@pytest.mark.slow
@pytest.mark.parametrize("status", [410, 301], ids=["deleted", "transferred"])
def test_a_run_whose_issue_is_gone_holds_up_no_look_after_a_sleeper(new_world: NewWorld, status: int) -> None:
    world, looks = _at_a_gate_without_its_issue(new_world, status)
    world.waits("the sleeper to be looked after", lambda: not world.query("SELECT 1 FROM workers WHERE pid = 0"))
    assert looks() == 1


@pytest.mark.slow
def test_takeovers_do_not_wait_for_github_to_tell_what_a_sleeper_did(new_world: NewWorld) -> None:
    world, looks = _at_a_gate_without_its_issue(new_world, 502)
    world.waits("the look to be under way", looks)
    world.executes(_SILENT.format(time.time() - 100))
    dead = "SELECT 1 FROM workers WHERE executor_id = 'silent' AND declared_dead_at IS NOT NULL"
    world.waits("the silent one to be found dead", lambda: world.query(dead))
    assert world.query("SELECT 1 FROM workers WHERE executor_id = 'sleeper'"), "GitHub has not answered yet"
    world.hub.control("DELETE", "/faults")
    world.waits("the sleeper to be looked after", lambda: not world.query("SELECT 1 FROM workers WHERE pid = 0"))


def _at_a_gate_without_its_issue(new_world: NewWorld, status: int) -> tuple[World, Callable[[], int]]:
    """A run that waits, GitHub not telling of its issue any more, and a sleeper that has woken up; and how often the
    issue was asked about since."""
    world = new_world("sqlite")
    world.start_service()
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    world.waits_for_quiet()
    place = f"/issues/{issue.number}$"
    fault = {"method": "GET", "path_regex": place, "caller": "installation", "when": "before", "times": None}
    world.hub.control("POST", "/faults", {**fault, "status": status, "message": "This issue is gone"})
    before = len(world.requests("GET", place))
    world.executes(_SLEEPER.format(time.time() - 100, time.time() - 60))
    return world, lambda: len(world.requests("GET", place)) - before


_LIVING = "SELECT 1 FROM workers WHERE declared_dead_at IS NULL"
_AT_WORK = (
    "SELECT s.workflow_uuid, s.executor_id, w.pid FROM dbos.workflow_status s JOIN workers w USING (executor_id) "
    "WHERE s.status = 'PENDING' AND s.workflow_uuid LIKE :name"
)
_TAKEN = "SELECT 1 FROM dbos.workflow_status WHERE workflow_uuid = :id AND executor_id <> :executor"
_ON_ITS_WAY = (
    "SELECT e.key, w.pid FROM effects e, dbos.workflow_status s JOIN workers w USING (executor_id) "
    "WHERE e.kind = 'comment' AND e.done_at IS NULL AND s.status = 'PENDING' AND s.workflow_uuid LIKE 'publish:%'"
)
_SLEEPER = (
    "INSERT INTO workers (executor_id, host, boot_id, pid, pid_started_at, started_at, heartbeat_at, machine, "
    "declared_dead_at, woke_up_at) VALUES ('sleeper', 'far', 'away', 0, 1, '', {0}, 'elsewhere', {0}, {1})"
)
_SILENT = (
    "INSERT INTO workers (executor_id, host, boot_id, pid, pid_started_at, started_at, heartbeat_at, machine) "
    "VALUES ('silent', 'far', 'away', 1, 1, '', {0}, 'elsewhere')"
)
