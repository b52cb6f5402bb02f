"""The sweep leaves alone what somebody works on, or has looked after meanwhile."""

from types import SimpleNamespace
from typing import cast

import pytest
from dbos import WorkflowStatus
from sqlalchemy import text

from bot.domain.agents import AgentStatus
from bot.domain.entries import AttemptStarted, CommandAccepted, StopRequested
from tests.domain.samples import BOT, MONA
from tests.workflows.books import RUN, Books
from workflows import sweep
from workflows.runtime import connect_client
from workflows.services import Services
from workflows.wake import Waker

WORKFLOW = f"attempt:{RUN}.builder.1:0"


@pytest.fixture
def at_work(launched: Books) -> Books:
    """A run whose first attempt waits in its queue."""
    launched.starts()
    launched.records(AttemptStarted(stage="builder", number=1, start_commit="b" * 40))
    return launched


def stops(books: Books) -> None:
    books.records(CommandAccepted(verb="cancel", by=MONA))
    books.records(StopRequested(stage="builder", number=1, reason="it was cancelled"))


def table(books: Books, name: str) -> str:
    return books.dbos_schema + name


def is_executed(books: Books) -> None:
    """A worker has taken the attempt from its queue."""
    taken = f"UPDATE {table(books, 'workflow_status')} SET status = 'PENDING', executor_id = 'another'"
    books.executes(f"{taken} WHERE workflow_uuid = '{WORKFLOW}'")


def has_done_a_step(books: Books) -> None:
    columns = "(workflow_uuid, function_id, function_name, output)"
    books.executes(
        f"INSERT INTO {table(books, 'operation_outputs')} {columns} VALUES (:id, 1, 'prepare', NULL)", id=WORKFLOW
    )


def look(books: Books, live: set[str] | None = None) -> int:
    """One look of the sweep at the attempt; `live` is what it has seen there before."""
    run, waker = books.run(), Waker(connect_client(books.database))
    parts = {"database": books.database, "journal": books.journal, "waker": waker}
    here = cast(Services, SimpleNamespace(**parts, github=SimpleNamespace(bot=lambda: BOT)))
    return sweep._attempt_again(here, run, sweep._live_workflows(run) if live is None else live)


def restarts(books: Books) -> object:
    return books.query("SELECT restarts FROM attempts")[0][0]


def attempts_enqueued(books: Books) -> int:
    query = f"SELECT 1 FROM {table(books, 'workflow_status')} WHERE workflow_uuid LIKE 'attempt:%'"
    return len(books.query(query))


def end(books: Books) -> AgentStatus | None:
    attempt = books.run().attempt("builder", 1)
    assert attempt is not None
    return attempt.finished.status if attempt.finished else None


def test_an_attempt_that_should_stop_and_was_not_begun_is_ended(at_work: Books) -> None:
    look(at_work)
    assert end(at_work) is None
    stops(at_work)
    look(at_work)
    assert end(at_work) is AgentStatus.INTERRUPTED


def test_an_attempt_that_should_stop_and_is_at_work_tells_its_end_and_its_cost_itself(at_work: Books) -> None:
    stops(at_work)
    is_executed(at_work)
    look(at_work)
    assert end(at_work) is None


def test_an_attempt_that_waits_to_go_on_tells_its_end_and_its_cost_itself(at_work: Books) -> None:
    """It was given back to its queue after its first steps: there is an agent that was paid."""
    stops(at_work)
    has_done_a_step(at_work)
    look(at_work)
    assert end(at_work) is None


def test_an_attempt_that_lives_again_since_the_first_look_is_left_alone(at_work: Books) -> None:
    assert look(at_work, live=set()) == 0
    assert restarts(at_work) == 0
    is_executed(at_work)
    assert look(at_work, live=set()) == 0
    assert restarts(at_work) == 0
    assert attempts_enqueued(at_work) == 1


def test_an_attempt_that_another_sweep_looks_after_is_not_executed_twice(
    at_work: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = sweep._newest

    def and_then_another_is_faster(prefix: str) -> WorkflowStatus | None:
        found = newest(prefix)
        with at_work.database.write() as connection:
            connection.execute(text("UPDATE attempts SET restarts = restarts + 1"))
        return found

    at_work.executes(f"DELETE FROM {table(at_work, 'workflow_status')} WHERE workflow_uuid = '{WORKFLOW}'")
    with monkeypatch.context() as patch:
        patch.setattr(sweep, "_newest", and_then_another_is_faster)
        assert look(at_work) == 0
    assert restarts(at_work) == 1
    assert attempts_enqueued(at_work) == 0
    assert look(at_work) == 1
    assert restarts(at_work) == 2
