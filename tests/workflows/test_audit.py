"""The audit sees what somebody has changed behind the journal's back, and mends only what may be mended."""

import pytest

from bot.domain.errors import UserError
from tests.workflows.books import RUN, Books
from workflows.audit import RunAudit, audit


def audited(books: Books, *, rebuild: bool = False) -> RunAudit:
    (found,) = audit(books.database, run_id=RUN, mirrors=books.mirrors, rebuild=rebuild)
    return found


def problem(books: Books) -> str:
    """The one thing that is wrong."""
    (only,) = audited(books).problems
    return only


@pytest.fixture
def run(books: Books) -> Books:
    """A run whose first attempt was refused, and whose second handed on a commit."""
    books.starts()
    books.tries(1)
    books.tries(2, commit="1" * 40)
    return books


def test_an_honest_record_is_sound(run: Books) -> None:
    found = audited(run)
    assert found.problems == ()
    assert found.entries == 5
    assert found.notes == ("commits were not compared: this machine has no mirror of acme/tally",)


@pytest.mark.parametrize(
    ("change", "seq"),
    [
        ("UPDATE entries SET body = replace(body, '0.25', '0.15') WHERE seq = 3", 3),
        ("UPDATE entries SET cause = 'another' WHERE seq = 2", 2),
        ("UPDATE entries SET at = '2026-01-01T00:00:00+00:00' WHERE seq = 4", 4),
        ("UPDATE entries SET prev_hash = hash WHERE seq = 5", 5),
        ("DELETE FROM entries WHERE seq = 2", 2),
    ],
)
def test_a_changed_entry_breaks_the_chain_there(run: Books, change: str, seq: int) -> None:
    run.executes(change)
    assert audited(run).problems[0].startswith(f"the journal's chain breaks at entry {seq}:")


def test_an_entry_whose_time_is_no_time_is_told(run: Books) -> None:
    run.executes("UPDATE entries SET at = 'yesterday' WHERE seq = 2")
    assert "cannot be read" in problem(run)


def test_entries_cut_off_at_the_end_contradict_the_tables(run: Books) -> None:
    run.executes("DELETE FROM entries WHERE seq = 5")
    found = audited(run).problems
    assert any("head_seq is 5, the journal says 4" in each for each in found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE runs SET status = 'merged'", "runs acme--tally--7: status is 'merged', the journal says 'working'"),
        (
            "UPDATE costs SET usd = 9 WHERE number = 1",
            "costs acme--tally--7/builder/1: usd is 9.0, the journal says 0.25",
        ),
        ("DELETE FROM costs WHERE number = 2", "costs acme--tally--7/builder/2: is missing"),
        (
            "INSERT INTO attempts (run_id, stage, number, mode, status, started_at) "
            "VALUES ('acme--tally--7', 'builder', 3, 'work', 'live', '2026')",
            "attempts acme--tally--7/builder/3: should not be there",
        ),
    ],
)
def test_a_wrong_projection_is_told_and_rebuilt(run: Books, change: str, said: str) -> None:
    run.executes("UPDATE attempts SET restarts = 2")
    run.executes(change)
    assert problem(run) == said
    rebuilt = audited(run, rebuild=True)
    assert rebuilt.is_sound
    assert rebuilt.rebuilt == 1
    assert audited(run).is_sound
    assert run.query("SELECT DISTINCT restarts FROM attempts") == [(2,)], "what the journal does not tell stays"


def test_a_row_that_is_gone_is_rebuilt_with_all_that_hangs_on_it(run: Books) -> None:
    for table in ("costs", "attempts"):
        run.executes(f"DELETE FROM {table}")
    assert audited(run, rebuild=True).rebuilt == 4
    assert audited(run).is_sound


def test_nothing_is_rebuilt_from_a_broken_journal(run: Books) -> None:
    run.executes("UPDATE entries SET body = replace(body, '0.25', '0.15') WHERE seq = 3")
    found = audited(run, rebuild=True)
    assert found.rebuilt == 0
    assert not found.is_sound
    assert run.query("SELECT usd FROM costs WHERE number = 1") == [(0.25,)]


def test_a_journal_of_a_newer_release_is_said_to_be_one(run: Books) -> None:
    run.executes("UPDATE entries SET kind = 'run_frozen' WHERE seq = 5")
    found = audited(run, rebuild=True)
    assert "entry `run_frozen` of version 1" in found.notes[0]
    assert found.rebuilt == 0
    assert found.problems == ("the journal's chain breaks at entry 5: something was changed after it was written",)


def test_an_unknown_run_is_an_answer(books: Books) -> None:
    with pytest.raises(UserError, match="there is no run"):
        audited(books)


def test_commits_are_witnesses(books: Books) -> None:
    base = books.has_a_mirror()
    books.starts(base)
    books.hands_on(base)
    found = audited(books)
    assert found.problems == ()
    assert found.commits == 1


def test_a_journal_written_anew_contradicts_its_commits(books: Books) -> None:
    base = books.has_a_mirror()
    books.starts(base)
    books.hands_on(base, tampered=("Issuewright-Journal: 2:", "Issuewright-Journal: 2:0"))
    assert "names entry 2 with hash 0" in problem(books)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Journal: 2:", "Journal: 9:", "names entry 9, which starts no attempt"),
        ("Attempt: 1", "Attempt: 4", "says it is of attempt 4 of builder; entry 2 starts attempt 1 of builder"),
        ("Issuewright-Journal", "Journal", "has no Issuewright-Journal trailer"),
    ],
)
def test_a_commit_that_tells_something_else_is_told(books: Books, old: str, new: str, said: str) -> None:
    base = books.has_a_mirror()
    books.starts(base)
    books.hands_on(base, tampered=(old, new))
    assert said in problem(books)


def test_commits_that_are_not_here_are_noted(books: Books) -> None:
    base = books.has_a_mirror()
    books.starts(base)
    books.tries(1, commit="1" * 40, start=base)
    found = audited(books)
    assert found.is_sound
    assert found.notes == ("1 of 1 commits are not in this machine's mirror of acme/tally",)
