"""What an operator sees of runs, and what they may tell them."""

import hashlib
import json

import pytest

from bot.domain.errors import UserError
from bot.domain.journal import GENESIS, first_break
from tests.workflows.books import RUN, Books
from workflows.operator import command
from workflows.queries import export_run, list_runs, show_run


def test_a_list_shows_what_stands_still(books: Books) -> None:
    assert list_runs(books.database) == []
    books.starts()
    books.parks()
    (line,) = list_runs(books.database, repo="acme/tally")
    assert (line.run_id, line.status, line.waiting_for) == (RUN, "parked", "a person: the registry is away")
    assert list_runs(books.database, repo="acme/other") == []


def test_a_run_is_shown_with_what_its_checks_said(books: Books) -> None:
    books.starts()
    books.tries(1)
    shown = show_run(books.database, RUN)
    builder = shown.steps[0]
    assert (builder.name, builder.state, builder.attempts) == ("builder", "sent back", 1)
    (attempt,) = shown.attempts
    assert (attempt.status, attempt.cost_usd) == ("refused", 0.25)
    assert [(v.check, v.outcome, v.summary) for v in attempt.verdicts] == [("tests", "fail", "3 of 41 failed")]
    assert shown.run.last_error == "attempt 1 of builder was refused: tests: 3 of 41 failed"
    assert shown.next_moves == ("starting attempt 2 of builder",)


def test_a_run_of_a_newer_release_is_shown_as_such(books: Books) -> None:
    books.starts()
    books.tries(1)
    books.executes("UPDATE entries SET kind = 'run_frozen' WHERE seq = 3")
    (line,) = list_runs(books.database)
    assert line.unreadable is not None
    assert "`run_frozen`" in line.unreadable
    assert "run_frozen" in (show_run(books.database, RUN).run.unreadable or "")
    with pytest.raises(UserError, match="has to wait"):
        command(books.journal, RUN, "cancel")


def test_even_the_beginning_may_be_of_a_newer_release(books: Books) -> None:
    books.starts()
    books.executes("UPDATE entries SET version = 99 WHERE seq = 1")
    shown = show_run(books.database, RUN)
    assert shown.run.unreadable is not None
    with pytest.raises(UserError, match="that this release can read"):
        command(books.journal, RUN, "retry")


def test_a_name_that_is_nearly_right_is_helped(books: Books) -> None:
    books.starts()
    with pytest.raises(UserError, match="did you mean acme--tally--7"):
        show_run(books.database, "acme/tally#7")


def test_an_export_can_be_verified_with_nothing_but_itself(books: Books) -> None:
    books.starts()
    books.tries(1)
    lines = [json.loads(line) for line in export_run(books.database, RUN)]
    before = GENESIS
    for line in lines:
        parts = [before, line["run_id"], str(line["seq"]), line["cause"], line["kind"], str(line["version"])]
        at = line["at"].replace(".000000", "")
        before = hashlib.sha256(json.dumps([*parts, at, line["body"]]).encode()).hexdigest()
        assert line["hash"] == before
    assert len(lines) == 3
    assert first_break(books.journal.records(RUN)) is None


def test_retry_goes_through_the_journal_and_wakes_the_run(books: Books) -> None:
    books.starts()
    books.parks()
    before = books.drivers()
    command(books.journal, RUN, "retry", "builder", "the registry is back")
    record = books.journal.records(RUN)[-1]
    assert record.kind == "command_accepted"
    assert record.cause.startswith("operator:")
    assert json.loads(record.body) == {
        "by": {"id": 0, "is_bot": False, "login": "operator"},
        "note": "the registry is back",
        "stage": "builder",
        "verb": "retry",
    }
    assert books.drivers() == before + 1
    (line,) = list_runs(books.database)
    assert line.status == "working"


def test_what_a_person_could_not_say_an_operator_cannot_either(books: Books) -> None:
    books.starts()
    with pytest.raises(UserError, match="for a run that is stuck"):
        command(books.journal, RUN, "retry")
    books.parks()
    with pytest.raises(UserError, match="is no stage of this run"):
        command(books.journal, RUN, "retry", "nobody")
    assert len(books.journal.records(RUN)) == 2


def test_cancel_ends_a_run(books: Books) -> None:
    books.starts()
    command(books.journal, RUN, "cancel", "done by hand")
    run = books.journal.run(RUN)
    assert run is not None
    assert run.cancelled_by is not None
    assert run.cancel_reason == "done by hand"
    with pytest.raises(UserError, match="being cancelled already"):
        command(books.journal, RUN, "cancel")
