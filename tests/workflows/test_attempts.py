"""Attempts on a machine that has nothing of them: only their own push is adopted, and who is to stop is not begun."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.domain.agents import AgentResult, AgentStatus
from bot.domain.entries import AttemptFinished
from bot.domain.refs import AttemptRef
from bot.domain.trees import Workspace
from tests.adapters.workspaces.git_server import serving
from tests.domain.samples import REPO
from tests.workflows.books import RUN, Books
from tests.workflows.workshop import FIRST, Workshop
from workflows import attempt, sweep
from workflows.attempt_keys import push_key
from workflows.attempt_steps import Handoff, JudgedWork, hand_on, run_agent
from workflows.local_steps import Elsewhere

ANSWER = AgentResult(status=AgentStatus.OK, summary="Built.")


@pytest.fixture
def workshop(books: Books, tmp_path: Path) -> Iterator[Workshop]:
    with serving(tmp_path / "server", "secret") as server:
        yield Workshop(books, server, tmp_path)


@pytest.fixture
def launched_workshop(launched: Books, tmp_path: Path) -> Iterator[Workshop]:
    """In a process that could work, but listens to no queue."""
    with serving(tmp_path / "server", "secret") as server:
        yield Workshop(launched, server, tmp_path)


def pushes(workshop: Workshop, commit: str, ref: AttemptRef = FIRST) -> None:
    """Another machine intends to push that commit for the attempt, and is lost before it can say what became of it."""
    key = f"{push_key(ref.run_id, ref.stage, ref.number)}:{commit}"
    workshop.books.intends_to_push(key, commit)


def goes_on(workshop: Workshop) -> Handoff:
    """This machine, which has none of the attempt's files, is to hand its work on."""
    elsewhere = Workspace(attempt=FIRST, repo=REPO, path="/on/another/machine", start=workshop.base)
    work = JudgedWork(workspace=elsewhere, tree="7" * 40, parent=workshop.base, result=ANSWER)
    claim = workshop.claims.take(f"attempt:{FIRST.key}")
    return hand_on(workshop.services, workshop.run, workshop.tried, FIRST, work, claim)


def test_a_push_of_a_lost_machine_that_arrived_is_adopted(workshop: Workshop) -> None:
    ours = workshop.commits("print(1)\n", workshop.base)
    pushes(workshop, ours)
    handoff = goes_on(workshop)
    assert (handoff.commit, handoff.parent) == (ours, workshop.base)
    assert workshop.effects.remote_id(f"{push_key(RUN, 'builder', 1)}:{ours}") == ours


@pytest.mark.parametrize("what", ["a person's", "on top of ours", "instead of ours", "another attempt's"])
def test_a_head_that_the_attempt_has_not_pushed_is_never_taken_for_its_work(workshop: Workshop, what: str) -> None:
    if what == "on top of ours":
        ours = workshop.commits("print(1)\n", workshop.base)
        pushes(workshop, ours)
        workshop.commits("print(2)\n", ours)
    else:
        head = workshop.commits("print(2)\n", workshop.base)
        if what == "instead of ours":
            pushes(workshop, "1" * 40)
        if what == "another attempt's":
            pushes(workshop, head, AttemptRef(run_id=RUN, stage="builder", number=2))
    with pytest.raises(Elsewhere):
        goes_on(workshop)
    assert workshop.books.query("SELECT key FROM effects WHERE done_at IS NOT NULL") == []


def test_without_a_branch_there_is_nothing_to_adopt(workshop: Workshop) -> None:
    pushes(workshop, "1" * 40)
    with pytest.raises(Elsewhere):
        goes_on(workshop)


def test_an_attempt_that_was_stopped_before_its_agent_began_starts_none(workshop: Workshop) -> None:
    workshop.is_to_stop()
    workspace = workshop.workspaces.prepare(FIRST, REPO, start=workshop.base)
    claim = workshop.claims.take(f"attempt:{FIRST.key}")
    result = run_agent(workshop.services, workshop.run, workshop.tried, FIRST, workspace, claim)
    assert (result.status, result.detail) == (AgentStatus.INTERRUPTED, "the run was cancelled")
    assert not workshop.supervisors.knows(FIRST)
    assert workshop.times_paid == 0


def test_an_attempt_that_is_wanted_starts_its_agent_once(workshop: Workshop) -> None:
    workspace = workshop.workspaces.prepare(FIRST, REPO, start=workshop.base)
    for _ in range(2):
        claim = workshop.claims.take(f"attempt:{FIRST.key}")
        result = run_agent(workshop.services, workshop.run, workshop.tried, FIRST, workspace, claim)
        assert result.status is AgentStatus.OK, result
    assert workshop.times_paid == 1


def sweeps(workshop: Workshop) -> None:
    run = workshop.run
    assert sweep._attempt_again(workshop.services, run, sweep._live_workflows(run)) == 0


def test_a_queued_attempt_that_is_to_stop_has_ended_before_its_turn_comes(
    launched_workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop = launched_workshop
    sweeps(workshop)
    assert workshop.tried.finished is None, "it is wanted"
    workshop.is_to_stop()
    sweeps(workshop)
    end = workshop.tried.finished
    assert end == AttemptFinished(
        stage="builder", number=1, status=AgentStatus.INTERRUPTED, detail="the run was cancelled"
    )
    monkeypatch.setattr(attempt, "services", lambda: workshop.services)
    attempt.attempt(RUN, "builder", 1)
    assert workshop.books.query("SELECT key FROM claims") == [], "whoever has ended takes nothing over"
    assert not workshop.workspaces.place(FIRST).exists()
    assert workshop.times_paid == 0


def test_an_attempt_that_has_had_its_turn_is_not_ended_under_its_agent(launched_workshop: Workshop) -> None:
    workshop = launched_workshop
    workshop.is_to_stop()
    begun = f"UPDATE {workshop.books.dbos_schema}workflow_status SET status = 'PENDING'"
    workshop.books.executes(f"{begun} WHERE workflow_uuid LIKE 'attempt:%'")
    sweeps(workshop)
    assert workshop.tried.finished is None
