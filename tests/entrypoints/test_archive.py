"""`issuewright db archive`, as it is typed; and killed at every point where that could hurt."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.domain.entries import RunFinished
from tests.entrypoints.test_operator import Desk, desk
from tests.stories.points import ELSEWHERE
from tests.support.nursery import ROOT
from tests.workflows.books import RUN

__all__ = ["desk"]


def ends(desk: Desk) -> None:
    desk.books.starts()
    desk.books.tries(1)
    desk.books.records(RunFinished(outcome="cancelled"))
    desk.books.executes("UPDATE runs SET publisher = NULL")


def test_archiving_at_the_desk(desk: Desk) -> None:
    ends(desk)
    assert "keep_runs_days" in desk.types("db", "archive").stderr
    assert "0 run(s) archived" in desk.types("db", "archive", "--older-than", "1").output
    rehearsed = desk.types("db", "archive", "--older-than", "0", "--dry-run")
    assert RUN in rehearsed.output
    assert "1 run(s) would be archived" in rehearsed.output
    place = desk.directory / "elsewhere"
    done = json.loads(desk.types("db", "archive", "--older-than", "0", "--to", str(place), "--json").stdout)
    (run,) = done["runs"]
    assert (run["run_id"], run["outcome"], run["entries"]) == (RUN, "cancelled", 4)
    assert Path(run["file"]).parent == place
    assert f"was archived on {run['ended_at'][:10]}" in desk.types("runs", "show", RUN).stderr
    assert "1 more are archived" in desk.types("audit", "verify").output
    assert "ok (4 entries" in desk.types("audit", "verify", "--archive", run["file"]).output
    assert desk.types("db", "check").output.strip() == "ok"
    Path(run["file"]).write_text(Path(run["file"]).read_text().replace("0.25", "0.15"))
    tampered = desk.types("audit", "verify", "--archive", run["file"])
    assert tampered.exit_code == 1
    assert "chain breaks at entry 3" in tampered.output
    assert desk.types("audit", "verify", RUN).exit_code == 1


def test_a_place_that_cannot_be_written_is_told_and_loses_nothing(desk: Desk) -> None:
    ends(desk)
    (desk.directory / "file").write_text("in the way")
    refused = desk.types("db", "archive", "--older-than", "0", "--to", str(desk.directory / "file" / "x"))
    assert refused.exit_code == 2
    assert "cannot be written" in refused.stderr
    assert len(desk.books.journal.records(RUN)) == 4


@pytest.mark.parametrize("point", ELSEWHERE)
def test_dying_there_loses_nothing_and_a_repeat_ends_it(desk: Desk, point: str) -> None:
    ends(desk)
    failpoints = desk.directory / "failpoints"
    failpoints.mkdir()
    (failpoints / point).write_text("0")
    words = [sys.executable, "-m", "bot.entrypoints.cli", "db", "archive", "--older-than", "0"]
    environment = {**os.environ, "ISSUEWRIGHT_FAILPOINTS": str(failpoints)}
    died = subprocess.run([*words, "--dir", str(desk.directory)], cwd=ROOT, env=environment, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert len(desk.books.journal.records(RUN)) == 4
    assert desk.types("db", "check").output.strip() == "ok"
    done = json.loads(desk.types("db", "archive", "--older-than", "0", "--json").stdout)
    (file,) = (desk.directory / "data" / "archive").iterdir()
    assert [run["file"] for run in done["runs"]] == [str(file)]
    assert desk.types("audit", "verify", "--archive", str(file)).exit_code == 0
