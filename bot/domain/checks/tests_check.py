"""The check `tests`: the repository's own test command must end well, and tests must have run."""

from collections.abc import Sequence

from pydantic import Field

from bot.domain.agents import Finding
from bot.domain.checks.base import CommandCheck, CommandConfig, Ran
from bot.domain.checks.command_end import tail, why_it_did_not_end
from bot.domain.checks.evidence import MOST_FINDINGS
from bot.domain.checks.failure_kinds import Kind, counted, kind_of
from bot.domain.checks.hostile_text import one_line, plain
from bot.domain.checks.junit_report import read_junit
from bot.domain.checks.runner_report import FailedTest, RunnerReport, read_output
from bot.domain.commands_run import CommandResult
from bot.domain.verdicts import Verdict

NAME = "tests"
_MEND = (
    "Make the command print a summary as pytest or unittest do, or let it write a JUnit XML report and name "
    "that file in `checks.tests.junit` of `.github/issuewright.yml`"
)


class TestsConfig(CommandConfig):
    """The repository's own test command."""

    __test__ = False  # To pytest this is no test, whatever its name.

    junit: str | None = Field(default=None, description="A JUnit XML report that the command writes.")
    pass_threshold: float = Field(
        default=0.95,
        ge=0,
        le=1,
        description="The part of the tests that must pass for failures of the environment to be forgiven.",
    )

    @property
    def report(self) -> str | None:
        """The JUnit report."""
        return self.junit


def judge(ran: Ran, settings: TestsConfig) -> Verdict:
    """Judge a finished test command. Fails on a timeout, on a non-zero exit code, on a failed test whatever
    the exit code, and when no test ran or none can be seen to have run. Only failures that are all of the
    environment are forgiven, with a warning, when enough of the tests passed."""
    result, junit, _ = ran
    broken = why_it_did_not_end(result, "tests")
    if broken is not None:
        return Verdict.fail(NAME, broken, tail(result))
    if junit == "":
        return Verdict.fail(NAME, "The test command did not write its JUnit report", tail(result))
    if junit is None:
        report = read_output(plain(result.output))
    elif (report := read_junit(junit)) is None:
        return Verdict.fail(NAME, "The JUnit report cannot be read", tail(result))
    if report is not None and report.failed:
        return _with_failures(report, ran, settings)
    if report is not None and report.ran == 0:
        skipped = f" ({report.skipped} skipped)" if report.skipped else ""
        return Verdict.fail(NAME, f"No test ran{skipped}", tail(result))
    if result.exit_code != 0:
        seen = "no failed test can be seen" if report is None else f"all of {report.ran} passed"
        return Verdict.fail(NAME, f"Exit code {result.exit_code}, though {seen}", tail(result))
    if report is None:
        summary = f"Could not see that any test ran. {_MEND}"
        return Verdict.fail(NAME, summary, tail(result))
    skipped = f", {report.skipped} skipped" if report.skipped else ""
    return Verdict.ok(NAME, f"{report.ran} passed{skipped}")


def _with_failures(report: RunnerReport, ran: Ran, settings: TestsConfig) -> Verdict:
    result = ran.result
    kinds = [kind_of(failure, ran.work) for failure in report.failures]
    # A failure that the runner did not name may be anything: it is taken for one of the code.
    kinds += ["code"] * (report.failed - len(kinds))
    findings = _findings(report, kinds, result)
    summary = f"{report.failed} of {report.ran} failed"
    if "code" not in kinds:
        rate = (report.ran - report.failed) / report.ran
        why = f"for want of their environment ({counted(kinds)})"
        if rate >= settings.pass_threshold:
            return Verdict.warn(NAME, f"{summary}, {why}; the rest passed", findings)
        summary += f" {why}, and fewer than {settings.pass_threshold:.0%} passed"
    elif set(kinds) != {"code"}:
        summary += f" ({counted(kinds)})"
    if result.exit_code == 0:
        summary += ", although the command's exit code was 0"
    return Verdict.fail(NAME, summary, findings or tail(result))


def _findings(report: RunnerReport, kinds: Sequence[Kind], result: CommandResult) -> tuple[Finding, ...]:
    """Failures of the code first: they are what there is to mend."""
    every = sorted(zip(report.failures, kinds, strict=False), key=lambda each: each[1] != "code")
    findings = [_finding(failure, kind, result.cwd) for failure, kind in every[:MOST_FINDINGS]]
    if (more := len(every) - len(findings)) > 0:
        findings.append(Finding(message=f"… and {more} more", severity="note"))
    return tuple(findings)


def _finding(failure: FailedTest, kind: Kind, cwd: str) -> Finding:
    name, message = one_line(failure.name, 200), one_line(failure.message, 300)
    path = _inside(failure.path, cwd)
    said = f"{name}: {message}" if message else name
    told = f"{said} [code]" if kind == "code" else f"{said} [environment: {kind}]"
    return Finding(
        message=told,
        path=path,
        line=failure.line if path else None,
        severity="error" if kind == "code" else "warning",
    )


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


CHECK = CommandCheck(
    name=NAME,
    looks_at="The tests that the repository's own command ran, as its JUnit report or its output (pytest, unittest) "
    "tells them. Fails when a test failed, when no test ran, or when the command did not end by itself with exit code "
    "0. A failure is `[code]` unless its exception says that the environment lacks something: `[environment: "
    "network]` (connection refused, no such host, a connection that timed out), `program` or `module` (missing, no "
    "part of the project, and not asked for by this very change), `disk` (full). A failure of the code never passes; "
    "failures of the environment alone are a warning when at least `pass_threshold` of the tests passed.",
    mend="Run the same command, and mend what fails.",
    settings=TestsConfig,
    judge=judge,
    unconfigured=Verdict.warn(
        NAME,
        "no test command is configured, so nothing was run: set `checks.tests.command` in "
        "`.github/issuewright.yml` to have them run",
    ),
)
