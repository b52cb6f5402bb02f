"""The journal in a real database: many writers at once, and what the schema itself refuses."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from bot.domain.agents import AgentStatus
from bot.domain.decisions import Decision, Ignored
from bot.domain.entries import AttemptFinished, HeadMoved, RunParked
from bot.domain.events import CommandGiven, IssueLabelled, MoveMade, PullRequestChanged
from bot.domain.forge import Label
from bot.domain.journal import first_break
from bot.domain.moves import StartAttempt
from tests.domain import samples as s
from workflows.database import Database
from workflows.journal import Journal, StaleFacts
from workflows.runtime import connect_client, prepare_system_tables
from workflows.schema.migrate import migrate
from workflows.schema.tables import entries, runs
from workflows.wake import Waker

RUN = "acme--tally--7"


class Ledger:
    """A journal in an empty database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.journal = Journal(database, Waker(connect_client(database)))

    def starts(self, label_id: int = 1, runs_before: int = 0) -> Decision:
        label = Label(event_id=label_id, name="spec", actor=s.MONA, at=s.at(0))
        start = s.start_facts(label=label, runs_before=runs_before)
        event = IssueLabelled(issue=s.ISSUE, label="spec")
        return self.journal.decide(event, s.facts(start=start), of=s.ISSUE)

    def parks(self, cause: str) -> Decision:
        return self.journal.decide(MoveMade(entry=RunParked(reason="?"), cause=cause), s.facts(), of=RUN)

    def kinds(self) -> list[str]:
        return [record.kind for record in self.journal.records(RUN)]

    def query(self, statement: str) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(text(statement)))

    def workflows(self) -> list[str]:
        schema = "" if self.database.is_sqlite else "dbos."
        return sorted(row[0] for row in self.query(f"SELECT workflow_uuid FROM {schema}workflow_status"))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    in_file = f"sqlite:///{tmp_path / 'journal.db'}"
    database = Database(request.getfixturevalue("postgres_url") if request.param == "postgres" else in_file)
    migrate(database)
    prepare_system_tables(database)
    yield Ledger(database)
    database.close()


def at_once(work: Callable[[int], object], times: int = 8) -> list[object]:
    """What `work` came to, done by so many threads at the same moment; an exception is a result, too."""
    ready, results = threading.Barrier(times), list[object]()

    def run(number: int) -> None:
        ready.wait()
        try:
            results.append(work(number))
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_an_append_and_its_wake_ups_are_one(ledger: Ledger) -> None:
    ledger.starts()
    assert ledger.kinds() == ["run_started"]
    assert ledger.workflows() == [f"drive:{RUN}:1", f"publish:{RUN}:1"]


def test_an_append_that_fails_wakes_nobody(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise OSError("the machine is on fire")

    monkeypatch.setattr(Waker, "publish", fail)
    with pytest.raises(OSError, match="fire"):
        ledger.starts()
    assert ledger.kinds() == []
    assert ledger.workflows() == []
    assert ledger.query("SELECT * FROM runs") == ledger.query("SELECT * FROM decisions") == []


def test_writers_at_once_make_one_unbroken_chain(ledger: Ledger) -> None:
    """Compare-and-set on (run, seq): who comes second reads again."""
    ledger.starts()
    results = at_once(lambda number: ledger.parks(f"parked:{number}"))
    assert [result for result in results if isinstance(result, Exception)] == []
    records = ledger.journal.records(RUN)
    assert [record.seq for record in records] == list(range(1, 10))
    assert first_break(records) is None


def test_one_cause_is_recorded_once_however_many_bring_it(ledger: Ledger) -> None:
    ledger.starts()
    results = at_once(lambda _: ledger.parks("parked:same"))
    assert [result for result in results if isinstance(result, Exception)] == []
    assert ledger.kinds() == ["run_started", "run_parked"]


def test_drivers_at_once_start_one_attempt(ledger: Ledger) -> None:
    ledger.starts()
    results = at_once(lambda number: ledger.journal.claim_next_move(RUN, f"drive:{number}"))
    assert sum(isinstance(result, StartAttempt) for result in results) == 1
    assert ledger.kinds() == ["run_started", "attempt_started"]
    assert [w for w in ledger.workflows() if w.startswith("attempt:")] == [f"attempt:{RUN}.builder.1:0"]


def test_labels_at_once_start_one_run(ledger: Ledger) -> None:
    """Each believes in another number of runs before, as when GitHub is read at different moments."""
    at_once(lambda number: ledger.starts(label_id=number + 1, runs_before=number))
    assert len(ledger.query("SELECT * FROM runs")) == 1
    assert len(ledger.query("SELECT * FROM entries")) == 1


def test_the_same_label_again_gets_the_decision_of_then(ledger: Ledger) -> None:
    first = ledger.starts()
    assert ledger.starts() == first
    assert ledger.kinds() == ["run_started"]


def test_a_driver_that_claimed_something_else_before_it_died_leaves_it_to_others(ledger: Ledger) -> None:
    ledger.starts()
    ledger.journal.claim_next_move(RUN, "drive:1")
    failed = AttemptFinished(stage="builder", number=1, status=AgentStatus.AGENT_ERROR)
    ledger.journal.decide(MoveMade(entry=failed, cause="attempt:builder:1:finished"), s.facts(), of=RUN)
    assert ledger.journal.claim_next_move(RUN, "drive:1") is None
    assert isinstance(ledger.journal.claim_next_move(RUN, "drive:3"), StartAttempt)


def test_facts_that_went_stale_are_not_decided_on(ledger: Ledger) -> None:
    ledger.starts()
    ledger.parks("parked:1")
    with pytest.raises(StaleFacts):
        ledger.journal.decide(PullRequestChanged(pull=s.PULL), s.facts(), of=RUN, seq=1)


def test_what_a_review_says_is_heard_once_also_when_it_is_ignored(ledger: Ledger) -> None:
    ledger.starts()
    given: dict[str, Any] = {"verb": "status", "argument": "", "text": "", "line": 3, "at": s.at(9), "by": s.BOT}
    command = CommandGiven(issue=s.PULL, source="review", source_id=77, **given)
    assert not ledger.journal.has_heard_review(77)
    assert isinstance(ledger.journal.decide(command, s.facts(), of=RUN), Ignored), "a bot says nothing"
    assert ledger.journal.has_heard_review(77)
    assert not ledger.journal.has_heard_review(7)


def test_the_schema_itself_keeps_seq_cause_and_open_runs_unique(ledger: Ledger) -> None:
    ledger.starts()
    ledger.journal.decide(MoveMade(entry=HeadMoved(head=s.ONE), cause="head:1"), s.facts(), of=RUN)
    [first, second] = [dict(row._mapping) for row in ledger.query("SELECT * FROM entries ORDER BY seq")]
    with pytest.raises(IntegrityError), ledger.database.write() as connection:
        connection.execute(insert(entries).values({**second, "cause": "another"}))
    with pytest.raises(IntegrityError), ledger.database.write() as connection:
        connection.execute(insert(entries).values({**second, "seq": 3, "cause": first["cause"]}))
    [run] = [dict(row._mapping) for row in ledger.query("SELECT * FROM runs")]
    again = {**run, "run_id": f"{RUN}-2", "is_open": True}
    with pytest.raises(IntegrityError), ledger.database.write() as connection:
        connection.execute(insert(runs).values(again))
    with ledger.database.write() as connection:
        connection.execute(insert(runs).values({**again, "is_open": False}))


def test_sqlite_keeps_what_was_committed_through_a_loss_of_power(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    database.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
