"""A takeover is compare-and-set: of all who want a workflow one has it, and who saw it as it was has nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.workflows.roster import Roster
from workflows import recovery
from workflows.reaper import Orphan
from workflows.recovery import DbosRecovery
from workflows.runtime import connect_client
from workflows.wake import AGENTS, REWOUND

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


class Heirs:
    """Workers that want a workflow, and which of them have executed it."""

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self.client = connect_client(roster.database)
        self.executed: list[str] = []

    def heir(self, name: str) -> DbosRecovery:
        return DbosRecovery(self.client, self.roster.database, name)  # type: ignore[arg-type]

    def left(self, executor: str = "dead", **changes: str) -> str:
        """An attempt that somebody has left behind."""
        workflow_id = self.roster.works(executor, AGENTS)
        self.changes(workflow_id, **changes)
        return workflow_id

    def changes(self, workflow_id: str, **values: str) -> None:
        for name, value in values.items():
            statement = f"UPDATE {self._schema}workflow_status SET {name} = :value WHERE workflow_uuid = :id"
            with self.roster.database.write() as connection:
                connection.execute(text(statement), {"value": value, "id": workflow_id})

    def stands(self, workflow_id: str) -> tuple[str, str, str]:
        """Its status, its executor and its queue."""
        query = f"SELECT status, executor_id, queue_name FROM {self._schema}workflow_status WHERE workflow_uuid = :id"
        with self.roster.database.read() as connection:
            status, executor, queue = connection.execute(text(query), {"id": workflow_id}).one()
        return status, executor, queue

    @property
    def _schema(self) -> str:
        return "" if self.roster.database.is_sqlite else "dbos."


@pytest.fixture(params=BOTH)
def heirs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Heirs]:
    postgres = request.param == "postgres"
    roster = Roster(request.getfixturevalue("postgres_url") if postgres else f"sqlite:///{tmp_path / 'roster.db'}")
    made = Heirs(roster)
    # The queue's own next step: that it was taken over is recorded by then.
    monkeypatch.setattr(recovery, "execute_dequeued_workflow", lambda _, status, owner: made.executed.append(owner))
    yield made
    made.client.destroy()
    roster.close()


def test_of_many_heirs_one_adopts(heirs: Heirs) -> None:
    orphan = Orphan(heirs.left(), "dead", AGENTS, None)
    with ThreadPoolExecutor(4) as pool:
        adopted = list(pool.map(lambda n: heirs.heir(f"heir-{n}").adopt(orphan), range(4)))
    assert adopted.count(True) == len(heirs.executed) == 1
    assert heirs.stands(orphan.workflow_id) == ("PENDING", f"heir-{adopted.index(True)}", AGENTS)


def test_who_saw_an_orphan_before_it_was_adopted_has_nothing(heirs: Heirs) -> None:
    orphan = Orphan(heirs.left(), "dead", AGENTS, None)
    assert heirs.heir("one").adopt(orphan)
    assert not heirs.heir("late").adopt(orphan)
    heirs.changes(orphan.workflow_id, status="SUCCESS")
    assert not heirs.heir("one").adopt(orphan), "it is over"
    assert heirs.stands(orphan.workflow_id) == ("SUCCESS", "one", AGENTS)
    assert len(heirs.executed) == 1


def test_what_was_rewound_is_fetched_once_or_let_go_once(heirs: Heirs) -> None:
    fetched, let_go = (heirs.left(status="ENQUEUED", queue_name=REWOUND) for _ in range(2))
    assert heirs.heir("one").fetch(fetched)
    assert not heirs.heir("late").fetch(fetched)
    assert not heirs.heir("late").let_go(fetched)
    assert heirs.stands(fetched) == ("PENDING", "one", AGENTS)
    assert heirs.heir("one").let_go(let_go)
    assert not heirs.heir("late").let_go(let_go)
    assert not heirs.heir("late").fetch(let_go)
    assert heirs.stands(let_go) == ("ENQUEUED", "dead", AGENTS)


def test_who_could_not_execute_it_takes_nothing_from_the_next(heirs: Heirs, monkeypatch: pytest.MonkeyPatch) -> None:
    orphan = Orphan(heirs.left(), "dead", AGENTS, None)

    def fails(*_: object) -> None:
        heirs.changes(orphan.workflow_id, executor_id="another")
        raise OSError("no thread can be started")

    monkeypatch.setattr(recovery, "execute_dequeued_workflow", fails)
    assert not heirs.heir("one").adopt(orphan)
    assert heirs.stands(orphan.workflow_id) == ("PENDING", "another", AGENTS)
