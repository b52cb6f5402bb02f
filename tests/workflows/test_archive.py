"""Old runs go into files: whole, one by one, and nothing of what they decided is decided again."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.decisions import Ignored, Start
from bot.domain.entries import AttemptStarted, DeploymentStarted, Recorded, RunFinished
from bot.domain.errors import UserError
from bot.domain.events import CommandGiven, IssueLabelled
from bot.domain.fold import fold
from bot.domain.forge import Label
from bot.domain.journal import Record
from tests.domain.samples import ISSUE, MONA, facts, start_facts
from tests.workflows.books import RUN, Books
from workflows.archive import archivable, archive_old_runs, archive_run
from workflows.audit import audit, verify_archive
from workflows.claims import Claims
from workflows.clock import now
from workflows.effects import Effects
from workflows.journal import StaleFacts
from workflows.maintenance import check_database, database_status
from workflows.queries import export_run, show_run
from workflows.schema.tables import metadata

EVERYTHING = timedelta(seconds=-1)
"""How old: it has ended before now."""


@pytest.fixture
def over(books: Books) -> Books:
    """A run with two attempts that was cancelled, and is shown so."""
    books.starts()
    books.tries(1)
    books.tries(2, commit="1" * 40)
    books.records(RunFinished(outcome="cancelled"))
    books.executes("UPDATE runs SET publisher = NULL")
    return books


def old(books: Books) -> list[str]:
    return [each.run_id for each in archivable(books.database, ended_before=now() - EVERYTHING)]


def test_a_whole_run_becomes_a_file(over: Books, tmp_path: Path) -> None:
    exported = list(export_run(over.database, RUN))
    before = over.journal.run(RUN)
    spent = over.query("SELECT * FROM budgets")
    archived = archive_run(over.database, RUN, tmp_path / "archive")
    assert archived is not None
    file = Path(archived.file or "")
    assert file.read_text().splitlines() == exported
    assert hashlib.sha256(file.read_bytes()).hexdigest() == archived.sha256
    assert file.stat().st_mode & 0o777 == 0o600
    assert fold([Record.model_validate_json(line) for line in exported]) == before
    for table in metadata.sorted_tables:
        if "run_id" in table.c and table.name not in ("archived_runs", "decisions"):
            assert over.query(f"SELECT count(*) FROM {table.name} WHERE run_id = '{RUN}'") == [(0,)], table.name
    assert over.query(f"SELECT count(*) FROM claims WHERE key LIKE '%{RUN}%'") == [(0,)]
    assert over.query("SELECT * FROM budgets") == spent, "what the day has cost, it has cost"
    (kept,) = over.query("SELECT outcome, head_seq, cost_usd, sha256 FROM archived_runs")
    assert kept == ("cancelled", 6, 0.5, archived.sha256)
    assert database_status(over.database).archived_runs == 1
    assert list(check_database(over.database)) == []
    assert list(audit(over.database)) == []


def test_it_is_told_where_an_archived_run_is(over: Books, tmp_path: Path) -> None:
    archived = archive_run(over.database, RUN, tmp_path)
    assert archived is not None
    with pytest.raises(UserError, match=f"was archived on .* its journal is in {tmp_path}"):
        show_run(over.database, RUN)


def test_a_label_that_started_an_archived_run_starts_no_other(over: Books, tmp_path: Path) -> None:
    archive_run(over.database, RUN, tmp_path)
    again = over.journal.decide(IssueLabelled(issue=ISSUE, label="spec"), facts(start=start_facts()), of=ISSUE)
    assert isinstance(again, Ignored)
    assert "archived" in again.why
    assert over.query("SELECT count(*) FROM runs") == [(0,)]


def test_a_command_of_an_archived_run_is_neither_obeyed_nor_answered_again(books: Books, tmp_path: Path) -> None:
    books.starts()
    said = CommandGiven(
        issue=ISSUE, source="comment", source_id=5, line=1, verb="cancel", argument="", text="", by=MONA, at=now()
    )
    books.journal.decide(said, facts(), of=ISSUE)
    effects, claim = Effects(books.database), Claims(books.database, "test").take("test")
    effects.repeatable(f"{said.cause}:reaction", "reaction", lambda: None, claim=claim, run_id=None)
    books.records(RunFinished(outcome="cancelled"))
    books.executes("UPDATE runs SET publisher = NULL")
    assert archive_run(books.database, RUN, tmp_path) is not None
    assert isinstance(books.journal.decided(said.cause), Ignored)
    assert isinstance(books.journal.decide(said, facts(), of=ISSUE), Ignored)
    assert books.query("SELECT count(*) FROM effects") == [(0,)]


def test_the_next_run_of_the_issue_is_the_second(over: Books, tmp_path: Path) -> None:
    archive_run(over.database, RUN, tmp_path)
    assert over.journal.runs_of(ISSUE) == 1
    anew = start_facts(runs_before=over.journal.runs_of(ISSUE))
    label = anew.label
    assert label is not None
    anew = anew.model_copy(update={"label": label.model_copy(update={"event_id": label.event_id + 1})})
    decision = over.journal.decide(IssueLabelled(issue=ISSUE, label="spec"), facts(start=anew), of=ISSUE)
    assert isinstance(decision, Start)
    assert decision.entry.run_id == f"{RUN}-2"


@pytest.mark.parametrize("archived", [False, True], ids=["over", "archived"])
def test_facts_of_a_time_before_a_run_of_that_name_start_no_other(over: Books, tmp_path: Path, archived: bool) -> None:
    if archived:
        archive_run(over.database, RUN, tmp_path)
    before = [over.query(f"SELECT * FROM {table}") for table in ("runs", "entries", "archived_runs")]
    label = Label(event_id=901, name="spec", actor=MONA, at=now())
    stale = facts(start=start_facts(label=label, runs_before=0))
    with pytest.raises(StaleFacts):
        over.journal.decide(IssueLabelled(issue=ISSUE, label="spec"), stale, of=ISSUE)
    assert [over.query(f"SELECT * FROM {table}") for table in ("runs", "entries", "archived_runs")] == before


def test_open_runs_and_those_that_are_not_shown_yet_stay(books: Books, tmp_path: Path) -> None:
    books.starts()
    books.executes("UPDATE runs SET publisher = NULL")
    assert old(books) == []
    assert archive_run(books.database, RUN, tmp_path) is None, "it is open"
    books.records(RunFinished(outcome="cancelled"))
    assert old(books) == [], "somebody is about to show its end"
    books.executes("UPDATE runs SET publisher = NULL")
    assert old(books) == [RUN]
    assert archivable(books.database, ended_before=now() - timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("begun", "table"),
    [
        (AttemptStarted(stage="builder", number=1, start_commit="b" * 40), "attempts"),
        (DeploymentStarted(environment="candidate", number=1, commit="1" * 40), "deployments"),
    ],
)
def test_a_run_for_which_somebody_is_still_at_work_stays(books: Books, begun: Recorded, table: str) -> None:
    books.starts()
    books.records(begun)
    books.records(RunFinished(outcome="cancelled"))
    books.executes("UPDATE runs SET publisher = NULL")
    assert old(books) == []
    books.executes(f"UPDATE {table} SET finished_at = started_at")
    assert old(books) == [RUN]


def test_the_last_good_deployment_can_still_be_brought_back(over: Books) -> None:
    over.executes(
        "INSERT INTO deployments (run_id, environment, number, commit_sha, status, detail, started_at, finished_at) "
        f"VALUES ('{RUN}', 'production', 1, '{'1' * 40}', 'success', '', '2026-01-01', '2026-01-01')"
    )
    assert old(over) == []
    over.executes("UPDATE deployments SET status = 'failure'")
    assert old(over) == [RUN]


def test_a_run_whose_journal_is_broken_stays_as_evidence(over: Books, tmp_path: Path) -> None:
    over.executes("UPDATE entries SET cause = 'another' WHERE seq = 2")
    with pytest.raises(UserError, match="breaks at entry 2"):
        archive_run(over.database, RUN, tmp_path)
    assert archive_old_runs(over.database, tmp_path, ended_before=now() - EVERYTHING, limit=9) == []
    assert not list(tmp_path.glob("*.jsonl"))


def test_a_file_is_compared_with_its_tombstone(over: Books, tmp_path: Path) -> None:
    archived = archive_run(over.database, RUN, tmp_path)
    assert archived is not None
    file = Path(archived.file or "")
    assert verify_archive(over.database, file).is_sound
    (sound,) = audit(over.database, run_id=RUN)
    assert (sound.is_sound, sound.entries) == (True, 6)
    honest = file.read_text()
    for tampered, said in (
        (honest.replace("0.25", "0.15", 1), "chain breaks at entry 3"),
        ("".join(honest.splitlines(keepends=True)[:-1]), "the run ended with entry 6"),
        (honest.replace(', "seq"', ',  "seq"', 1), "byte for byte"),
    ):
        file.write_text(tampered)
        found = verify_archive(over.database, file)
        assert any(said in problem for problem in found.problems), found
    file.write_text("a poem\n")
    with pytest.raises(UserError, match="no archived run"):
        verify_archive(over.database, file)
    file.unlink()
    (missing,) = audit(over.database, run_id=RUN)
    assert "not on this machine" in missing.notes[0]


def test_a_run_that_was_archived_and_is_there_is_found(over: Books, tmp_path: Path) -> None:
    row = over.query("SELECT head_hash FROM runs")[0][0]
    over.executes(
        "INSERT INTO archived_runs (run_id, repo, issue, ordinal, title, pipeline, outcome, cost_usd, head_seq, "
        f"head_hash, started_at, ended_at, archived_at, file, sha256) VALUES ('{RUN}', 'acme/tally', 7, 1, 't', 'p', "
        f"'cancelled', 0, 6, '{row}', '', '', '', '', '')"
    )
    assert list(check_database(over.database)) == [f"run {RUN} is archived, and there all the same"]
