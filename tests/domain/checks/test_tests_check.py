"""The check `tests`, over what real runners really printed (outputs/)."""

import time
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest

from bot.domain.checks.base import Ran
from bot.domain.checks.tests_check import TestsConfig
from bot.domain.checks.tests_check import judge as judge_tests
from bot.domain.checks.work import Contents, TextFile, Work
from bot.domain.commands_run import CommandResult
from bot.domain.verdicts import Outcome, Verdict

OUTPUTS = Path(__file__).parent / "outputs"

PYTEST_FAILURES = [
    ("tests/test_fn.py", 9, "tests/test_fn.py::test_param[2]: AssertionError: no"),
    ("tests/test_total.py", 18, "tests/test_total.py::TotalTest::test_each: AssertionError: 2"),
    ("tests/test_total.py", 12, "tests/test_total.py::TotalTest::test_empty: AssertionError: 0 != 1"),
    ("tally.py", 2, "tests/test_total.py::TotalTest::test_error: TypeError: 'NoneType' obj"),
    ("tests/test_fn.py", 13, "tests/test_fn.py::test_fixture: RuntimeError: fixture"),
]
NO_TRACEBACKS = [(message.partition("::")[0], None, message) for _, _, message in PYTEST_FAILURES]
UNITTEST_FAILURES = [
    ("tally.py", 2, "test_error (tests.test_total.TotalTest.test_error): TypeError: 'NoneType' object is not"),
    ("tests/test_total.py", 18, "test_each (tests.test_total.TotalTest.test_each) (i=2): AssertionError: 2 != 1"),
    ("tests/test_total.py", 12, "test_empty (tests.test_total.TotalTest.test_empty): AssertionError: 0 != 1"),
]
OLD_UNITTEST_FAILURES = [
    (path, line, message.replace(".test_error)", ")").replace(".test_each)", ")").replace(".test_empty)", ")"))
    for path, line, message in UNITTEST_FAILURES
]


WORK = Work(folder="specs/7-add-a-total")


def judge(
    output: str,
    exit_code: int | None = 0,
    junit: str | None = None,
    work: Work = WORK,
    threshold: float = 0.95,
    **more: Any,
) -> Verdict:
    result = CommandResult.model_validate(
        {"argv": ("make", "test"), "cwd": "/workspace", "exit_code": exit_code, "output": output, **more}
    )
    return judge_tests(Ran(result, junit, work), TestsConfig(pass_threshold=threshold))


def real(name: str) -> str:
    return (OUTPUTS / name).read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "exit_code", "summary", "failures"),
    [
        ("pytest_plain.txt", 1, "5 of 10 failed", PYTEST_FAILURES),
        ("pytest_q.txt", 1, "5 of 10 failed", PYTEST_FAILURES),
        ("pytest_color_xdist.txt", 1, "5 of 10 failed", PYTEST_FAILURES),
        ("pytest_q_notb.txt", 1, "5 of 10 failed", NO_TRACEBACKS),
        ("pytest_q_nonames.txt", 1, "5 of 10 failed", None),
        ("pytest_collect.txt", 2, "1 of 1 failed", [("tests/test_bad.py", 1, "tests/test_bad.py")]),
        ("pytest_none.txt", 5, "No test ran", None),
        ("pytest_skipped.txt", 0, "No test ran (1 skipped)", None),
        ("unittest_plain.txt", 1, "3 of 4 failed", UNITTEST_FAILURES),
        ("unittest_v.txt", 1, "3 of 4 failed", UNITTEST_FAILURES),
        ("unittest_313.txt", 1, "3 of 4 failed", UNITTEST_FAILURES),
        ("unittest_38.txt", 1, "3 of 4 failed", OLD_UNITTEST_FAILURES),
        ("unittest_import.txt", 1, "4 of 5 failed (3 code, 1 module)", None),
        ("unittest_none.txt", 0, "No test ran", None),
        ("unittest_313_none.txt", 5, "No test ran", None),
        ("unittest_skipped.txt", 0, "No test ran (1 skipped)", None),
    ],
)
def test_what_runners_print_is_understood(
    name: str, exit_code: int, summary: str, failures: list[tuple[str, int | None, str]] | None
) -> None:
    verdict = judge(real(name), exit_code)
    assert verdict.check == "tests"
    assert verdict.refuses
    assert verdict.summary == summary
    if failures is not None:
        assert [(f.path, f.line) for f in verdict.findings] == [(path, line) for path, line, _ in failures]
        for finding, (_, _, message) in zip(verdict.findings, failures, strict=True):
            assert finding.message.startswith(message)


@pytest.mark.parametrize(("name", "summary"), [("pytest_ok.txt", "2 passed"), ("unittest_ok.txt", "1 passed")])
def test_tests_that_ran_and_passed_pass(name: str, summary: str) -> None:
    verdict = judge(real(name))
    assert (verdict.outcome, verdict.summary, verdict.findings) == (Outcome.PASS, summary, ())


def test_an_import_error_names_the_module_and_the_line() -> None:
    first = next(f for f in judge(real("unittest_import.txt"), 1).findings if f.severity == "warning")
    assert (first.path, first.line) == ("tests/test_bad.py", 1)
    assert first.message.endswith("ModuleNotFoundError: No module named 'nope' [environment: module]")


def test_two_runs_in_one_command_are_summed_up() -> None:
    verdict = judge(real("pytest_ok.txt") + real("unittest_ok.txt"))
    assert verdict.summary == "3 passed"
    assert judge(real("pytest_q.txt") + real("pytest_ok.txt"), 0).summary.startswith("5 of 12 failed, although")


def test_a_failed_test_fails_whatever_the_exit_code_says() -> None:
    verdict = judge(real("unittest_plain.txt"), exit_code=0)
    assert verdict.refuses
    assert verdict.summary == "3 of 4 failed, although the command's exit code was 0"


@pytest.mark.parametrize("output", ["", "all good, promise\n", "5 passed\n", "passed in 3 s"])
def test_an_unknown_runner_fails_and_is_told_how_to_mend_it(output: str) -> None:
    verdict = judge(output)
    assert verdict.refuses
    assert verdict.summary.startswith("Could not see that any test ran.")
    assert "checks.tests.junit" in verdict.summary


def test_a_bad_exit_code_fails_and_shows_the_end_of_the_output() -> None:
    verdict = judge("".join(f"line {n}\n" for n in range(100)) + "make: *** [test] Error 2\n", 2)
    assert verdict.summary == "Exit code 2, though no failed test can be seen"
    assert "make: *** [test] Error 2" in verdict.findings[0].message
    assert "line 50" not in verdict.findings[0].message
    assert judge(real("pytest_ok.txt"), 3).summary == "Exit code 3, though all of 2 passed"


@pytest.mark.parametrize(
    ("how", "summary"),
    [
        ({"timed_out": True, "signal": 15, "seconds": 600.2}, "`make test` did not end within 600 s"),
        ({"signal": 9}, "`make test` was ended by signal 9"),
        ({"not_started": "make: No such file"}, "`make test` could not be run: make: No such file"),
        ({"stopped": "/cancel by ada", "signal": 15}, "The tests were stopped: /cancel by ada"),
    ],
)
def test_a_command_that_did_not_end_by_itself_fails(how: dict[str, Any], summary: str) -> None:
    # The output alone would pass.
    verdict = judge(real("pytest_ok.txt"), None, **how)
    assert verdict.refuses
    assert verdict.summary == summary


def test_a_timeout_fails_even_with_exit_code_0() -> None:
    assert judge(real("pytest_ok.txt"), 0, timed_out=True).refuses


def test_a_junit_report_is_believed_rather_than_the_output() -> None:
    verdict = judge("chatter", 1, real("j.xml"))
    assert verdict.summary == "5 of 8 failed"
    places = {(f.path, f.line) for f in verdict.findings}
    assert places == {(path, line) for path, line, _ in PYTEST_FAILURES}
    assert judge(real("pytest_plain.txt"), 0, "<testsuite><testcase name='a'/></testsuite>").summary == "1 passed"


@pytest.mark.parametrize(
    ("junit", "summary"),
    [
        ("", "The test command did not write its JUnit report"),
        ("not xml", "The JUnit report cannot be read"),
        ("<html/>", "The JUnit report cannot be read"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><testsuite/>', "The JUnit report cannot be read"),
        ("<testsuite tests='9'/>", "No test ran"),
        ("<testsuite><testcase name='a'><skipped/></testcase></testsuite>", "No test ran (1 skipped)"),
    ],
)
def test_a_junit_report_that_shows_no_test_fails(junit: str, summary: str) -> None:
    verdict = judge(real("pytest_ok.txt"), 0, junit)
    assert (verdict.refuses, verdict.summary) == (True, summary)


def test_a_junit_failure_without_a_place_is_still_named() -> None:
    junit = "<testsuite><testcase classname='A' name='b' file='x/y.rb' line='7'><failure message='m'/></testcase>"
    junit += "<testcase name='c'><error>boom\nmore</error></testcase></testsuite>"
    one, two = judge("", 1, junit).findings
    assert (one.message, one.path, one.line) == ("A.b: m [code]", "x/y.rb", 7)
    assert (two.message, two.path, two.line) == ("c: boom [code]", None, None)


def test_findings_are_bounded_and_clean() -> None:
    names = "".join(f"FAILED t.py::test_{n} - \x1b[31mE\x07\u202e\x00{'x' * 5000}\n" for n in range(500))
    output = f"=== short test summary info ===\n{names}=== 500 failed in 0.1s ==="
    findings = judge(output, 1).findings
    assert len(findings) == 21
    assert findings[-1].message == "… and 480 more"
    assert all(len(finding.message) <= 520 for finding in findings)
    assert all(character.isprintable() for finding in findings for character in finding.message)


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside.py", "a/../../b.py"])
def test_a_place_outside_the_workspace_is_not_told(path: str) -> None:
    output = f"=== short test summary info ===\nFAILED {path}::test_a - no\n=== 1 failed in 0.1s ==="
    finding = judge(output, 1).findings[0]
    assert (finding.path, finding.line) == (None, None)


@pytest.mark.parametrize(
    "line",
    ["=" * 4000, "_" * 4000, "a." * 2000, "1 a, " * 800, "OK (" + "a=1, " * 700, "\x1b]" * 2000, '  File "' * 500],
)
def test_hostile_output_is_judged_quickly(line: str) -> None:
    begin = time.process_time()
    assert judge(f"{line}\n" * 64, 1).refuses
    assert time.process_time() - begin < 5


# -- failures of the code, and of the environment ------------------------------------------------------------------

SUBPROCESS = "/usr/lib/python3.11/subprocess.py"
OF_THE_ENVIRONMENT = [
    ("network", "ConnectionRefusedError: [Errno 111] Connection refused", None),
    ("network", "requests.exceptions.ConnectionError: HTTPConnectionPool: Max retries: Connection refused", None),
    ("network", "urllib.error.URLError: <urlopen error [Errno -2] Name or service not known>", None),
    ("network", "socket.gaierror: [Errno -3] Temporary failure in name resolution", None),
    ("network", "httpx.ConnectTimeout: connect timed out", None),
    ("network", "TimeoutError: timed out", None),
    ("network", "TimeoutError: [Errno 110] Connection timed out", None),
    ("network", "psycopg.OperationalError: connection failed: Connection refused", None),
    ("network", "java.net.ConnectException: Connection refused", None),
    ("network", "Error: connect ECONNREFUSED 127.0.0.1:5432", None),
    ("network", "dial tcp 127.0.0.1:6379: connect: connection refused", None),
    ("module", "ModuleNotFoundError: No module named 'psycopg.rows'", None),
    ("program", "FileNotFoundError: [Errno 2] No such file or directory: 'docker'", SUBPROCESS),
    ("program", "Error: spawn docker ENOENT", None),
    ("program", 'exec: "docker": executable file not found in $PATH', None),
    ("disk", "OSError: [Errno 28] No space left on device", None),
    ("disk", "sqlite3.OperationalError: database or disk is full", None),
]
OF_THE_CODE = [
    ("AssertionError: assert 1 == 2", None),
    ("assert 'Connection refused' in ''", None),
    ("AssertionError: Connection refused", None),
    ("AssertionError: ConnectionRefusedError: [Errno 111] Connection refused", None),
    ("ValueError: No space left on device", None),
    ("TypeError: 'NoneType' object is not subscriptable", None),
    ("RuntimeError: connection refused", None),
    ("ImportError: cannot import name 'total' from 'tally'", None),
    ("ModuleNotFoundError: No module named 'tally.totals'", None),
    ("ModuleNotFoundError: No module named 'yaml'", None),
    ("FileNotFoundError: [Errno 2] No such file or directory: 'ledger'", "tally/cli.py"),
    ("FileNotFoundError: [Errno 2] No such file or directory: '/tmp/x'", SUBPROCESS),
    ("FileNotFoundError: [Errno 2] No such file or directory: 'tally'", SUBPROCESS),
    ("asyncio.exceptions.TimeoutError", None),
    ("TimeoutError", None),
    ("Failed: Timeout (>1.0s) from pytest-timeout.", None),
    ("ConnectionResetError: [Errno 104] Connection reset by peer", None),
    ("sqlite3.OperationalError: no such table: entries", None),
    ("OSError: [Errno 98] Address already in use", None),
    ("MemoryError", None),
    ("", None),
]
PROJECT = Work(
    folder="specs/7-add-a-total",
    contents=Contents(
        texts=(TextFile("tally/cli.py", ("import os", "import yaml"), (2,)),),
        names=frozenset({"tally", "cli", "tests"}),
    ),
)


def junit(*failures: tuple[str, str | None], passed: int = 0) -> str:
    """A report with these failures (message, and the last place of the traceback) and so many tests that passed."""
    cases = "".join(f"<testcase name='ok{n}'/>" for n in range(passed))
    for number, (message, path) in enumerate(failures):
        body = f"{path}:7: gone\n" if path else ""
        cases += f"<testcase name='bad{number}'><failure message={quoteattr(message)}>{body}</failure></testcase>"
    return f"<testsuite>{cases}</testsuite>"


@pytest.mark.parametrize(("kind", "message", "path"), OF_THE_ENVIRONMENT)
def test_a_failure_of_the_environment_is_forgiven_when_nearly_all_passed(
    kind: str, message: str, path: str | None
) -> None:
    verdict = judge("", 1, junit((message, path), passed=19), PROJECT)
    assert (verdict.outcome, verdict.summary) == (
        Outcome.WARN,
        f"1 of 20 failed, for want of their environment (1 {kind}); the rest passed",
    )
    (finding,) = verdict.findings
    assert finding.message.endswith(f"[environment: {kind}]")
    assert finding.severity == "warning"


@pytest.mark.parametrize(("message", "path"), OF_THE_CODE)
def test_a_failure_of_the_code_never_passes(message: str, path: str | None) -> None:
    verdict = judge("", 1, junit((message, path), passed=999), PROJECT, threshold=0.0)
    assert verdict.refuses
    assert verdict.summary == "1 of 1000 failed"
    assert verdict.findings[0].message.endswith("[code]")


REFUSED = ("ConnectionRefusedError: [Errno 111] Connection refused", None)


@pytest.mark.parametrize(
    ("passed", "threshold", "outcome"),
    [(19, 0.95, Outcome.WARN), (18, 0.95, Outcome.FAIL), (18, 0.9, Outcome.WARN), (99, 1.0, Outcome.FAIL)],
)
def test_the_threshold_decides_over_failures_of_the_environment(
    passed: int, threshold: float, outcome: Outcome
) -> None:
    verdict = judge("", 1, junit(REFUSED, passed=passed), threshold=threshold)
    assert verdict.outcome is outcome
    if outcome is Outcome.FAIL:
        assert verdict.summary.endswith(f"(1 network), and fewer than {threshold:.0%} passed")


def test_one_failure_of_the_code_among_others_fails_and_comes_first() -> None:
    verdict = judge("", 1, junit(REFUSED, REFUSED, ("AssertionError: 1 != 2", None), passed=997))
    assert verdict.refuses
    assert verdict.summary == "3 of 1000 failed (1 code, 2 network)"
    assert [finding.severity for finding in verdict.findings] == ["error", "warning", "warning"]


def test_failures_that_the_runner_does_not_name_are_of_the_code() -> None:
    output = "=== short test summary info ===\nFAILED t.py::a - ConnectionRefusedError: [Errno 111] refused\n"
    assert judge(output + "=== 2 failed, 98 passed in 0.1s ===", 1).refuses
    assert judge(output + "=== 1 failed, 98 passed in 0.1s ===", 1).outcome is Outcome.WARN


def test_a_message_that_pytest_cut_is_read_in_its_traceback() -> None:
    traceback = "E   requests.exceptions.ConnectionError: HTTPConnectionPool(host='db'): Connection refused\n\n"
    names = "=== short test summary info ===\nFAILED t.py::test_a - requests.exceptions.ConnectionError: HTTPConn...\n"
    end = "=== 1 failed, 99 passed in 0.1s ==="
    assert judge(traceback + names + end, 1).outcome is Outcome.WARN
    # Without the traceback there is only half a message: in doubt, the code.
    assert judge(names + end, 1).refuses


def test_a_run_that_ended_badly_is_not_forgiven() -> None:
    assert judge("", None, junit(REFUSED, passed=99), timed_out=True).refuses
    assert judge("", None, junit(REFUSED, passed=99), signal=9).refuses
