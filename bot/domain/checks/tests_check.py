"""The check `tests`: the repository's own test command must end well, and tests must have run."""

import shlex

from bot.domain.agents import Finding
from bot.domain.checks.hostile_text import one_line, plain
from bot.domain.checks.junit_report import read_junit
from bot.domain.checks.runner_report import FailedTest, RunnerReport, read_output
from bot.domain.commands_run import CommandResult
from bot.domain.verdicts import Verdict

NAME = "tests"
_MOST_FINDINGS = 20
_TAIL_LINES = 15
_MEND = (
    "Make the command print a summary as pytest or unittest do, or let it write a JUnit XML report and name "
    "that file in `checks.tests.junit` of `.github/issuewright.yml`"
)


def judge(result: CommandResult, junit: str | None) -> Verdict:
    """Judge a finished test command; `junit` is the text of the report it wrote (None: none is configured;
    empty: it is, and was not written). Fails on a timeout, on a non-zero exit code, on a failed test whatever
    the exit code, and when no test ran or none can be seen to have run."""
    broken = _why_it_did_not_end(result)
    if broken is not None:
        return Verdict.fail(NAME, broken, _tail(result))
    if junit == "":
        return Verdict.fail(NAME, "The test command did not write its JUnit report", _tail(result))
    if junit is None:
        report = read_output(plain(result.output))
    elif (report := read_junit(junit)) is None:
        return Verdict.fail(NAME, "The JUnit report cannot be read", _tail(result))
    if report is not None and report.failed:
        summary = f"{report.failed} of {report.ran} failed"
        if result.exit_code == 0:
            summary += ", although the command's exit code was 0"
        return Verdict.fail(NAME, summary, _findings(report, result) or _tail(result))
    if report is not None and report.ran == 0:
        skipped = f" ({report.skipped} skipped)" if report.skipped else ""
        return Verdict.fail(NAME, f"No test ran{skipped}", _tail(result))
    if result.exit_code != 0:
        seen = "no failed test can be seen" if report is None else f"all of {report.ran} passed"
        return Verdict.fail(NAME, f"Exit code {result.exit_code}, though {seen}", _tail(result))
    if report is None:
        summary = f"Could not see that any test ran. {_MEND}"
        return Verdict.fail(NAME, summary, _tail(result))
    skipped = f", {report.skipped} skipped" if report.skipped else ""
    return Verdict.ok(NAME, f"{report.ran} passed{skipped}")


def _why_it_did_not_end(result: CommandResult) -> str | None:
    command = one_line(shlex.join(result.argv), 100)
    if result.not_started is not None:
        return f"`{command}` could not be run: {one_line(result.not_started, 200)}"
    if result.stopped is not None:
        return f"The tests were stopped: {one_line(result.stopped, 200)}"
    if result.timed_out:
        return f"`{command}` did not end within {result.seconds:.0f} s"
    if result.signal is not None or result.exit_code is None:
        return f"`{command}` was ended by signal {result.signal}"
    return None


def _findings(report: RunnerReport, result: CommandResult) -> tuple[Finding, ...]:
    findings = [_finding(failure, result.cwd) for failure in report.failures[:_MOST_FINDINGS]]
    if (more := len(report.failures) - len(findings)) > 0:
        findings.append(Finding(message=f"… and {more} more", severity="note"))
    return tuple(findings)


def _finding(failure: FailedTest, cwd: str) -> Finding:
    name, message = one_line(failure.name, 200), one_line(failure.message, 300)
    path = _inside(failure.path, cwd)
    return Finding(message=f"{name}: {message}" if message else name, path=path, line=failure.line if path else None)


def _inside(path: str | None, cwd: str) -> str | None:
    """A path of the output as one of the workspace; None when it leads elsewhere (or tries to)."""
    if path is None:
        return None
    if cwd and path.startswith(f"{cwd.rstrip('/')}/"):
        path = path[len(cwd.rstrip("/")) + 1 :]
    path = path.removeprefix("./")
    if path.startswith("/") or ".." in path.split("/"):
        return None
    return one_line(path, 300)


def _tail(result: CommandResult) -> tuple[Finding, ...]:
    """The end of the output as evidence, where there is nothing better."""
    lines = [one_line(line, 200) for line in plain(result.output).splitlines()[-_TAIL_LINES:]]
    text = "\n".join(lines).strip()
    return (Finding(message=f"The end of its output:\n{text}", severity="note"),) if text else ()
