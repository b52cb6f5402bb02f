"""Finding commands in what people write: first word of a line, never from quotes or code."""

import re
from collections.abc import Iterator

from bot.domain.values import Value

PREFIX = "/issuewright"
_COMMAND = re.compile(r"/(?P<verb>[a-z][a-z-]*)(?:[ \t]+(?P<argument>\S.*))?\Z")
_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})")
_HTML_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_MAX_TEXT = 4000


class FoundCommand(Value):
    """One command line. `explicit` when it was written as `/issuewright <verb>`, so that nobody else can be meant."""

    line: int
    verb: str
    argument: str
    text: str
    explicit: bool


def find_commands(body: str) -> tuple[FoundCommand, ...]:
    """All commands in a comment, in order; `text` is what follows each, up to the next."""
    found: list[FoundCommand] = []
    for number, line in _plain_lines(body):
        command = _parse(number, line)
        if command is not None:
            found.append(command)
        elif found:
            found[-1] = found[-1].model_copy(update={"text": f"{found[-1].text}\n{line}"[:_MAX_TEXT]})
    return tuple(c.model_copy(update={"text": c.text.strip()}) for c in found)


def _parse(number: int, line: str) -> FoundCommand | None:
    match = _COMMAND.match(line.rstrip())
    if match is None:
        return None
    verb, argument = match["verb"], (match["argument"] or "").strip()
    explicit = f"/{verb}" == PREFIX
    if explicit:
        verb, _, argument = argument.partition(" ")
        verb = verb.removeprefix("/")
    return FoundCommand(line=number, verb=verb, argument=argument.strip()[:_MAX_TEXT], text="", explicit=explicit)


def _plain_lines(body: str) -> Iterator[tuple[int, str]]:
    """The lines that are neither quoted, nor code, nor hidden, with their numbers from 1."""
    body = _HTML_COMMENT.sub(lambda m: "\n" * m.group().count("\n"), body.replace("\r\n", "\n").replace("\r", "\n"))
    fence: str | None = None
    for number, line in enumerate(body.split("\n"), start=1):
        match = _FENCE.match(line)
        if fence is not None:
            closes = match and match["fence"].startswith(fence) and not line.strip().strip(fence[0])
            fence = None if closes else fence
        elif match:
            fence = match["fence"]
        elif not line.startswith((">", "    ", "\t")) and not line.lstrip().startswith(">"):
            yield number, line
