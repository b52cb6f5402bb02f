"""Running a stage's checks: real commands on real files, in order, each told what it needs."""

import sys
from pathlib import Path

import pytest

from bot.adapters.judging import run_checks
from bot.domain.checks import names
from bot.domain.checks.work import Work
from bot.domain.config import ChecksConfig
from bot.domain.errors import UserError
from bot.domain.verdicts import Outcome, Verdict
from tests.domain.checks.works import text, touched, work

PASSES = [sys.executable, "-c", "print('Ran 2 tests in 0.1s\\n\\nOK')"]
FAILS = [sys.executable, "-c", "import sys; print('error: no such symbol'); sys.exit(2)"]
ALL = ("tests", "markers", "size", "secrets", "protected-paths", "build")
TOKEN = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6"


def judged(tmp_path: Path, what: tuple[str, ...] = ALL, on: Work | None = None, **config: object) -> list[Verdict]:
    tree = tmp_path / "tree"
    tree.mkdir(exist_ok=True)
    settings = ChecksConfig.model_validate(config)
    return list(run_checks(what, settings, tree, on or work(), records=tmp_path / "records"))


def outcomes(verdicts: list[Verdict]) -> dict[str, Outcome]:
    return {verdict.check: verdict.outcome for verdict in verdicts}


def test_all_checks_judge_in_their_order(tmp_path: Path) -> None:
    verdicts = judged(tmp_path, build={"command": PASSES}, tests={"command": PASSES})
    assert [verdict.check for verdict in verdicts] == list(names())
    assert set(outcomes(verdicts).values()) == {Outcome.PASS}
    assert verdicts[-1].summary == "2 passed"
    assert not list((tmp_path / "records").glob("*"))


def test_after_a_failed_build_nothing_else_is_judged_and_each_says_so(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    touch = [sys.executable, "-c", f"open({str(mark)!r}, 'w')"]
    build, *rest = judged(tmp_path, build={"command": FAILS}, tests={"command": touch})
    assert build.refuses
    assert build.summary.endswith("ended with exit code 2")
    assert build.findings[0].message == "The end of its output:\nerror: no such symbol"
    assert [verdict.check for verdict in rest] == list(names())[1:]
    assert {(v.outcome, v.summary) for v in rest} == {(Outcome.WARN, "skipped, because `build` failed")}
    assert not mark.exists()


def test_without_commands_there_is_no_word_on_the_build_and_a_warning_for_the_tests(tmp_path: Path) -> None:
    (only,) = judged(tmp_path, ("build", "tests"))
    assert (only.check, only.outcome) == ("tests", Outcome.WARN)
    assert "set `checks.tests.command` in `.github/issuewright.yml`" in only.summary


@pytest.mark.parametrize(
    ("check", "on"),
    [
        ("protected-paths", touched(".github/workflows/ci.yml")),
        ("size", touched(*[f"{n}.py" for n in range(101)])),
        ("secrets", work(text("app.py", f'TOKEN = "{TOKEN}"'))),
        ("markers", work(text("app.py", "x = 1  # TODO: y"))),
    ],
)
def test_each_check_refuses_its_own_kind_and_the_others_still_judge(tmp_path: Path, check: str, on: Work) -> None:
    verdicts = judged(tmp_path, on=on, build={"command": PASSES}, tests={"command": PASSES})
    assert [name for name, outcome in outcomes(verdicts).items() if outcome is Outcome.FAIL] == [check]
    assert len(verdicts) == len(names())


def test_settings_reach_their_check(tmp_path: Path) -> None:
    marked = work(text("app.py", "x = 1  # TODO: y"))
    assert outcomes(judged(tmp_path, ("markers",), marked, markers={"ignore": ["*.py"]})) == {"markers": Outcome.PASS}
    protected = judged(tmp_path, ("protected-paths",), touched("db/a.sql"), protected_paths={"add": ["db/**"]})
    assert outcomes(protected) == {"protected-paths": Outcome.FAIL}


def test_files_too_large_to_read_are_told_by_those_who_wanted_to(tmp_path: Path) -> None:
    verdicts = judged(tmp_path, ("markers", "secrets"), work(unread=("big.py",)))
    assert outcomes(verdicts) == {"markers": Outcome.WARN, "secrets": Outcome.WARN}


def test_a_report_is_read_where_the_command_wrote_it_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "outside.xml").write_text("<testsuite><testcase name='a'/></testsuite>")
    code = "open('report.xml', 'w').write('<testsuite><testcase name=\"a\"/></testsuite>')"
    good = {"command": [sys.executable, "-c", code], "junit": "report.xml"}
    assert judged(tmp_path, ("tests",), tests=good)[0].summary == "1 passed"
    code = "import os; os.remove('report.xml'); os.symlink('../outside.xml', 'report.xml')"
    linked = {"command": [sys.executable, "-c", code], "junit": "report.xml"}
    assert judged(tmp_path, ("tests",), tests=linked)[0].refuses
    assert judged(tmp_path, ("tests",), tests={"command": PASSES, "junit": "../outside.xml"})[0].refuses


def test_a_stop_ends_the_command_and_skips_the_rest(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    config = ChecksConfig.model_validate({"build": {"command": [sys.executable, "-c", "import time; time.sleep(60)"]}})
    stop = lambda: "/cancel by ada"  # noqa: E731
    build, tests = run_checks(
        ("build", "tests"), config, tree, work(), records=tmp_path / "records", stop_requested=stop
    )
    assert build.summary == "The build was stopped: /cancel by ada"
    assert tests.summary == "skipped, because `build` failed"


def test_a_check_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no check `tets`"):
        judged(tmp_path, ("tets",))
