"""Python functions that do nothing yet: a body of `...`, or `raise NotImplementedError` where no subclass is meant."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from bot.domain.checks.source_lines import SourceLine

_STRING = re.compile(r"[rRbBuUfF]{0,2}(\"\"\"|'''|\"|')[\s\"']*\Z")
_DEF = re.compile(r"(?:async\s+)?def\s+(\w+)")
_CLASS = re.compile(r"class\s+(\w+)")
_RAISE = re.compile(r"raise\s+NotImplementedError\b")
_MEANT_TO_BE_EMPTY = re.compile(r"abstract|overload|\.(?:group|callback|hookspec)\b|hookspec|dispatch|scenario")
_MEANT_FOR_SUBCLASSES = re.compile(r"\b(?:Protocol|ABC|ABCMeta)\b")
_BASE_NAME = re.compile(r"(?:_?(?:Base|Abstract)\w*|\w+(?:Base|Interface|Mixin))\Z")
_SUBCLASS = re.compile(r"subclass|overrid", re.IGNORECASE)


class Stub(NamedTuple):
    """A place that does nothing yet: its line, and what is there."""

    line: int
    what: str


class _Statement(NamedTuple):
    line: int
    indent: int
    code: str


def python_stubs(lines: Sequence[str], source: Sequence[SourceLine], *, tests: bool) -> Iterator[Stub]:
    """The stubs of a module. In `tests` an empty helper is fine, an empty test is not."""
    statements = list(_statements(source))
    empty: set[int] = set()
    for number, statement in enumerate(statements):
        found = _DEF.match(statement.code)
        if found is None:
            continue
        body = list(islice(_body(statements, number), 2))
        if len(body) != 1 or not (body[0].code == "..." or _RAISE.match(body[0].code)):
            continue
        only = body[0]
        if _RAISE.match(only.code):
            spoken = _SUBCLASS.search(lines[only.line - 1]) is not None
            excused = spoken or _is_for_subclasses(statements, number)
        else:
            helper = tests and not found[1].startswith("test")
            excused = helper or _is_for_subclasses(statements, number, named=False)
        empty.add(only.line)
        if not excused:
            what = "raises NotImplementedError" if _RAISE.match(only.code) else "has no body but `...`"
            yield Stub(only.line, f"`{found[1][:60]}` {what}")
    for statement in statements:
        if _RAISE.search(statement.code) and statement.line not in empty:
            yield Stub(statement.line, "raises NotImplementedError")


def _statements(source: Sequence[SourceLine]) -> Iterator[_Statement]:
    """The logical lines: brackets and backslashes join those that belong together."""
    parts: list[str] = []
    start = indent = depth = 0
    for number, line in enumerate(source, 1):
        code = line.code.strip()
        if not parts:
            if not code or line.continues:
                continue
            start, indent = number, len(line.code) - len(line.code.lstrip())
        parts.append(code.removesuffix("\\"))
        depth += sum(code.count(c) for c in "([{") - sum(code.count(c) for c in ")]}")
        if depth <= 0 and not code.endswith("\\"):
            yield _Statement(start, indent, " ".join(parts).strip())
            parts, depth = [], 0


def _body(statements: Sequence[_Statement], number: int) -> Iterator[_Statement]:
    """What a function does: its statements but for strings."""
    head = statements[number]
    inline = _after_colon(head.code)
    if inline:
        yield _Statement(head.line, head.indent + 1, inline)
        return
    for at in range(number + 1, len(statements)):
        statement = statements[at]
        if statement.indent <= head.indent:
            return
        if not _STRING.match(statement.code):
            yield statement


def _after_colon(code: str) -> str:
    depth = 0
    for at, character in enumerate(code):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == ":" and depth == 0:
            return code[at + 1 :].strip()
    return ""


def _is_for_subclasses(statements: Sequence[_Statement], number: int, *, named: bool = True) -> bool:
    """Whether a function is meant to be empty: by its decorators, or by the class that it is in."""
    indent = statements[number].indent
    decorating = True
    for at in range(number - 1, -1, -1):
        statement = statements[at]
        if decorating and statement.indent == indent and statement.code.startswith("@"):
            if _MEANT_TO_BE_EMPTY.search(statement.code):
                return True
            continue
        decorating = False
        if statement.indent < indent:
            found = _CLASS.match(statement.code)
            if found is None:
                return False
            by_name = named and _BASE_NAME.match(found[1]) is not None
            return by_name or _MEANT_FOR_SUBCLASSES.search(statement.code) is not None
    return False
