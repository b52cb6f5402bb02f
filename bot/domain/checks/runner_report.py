"""What a test runner's printed output says: how many tests ran, and which failed. Knows pytest and
unittest."""

import re
from collections.abc import Iterator

from bot.domain.values import Value


class FailedTest(Value):
    """One test that failed: its name as the runner prints it, why, and where (if told)."""

    name: str
    message: str = ""
    path: str | None = None
    line: int | None = None


class RunnerReport(Value):
    """Counts of tests: `ran` without those skipped, `failed` with those in error."""

    ran: int
    failed: int
    skipped: int = 0
    failures: tuple[FailedTest, ...] = ()


_PYTEST_SUMMARY = re.compile(r"(?:=+ )?((?:no tests ran|\d+ [a-z]+)(?:, \d+ [a-z ]+)*) in \d+(?:\.\d+)?s\b[^=]*=*")
_PYTEST_COUNT = re.compile(r"(\d+) ([a-z ]+)")
_PYTEST_NAMES = re.compile(r"=+ short test summary info =+")
_PYTEST_NAME = re.compile(r"(?:FAILED|ERROR|SUBFAILED\S*|SUBFAIL) (\S.*)")
_PYTEST_SECTION = re.compile(r"_{3,} (?:ERROR (?:at setup of|at teardown of|collecting) )?(\S.*?) _{3,}")
_PYTEST_ERROR = re.compile(r"E   +(\S.*)")
_PYTEST_PLACE = re.compile(r"([^\s:][^:]*\.\w+):(\d+): ")
_PYTEST_RAN = {"passed", "failed", "error", "errors", "xfailed", "xpassed"}
_PYTEST_FAILED = {"failed", "error", "errors"}

_UNITTEST_RAN = re.compile(r"Ran (\d+) tests? in \d+(?:\.\d+)?s")
_UNITTEST_END = re.compile(r"(?:OK|FAILED|NO TESTS RAN)(?: \(((?:[a-z ]+=\d+(?:, )?)+)\))?")
_UNITTEST_NAME = re.compile(r"(?:FAIL|ERROR|UNEXPECTED SUCCESS): (\S.*)")
_UNITTEST_PLACE = re.compile(r'  File "([^"]+)", line (\d+)')


def read_output(output: str) -> RunnerReport | None:
    """The tests that an output (plain text) speaks of, summed up when it holds several runs; None when no
    line of it is a summary that we know."""
    lines = [line.rstrip() for line in output.split("\n")]
    reports = [report for report in (_pytest(lines), _unittest(lines)) if report is not None]
    if not reports:
        return None
    return RunnerReport(
        ran=sum(report.ran for report in reports),
        failed=sum(report.failed for report in reports),
        skipped=sum(report.skipped for report in reports),
        failures=tuple(failure for report in reports for failure in report.failures),
    )


def _pytest(lines: list[str]) -> RunnerReport | None:
    summaries = [match[1] for line in lines if (match := _PYTEST_SUMMARY.fullmatch(line))]
    if not summaries:
        return None
    counts: dict[str, int] = {}
    for number, word in (found for summary in summaries for found in _PYTEST_COUNT.findall(summary)):
        counts[word] = counts.get(word, 0) + int(number)
    return RunnerReport(
        ran=sum(counts.get(word, 0) for word in _PYTEST_RAN),
        failed=sum(counts.get(word, 0) for word in _PYTEST_FAILED),
        skipped=counts.get("skipped", 0),
        failures=tuple(_pytest_failures(lines)),
    )


def _pytest_failures(lines: list[str]) -> Iterator[FailedTest]:
    """The names below `short test summary info`, each with the place that its traceback names."""
    places = _pytest_places(lines)
    errors = [match[1] for line in lines if (match := _PYTEST_ERROR.fullmatch(line))]
    in_names = False
    for line in lines:
        if _PYTEST_NAMES.fullmatch(line):
            in_names = True
        elif _PYTEST_SUMMARY.fullmatch(line):
            in_names = False
        elif in_names and (match := _PYTEST_NAME.fullmatch(line)):
            name, _, message = match[1].partition(" - ")
            path, _, function = name.partition("::")
            found = places.get(function.replace("::", ".") or path, [])
            here = [place for place in found if place[0] == path] or (found if len(found) == 1 else [])
            where, at = here[-1] if here else (path, None)
            yield FailedTest(name=name, message=_whole(message, errors), path=where, line=at)


def _whole(message: str, errors: list[str]) -> str:
    """A message that pytest cut to fit its line, as a traceback has it, if that leaves no doubt."""
    if not message.endswith("..."):
        return message
    whole = {error for error in errors if error.startswith(message[:-3])}
    return whole.pop() if len(whole) == 1 and len(message) > 10 else message


def _pytest_places(lines: list[str]) -> dict[str, list[tuple[str, int]]]:
    """Of each section (`____ TestX.test_y ____`) the last place that its traceback names; sections of one
    name (in several files) give several."""
    places: dict[str, list[tuple[str, int]]] = {}
    section: list[tuple[str, int]] = []
    for line in lines:
        if match := _PYTEST_SECTION.fullmatch(line):
            section = places.setdefault(re.sub(r" \(.*\)$", "", match[1]), [])
            section.append(("", 0))
        elif section and (place := _PYTEST_PLACE.match(line)):
            section[-1] = (place[1], int(place[2]))
        elif line.startswith("==="):
            section = []
    return {name: [place for place in found if place[0]] for name, found in places.items()}


def _unittest(lines: list[str]) -> RunnerReport | None:
    ran = [int(match[1]) for line in lines if (match := _UNITTEST_RAN.fullmatch(line))]
    if not ran:
        return None
    counts: dict[str, int] = {}
    for line in lines:
        if match := _UNITTEST_END.fullmatch(line):
            for part in (match[1] or "").split(", "):
                word, _, number = part.partition("=")
                counts[word] = counts.get(word, 0) + int(number or 0)
    skipped = counts.get("skipped", 0)
    failed = sum(counts.get(word, 0) for word in ("failures", "errors", "unexpected successes"))
    # A class that cannot be set up, or a module that cannot be imported, is an error beyond the tests that
    # ran.
    return RunnerReport(
        ran=max(sum(ran) - skipped, failed),
        failed=failed,
        skipped=skipped,
        failures=tuple(_unittest_failures(lines)),
    )


def _unittest_failures(lines: list[str]) -> Iterator[FailedTest]:
    """The sections that begin with `====` and `FAIL: test_x (module.Class.test_x)`."""
    for number, line in enumerate(lines):
        if not line.startswith("=" * 70) or number + 1 == len(lines):
            continue
        match = _UNITTEST_NAME.fullmatch(lines[number + 1])
        if match is not None:
            yield _unittest_failure(match[1], lines[number + 2 :])


def _unittest_failure(name: str, after: list[str]) -> FailedTest:
    path: str | None = None
    line_number: int | None = None
    message = ""
    body = False
    for line in after:
        if line.startswith(("=" * 70, "-" * 70)) and body:
            break
        body = body or line.startswith("-" * 70)
        if place := _UNITTEST_PLACE.match(line):
            path, line_number = place[1], int(place[2])
        elif body and not message and path is not None and line[:1].strip():
            # The first line at the margin after the traceback's frames is the exception.
            message = line
    return FailedTest(name=name, message=message, path=path, line=line_number)
