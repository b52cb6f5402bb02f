"""JUnit XML, the report that nearly every test runner can write."""

import re
from xml.etree import ElementTree

from bot.domain.checks.hostile_text import plain
from bot.domain.checks.runner_report import FailedTest, RunnerReport

_PLACE = re.compile(r"([^\s:][^:\n]*\.\w+):(\d+)", re.MULTILINE)


def read_junit(text: str) -> RunnerReport | None:
    """The tests of a JUnit report; None when it is no such report. One that declares entities or a document
    type is refused: a few lines of those can stand for gigabytes."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        return None
    if root.tag not in {"testsuites", "testsuite"}:
        return None
    ran = skipped = 0
    failures: list[FailedTest] = []
    for case in root.iter("testcase"):
        trouble = case.find("failure")
        if trouble is None:
            trouble = case.find("error")
        if trouble is not None:
            failures.append(_failure(case, trouble))
        elif case.find("skipped") is not None:
            skipped += 1
            continue
        ran += 1
    return RunnerReport(ran=ran, failed=len(failures), skipped=skipped, failures=tuple(failures))


def _failure(case: ElementTree.Element, trouble: ElementTree.Element) -> FailedTest:
    name = ".".join(part for part in (case.get("classname"), case.get("name")) if part) or "unnamed"
    body = plain((trouble.text or "")[-20_000:])
    message = trouble.get("message") or body.strip().partition("\n")[0]
    path, line = case.get("file"), case.get("line", "")
    if path is not None:
        return FailedTest(name=name, message=message, path=path, line=int(line) if _is_number(line) else None)
    found = [match for each in body.split("\n") if (match := _PLACE.match(each))]
    if not found:
        return FailedTest(name=name, message=message)
    return FailedTest(name=name, message=message, path=found[-1][1], line=int(found[-1][2][:9]))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 9
