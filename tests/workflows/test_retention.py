"""What is removed, and above all what stays."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.supervisor.files import remove_old
from tests.workflows.books import RUN, Books
from workflows.clock import now, stamp
from workflows.intake import Delivery, store_deliveries
from workflows.retention import remove_deliveries, remove_workflows
from workflows.runtime import connect_client
from workflows.wake import Waker, run_of

LATER = timedelta(seconds=60)


def workflows(books: Books) -> set[str]:
    schema = "" if books.database.is_sqlite else "dbos."
    return {str(row[0]) for row in books.query(f"SELECT workflow_uuid FROM {schema}workflow_status")}


def all_end(books: Books, status: str = "SUCCESS") -> None:
    """Every workflow ends, as if a worker had come along."""
    schema = "" if books.database.is_sqlite else "dbos."
    ended = f"status = '{status}', completed_at = {int(time.time() * 1000)}"
    books.executes(f"UPDATE {schema}workflow_status SET {ended}")


def delivered(books: Books, *ids: str) -> None:
    batch = [Delivery(each, "issues", "{}", "acme/tally#7") for each in ids]
    store_deliveries(books.database, Waker(connect_client(books.database)), batch)


@pytest.mark.parametrize(
    ("workflow_id", "run_id"),
    [
        ("drive:acme--tally--7:3", "acme--tally--7"),
        ("drive:acme--tally--7-2:3.1700000000", "acme--tally--7-2"),
        ("publish:acme--my.site--7:again.12", "acme--my.site--7"),
        ("timer:acme--tally--7:merge:1:remind", "acme--tally--7"),
        ("deploy:acme--tally--7:production:1:0", "acme--tally--7"),
        ("attempt:acme--my.site--7.builder.2:0", "acme--my.site--7"),
        ("inbox:3a2c-guid:1", None),
        ("missed:comment:77:1:0", None),
    ],
)
def test_a_workflow_names_its_run(workflow_id: str, run_id: str | None) -> None:
    assert run_of(workflow_id) == run_id


def test_workflows_of_open_runs_stay_whatever_became_of_them(launched: Books) -> None:
    launched.starts()
    launched.tries(1)
    its_own = workflows(launched)
    assert {each.partition(":")[0] for each in its_own} == {"drive", "publish", "attempt"}
    delivered(launched, "guid-1")
    all_end(launched, "ERROR")
    assert remove_workflows(launched.database, ended_before=now() - LATER) == 0, "they ended just now"
    assert remove_workflows(launched.database, ended_before=now() + LATER) == 1
    assert workflows(launched) == its_own
    launched.executes("UPDATE runs SET is_open = FALSE")
    assert remove_workflows(launched.database, ended_before=now() + LATER) == len(its_own)
    assert workflows(launched) == set()


def test_workflows_that_have_not_ended_stay(launched: Books) -> None:
    delivered(launched, "guid-1")
    assert remove_workflows(launched.database, ended_before=now() + LATER) == 0
    assert workflows(launched) == {"inbox:guid-1:1"}


def test_timers_of_runs_that_are_over_are_not_waited_for(launched: Books) -> None:
    launched.starts()
    waker = Waker(connect_client(launched.database))
    with launched.database.write() as connection:
        waker.timer(connection, RUN, "merge", 1, "remind", 3600.0)
    all_but_the_timer = workflows(launched) - {f"timer:{RUN}:merge:1:remind"}
    assert remove_workflows(launched.database, ended_before=now() + LATER) == 0, "the run is open"
    launched.executes("UPDATE runs SET is_open = FALSE")
    assert remove_workflows(launched.database, ended_before=now() - LATER) == 0, "it is young"
    assert remove_workflows(launched.database, ended_before=now() + LATER) == 1
    assert workflows(launched) == all_but_the_timer


def test_deliveries_that_were_read_go_and_can_come_again(launched: Books) -> None:
    long_ago, today = stamp(now() - timedelta(days=40)), stamp(now())
    delivered(launched, "old", "unread", "new", "just-read")
    launched.executes(f"UPDATE deliveries SET received_at = '{long_ago}' WHERE id <> 'new'")
    launched.executes(f"UPDATE deliveries SET status = 'processed', processed_at = '{today}' WHERE id <> 'unread'")
    launched.executes(f"UPDATE deliveries SET processed_at = '{long_ago}' WHERE id = 'old'")
    launched.executes("INSERT INTO claims VALUES ('inbox:old', 1, 'w', '')")
    assert remove_deliveries(launched.database, read_before=now() - timedelta(days=30)) == 1
    assert launched.query("SELECT id FROM deliveries ORDER BY id") == [("just-read",), ("new",), ("unread",)]
    assert launched.query("SELECT * FROM claims") == []
    assert workflows(launched) == {"inbox:just-read:1", "inbox:new:1", "inbox:unread:1"}
    delivered(launched, "old")
    assert "inbox:old:1" in workflows(launched), "it is read again: what it caused is known by its cause"


def test_files_that_are_in_use_or_young_stay(tmp_path: Path) -> None:
    for name in ("old", "young", f"{RUN}.builder.1"):
        (tmp_path / name / "home").mkdir(parents=True)
        if name != "young":
            os.utime(tmp_path / name, (0, 0))
    assert remove_old(tmp_path, {f"{RUN}.builder.1"}, older_than_seconds=3600) == {"old"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{RUN}.builder.1", "young"]
    assert remove_old(tmp_path / "nowhere", set(), older_than_seconds=0) == set()
