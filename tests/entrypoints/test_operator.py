"""The operator's command line, as it is called: what it prints, where, and how it ends."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.entrypoints.cli import main
from tests.workflows.books import RUN, Books

ROOT = Path(__file__).parents[2]


class Desk:
    """A service's directory, its books, and somebody who types commands."""

    def __init__(self, url: str, directory: Path) -> None:
        self.directory = directory
        self.books = Books(url, directory / "data")
        values = {
            "app_id": 1,
            "private_key_file": "app.pem",
            "webhook_secret": "a secret",
            "repositories": ["acme/tally"],
            "database_url": url,
        }
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
        (directory / "service.toml").write_text(lines)

    def types(self, *words: str) -> Result:
        result = CliRunner().invoke(main, [*words, "--dir", str(self.directory)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    postgres = request.param == "postgres"
    url = request.getfixturevalue("postgres_url") if postgres else f"sqlite:///{tmp_path / 'data' / 'issuewright.db'}"
    made = Desk(url, tmp_path)
    yield made
    made.books.close()


def test_a_night_at_the_desk(desk: Desk) -> None:
    assert "No run is open." in desk.types("runs", "list").output
    desk.books.starts()
    desk.books.tries(1)
    desk.books.parks()
    listed = desk.types("runs", "list")
    assert RUN in listed.output
    assert "parked" in listed.output
    (line,) = json.loads(desk.types("runs", "list", "--json").stdout)
    assert line["waiting_for"] == "a person: the registry is away"
    shown = desk.types("runs", "show", RUN).output
    assert "3 of 41 failed" in shown
    assert "the registry is away" in shown
    exported = desk.types("runs", "export", RUN).output.splitlines()
    assert [json.loads(each)["seq"] for each in exported] == [1, 2, 3, 4]
    assert desk.types("runs", "retry", RUN, "--note", "it is back").exit_code == 0
    assert desk.types("runs", "retry", RUN).exit_code == 2, "it is not stuck any more"
    assert desk.types("runs", "cancel", RUN, "--why", "by hand").exit_code == 0
    assert desk.types("audit", "verify").exit_code == 0
    assert desk.types("db", "check").output.strip() == "ok"
    status = json.loads(desk.types("db", "status", "--json").stdout)
    assert status["revision"] == status["newest_revision"]
    assert desk.types("db", "migrate").output.strip() == f"schema: {status['revision']}"


def test_damage_is_told_with_exit_code_1(desk: Desk) -> None:
    desk.books.starts()
    desk.books.executes("UPDATE runs SET status = 'merged'")
    checked = desk.types("db", "check")
    assert checked.exit_code == 1
    assert "status is 'merged', the journal says 'working'" in checked.stderr
    verified = desk.types("audit", "verify", RUN, "--json")
    assert verified.exit_code == 1
    assert json.loads(verified.stdout)["ok"] is False
    assert desk.types("audit", "verify", "--rebuild").exit_code == 0
    assert desk.types("db", "check").exit_code == 0


def test_what_an_issue_says_cannot_reach_into_the_terminal(desk: Desk) -> None:
    desk.books.starts()
    desk.books.parks("\x1b[2J\u202eevil\x07")
    for words in (("runs", "list"), ("runs", "show", RUN)):
        output = desk.types(*words).output
        assert "evil" in output
        assert not {"\x1b", "\x07", "\u202e"} & set(output)


def test_a_journal_of_a_newer_release_is_no_stack_trace(desk: Desk) -> None:
    desk.books.starts()
    desk.books.parks()
    desk.books.executes("UPDATE entries SET kind = 'run_frozen' WHERE seq = 2")
    assert "unreadable" in desk.types("runs", "list").output
    assert "run_frozen" in desk.types("runs", "show", RUN).output
    refused = desk.types("runs", "retry", RUN)
    assert refused.exit_code == 2
    assert "run the release that wrote it" in refused.stderr


def test_a_database_that_is_held_is_busy_not_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.entrypoints.operator.opening._PATIENCE_SECONDS", 0.1)
    desk = Desk(f"sqlite:///{tmp_path / 'data' / 'issuewright.db'}", tmp_path)
    desk.books.starts()
    desk.books.parks()
    holder = sqlite3.connect(tmp_path / "data" / "issuewright.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert desk.types("runs", "list").exit_code == 0
    refused = desk.types("runs", "retry", RUN)
    assert refused.exit_code == 2
    assert "the database is busy" in refused.stderr
    holder.close()
    assert len(desk.books.journal.records(RUN)) == 2
    desk.books.close()


def test_where_there_is_no_database_none_is_made(tmp_path: Path) -> None:
    desk = Desk(f"sqlite:///{tmp_path / 'data' / 'issuewright.db'}", tmp_path)
    desk.books.close()
    for file in (tmp_path / "data").glob("issuewright.db*"):
        file.unlink()
    for words in (("runs", "list"), ("db", "status"), ("db", "check"), ("db", "backup", str(tmp_path / "copy"))):
        refused = desk.types(*words)
        assert refused.exit_code == 2
        assert "there is no database" in refused.stderr
    assert not list((tmp_path / "data").glob("issuewright.db*"))


def test_backup_and_restore(tmp_path: Path) -> None:
    desk = Desk(f"sqlite:///{tmp_path / 'data' / 'issuewright.db'}", tmp_path)
    desk.books.starts()
    assert desk.types("db", "backup", str(tmp_path / "copy.db")).exit_code == 0
    desk.books.parks()
    desk.books.close()
    restored = desk.types("db", "restore", str(tmp_path / "copy.db"))
    assert restored.exit_code == 0
    assert "the database before is in" in restored.output
    assert len(desk.books.journal.records(RUN)) == 1
    desk.books.close()


@pytest.mark.parametrize("words", [(), ("runs",), ("runs", "retry"), ("db", "restore"), ("audit", "verify")])
def test_help_answers_without_loading_the_service(words: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom bot.entrypoints.cli import main\n"
        f"try:\n    main({[*words, '--help']!r})\nexcept SystemExit:\n    pass\n"
        "print([n for n in ('dbos', 'sqlalchemy', 'pydantic', 'rich', 'fastapi') if n in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=dict(os.environ))
    assert done.stderr.strip() == "[]"
    assert not words or "Example" in done.stdout or words == ("runs",)
