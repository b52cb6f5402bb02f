"""The check `markers`: what was added is finished, with no note to do it later and no stub in its place."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated

from pydantic import Field

from bot.domain.agents import Finding
from bot.domain.checks.base import WorkCheck
from bot.domain.checks.evidence import capped, named, number_of, place
from bot.domain.checks.globs import Pattern, matches_any
from bot.domain.checks.hostile_text import one_line
from bot.domain.checks.python_stubs import python_stubs
from bot.domain.checks.source_lines import SourceLine, source_lines, syntax_of
from bot.domain.checks.work import TextFile, Work, real_name
from bot.domain.values import Value
from bot.domain.verdicts import Verdict

NAME = "markers"
_NOT_SOURCE = (
    "docs/**", "doc/**", "specs/**", "**/fixtures/**", "**/testdata/**", "**/test_data/**", "tests/data/**",
    "**/__snapshots__/**", "vendor/**", "**/node_modules/**", "third_party/**", "*.min.js", "*.min.css",
    "*.generated.*",
)  # fmt: skip
_TESTS = ("tests/**", "test/**", "**/tests/**", "test_*.py", "*_test.py", "conftest.py")

_DECORATION = re.compile(r"^[\s*#/!<>;%=-]+")
_PHRASES = re.compile(
    r"^(?:stub|placeholder|dummy)s?[\s.!]*$"
    r"|\bplaceholder[\s-]+(?:implementation|code|logic|function|method|class|test|until|for now)\b"
    r"|\b(?:stub|dummy|fake|mock)(?:bed)? implementation\b"
    r"|(?<!501 )\b(?:not|to be|yet to be|will be) (?:yet )?implemented(?: later| soon| yet)?\s*(?:[.!:;)]|$)"
    r"|\bimplement (?:this|me|it)? ?(?:later|here)\b"
    r"|\bfor now,? (?:we )?(?:just )?(?:return|pass|skip|ignore|hard-?code)"
    r"|\bin a real (?:implementation|application|app|system)\b"
    r"|^\.{3} ?(?:existing|rest of|remaining|same as|other|more)\b"
    r"|\b(?:rest of|existing) (?:the )?(?:code|implementation)(?: here)?(?: remains)? (?:unchanged|goes here)\b",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"(?:throw\s+(?:new\s+)?\w*(?:Error|Exception)\s*\(\s*[\"'`]"
    r"(?:TODO\b|(?:not|to be)(?: yet)? implemented|unimplemented)"
    r"|throw\s+new\s+NotImplemented\w*"
    r"|\b(?:todo|unimplemented)!\s*[(\[{]"
    r"|\bpanic\s*\(\s*\"(?:TODO\b|not (?:yet )?implemented|unimplemented)"
    r"|(?<![\w.])TODO\s*\(\s*[\")]"
    r"|(?<![\w.])return\s+[\"'`](?:placeholder|dummy|TODO)[\"'`])",
    re.IGNORECASE,
)
_RUBY_RAISE = re.compile(r"\braise\s+NotImplementedError\b")

Word = Annotated[str, Field(min_length=2, max_length=30, pattern=r"^\w+$")]


class MarkersConfig(Value):
    """What counts as unfinished, and where."""

    words: tuple[Word, ...] = Field(
        default=("TODO", "FIXME", "XXX", "HACK"), description="Words that mark a comment, in exactly this case."
    )
    paths: tuple[Pattern, ...] = Field(default=("**",), description="Source files that are looked at.")
    ignore: tuple[Pattern, ...] = Field(default=(), description="Source files that are not.")


def judge(work: Work, settings: MarkersConfig) -> Verdict:
    """Fails when an added line of a source file has a marker or is a stub; warns of files too large to be read."""
    findings = []
    for text in work.contents.texts:
        if _is_looked_at(text.path, settings):
            findings += [
                Finding(message=message, path=place(text.path), line=line) for line, message in _marks(text, settings)
            ]
    if findings:
        summary = f"{number_of(len(findings), 'place')} not finished: finish what is there, or leave it out"
        return Verdict.fail(NAME, summary, capped(findings))
    unread = [path for path in work.contents.unread if _is_looked_at(path, settings)]
    if unread:
        return Verdict.warn(NAME, f"{named(unread)} could not be read: too large")
    return Verdict.ok(NAME, "Nothing is marked as unfinished")


def _is_looked_at(path: str, settings: MarkersConfig) -> bool:
    name = real_name(path)
    if syntax_of(name) is None or matches_any(name, (*_NOT_SOURCE, *settings.ignore)):
        return False
    return matches_any(name, settings.paths)


def _marks(text: TextFile, settings: MarkersConfig) -> Iterator[tuple[int, str]]:
    """Line and description of each marker, one a line."""
    syntax = syntax_of(real_name(text.path))
    if syntax is None or not text.added:
        return
    source = list(source_lines(text.lines, syntax))
    found = dict(_stubs(text, source))
    for number in text.added:
        line = source[number - 1]
        marker = _in_comment(line.comment, settings.words) or found.get(number)
        if marker := marker or _in_code(text.lines[number - 1], line.code):
            yield number, marker


def _stubs(text: TextFile, source: list[SourceLine]) -> Iterator[tuple[int, str]]:
    name = real_name(text.path)
    if name.endswith((".py", ".pyw")):
        for stub in python_stubs(text.lines, source, tests=matches_any(name, _TESTS)):
            yield stub.line, f"stub: {stub.what}"
    elif name.endswith(".rb"):
        for number, line in enumerate(source, 1):
            if _RUBY_RAISE.search(line.code) and "subclass" not in text.lines[number - 1].lower():
                yield number, "stub: raises NotImplementedError"


def _in_comment(comment: str, words: tuple[str, ...]) -> str | None:
    said = _DECORATION.sub("", comment[:2000]).strip()
    if not said:
        return None
    word = _words(words).search(said) if words else None
    if word is None and not _PHRASES.search(said):
        return None
    return f"{'marker' if word else 'stub'} in a comment: {one_line(said, 120)}"


def _in_code(line: str, code: str) -> str | None:
    # What begins inside a string or a comment is no code.
    found = next((each for each in _CODE.finditer(line[: len(code)]) if code[each.start()] != " "), None)
    return None if found is None else f"stub: {one_line(found[0], 120)}"


@lru_cache(maxsize=32)
def _words(words: tuple[str, ...]) -> re.Pattern[str]:
    """A word marks a comment where it begins it or stands before a colon: `# the TODO list` speaks of a list."""
    one = "|".join(re.escape(word) for word in words)
    about = r"(?![ -](?:lists?|items?|apps?|entry|entries|tasks?|objects?|models?)\b)"
    return re.compile(rf"^@?(?:{one})\b{about}|^@todo\b|(?<![\w\"'`])(?:{one})(?:\([^)]{{0,60}}\))?\s{{0,3}}:(?!:)")


CHECK = WorkCheck(
    name=NAME,
    looks_at="The added lines of source files, told apart into code, strings and comments. It finds the words "
    "`TODO`, `FIXME`, `XXX` and `HACK` where they begin a comment or stand before a colon in one; comments such as "
    "“not implemented yet” or “rest of the code unchanged”; Python functions whose only statement is `...` or "
    "`raise NotImplementedError` (but not abstract methods, protocols, overloads and base classes); and their like in "
    'other languages (`todo!()`, `throw new Error("not implemented")`). Documents, fixtures, vendored and generated '
    f"files are not looked at: {', '.join(f'`{pattern}`' for pattern in _NOT_SOURCE)}.",
    mend="Write what is missing. What the spec does not ask for is left out, with its comment.",
    settings=MarkersConfig,
    judge=judge,
)
