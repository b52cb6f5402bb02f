"""Finding commands in what people write: first word of a line, never from quotes, code or hidden text."""

import re
from collections.abc import Iterator

from bot.domain.values import Value

MOST_COMMANDS = 10
"""Each costs requests to GitHub: one comment must not be able to ask for thousands of them."""
PREFIX = "issuewright"
_COMMAND = re.compile(r" {0,3}/(?P<verb>[a-z][a-z-]*)(?:\s+(?P<argument>\S.*))?\Z", re.IGNORECASE)
_FENCE = re.compile(r" {0,3}(?P<items>(?:(?:[-+*]|\d{1,9}[.)])[ \t]+)*)(?:(?P<ticks>`{3,})[^`]*|(?P<tildes>~{3,}).*)\Z")
_AS_IT_IS = "pre|script|style|textarea|code"
"""HTML whose lines are shown as code, or not at all."""
_MARK = re.compile(rf"`+|<!--|-->|<(?:{_AS_IT_IS})\b|</(?:{_AS_IT_IS})\s*>", re.IGNORECASE)
_MAX_TEXT = 4000


class FoundCommand(Value):
    """One command line. `argument` is the rest of the line; `text` is what follows it, as it was written.
    `explicit` when it was written as `/issuewright <verb>`, so that nobody else can be meant."""

    line: int
    verb: str
    argument: str
    text: str
    explicit: bool


def find_commands(body: str) -> tuple[FoundCommand, ...]:
    """The commands in a comment, in order, the first few of them; `text` is what follows each, up to the next."""
    found: list[FoundCommand] = []
    following: list[list[str]] = []
    for number, (line, is_prose) in enumerate(_visible_lines(body), start=1):
        command = _parse(number, line) if is_prose else None
        if command is not None and len(found) == MOST_COMMANDS:
            break
        if command is not None:
            found.append(command)
            following.append([])
        elif found:
            following[-1].append(line)
    texts = ("\n".join(lines).strip()[:_MAX_TEXT] for lines in following)
    whole = (c.model_copy(update={"text": text}) for c, text in zip(found, texts, strict=True))
    # Said twice in one breath, it is meant once.
    meant = {(c.verb, c.argument, c.text, c.explicit): c for c in reversed([*whole])}
    return tuple(sorted(meant.values(), key=lambda command: command.line))


def _parse(number: int, line: str) -> FoundCommand | None:
    match = _COMMAND.match(line.rstrip())
    if match is None:
        return None
    verb, argument = match["verb"].lower(), match["argument"] or ""
    explicit = verb == PREFIX
    if explicit:
        verb, _, argument = (argument or "help").partition(" ")
        verb = verb.removeprefix("/").lower()
    return FoundCommand(line=number, verb=verb, argument=argument.strip()[:_MAX_TEXT], text="", explicit=explicit)


def _visible_lines(body: str) -> Iterator[tuple[str, bool]]:
    """Every line without what HTML comments hide, and whether it is prose: neither quoted nor code."""
    fence: str | None = None
    deepest = 3
    inside: str | None = None
    for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if inside == "<code" and not line.strip():
            inside = None  # unlike the others it ends with its paragraph
        if fence is not None:
            fence = None if _closes(fence, line, deepest) else fence
            yield line, False
        elif inside is None and (opening := _FENCE.match(line)) is not None:
            fence = opening["ticks"] or opening["tildes"]
            deepest = 3 + len(opening["items"])
            yield line, False
        else:
            is_prose = inside is None and not line.lstrip().startswith(">") and not line.startswith(("    ", "\t"))
            shown, inside = _shown(line, inside)
            yield shown, is_prose


def _closes(fence: str, line: str, deepest: int) -> bool:
    stripped = line.strip()
    return len(line) - len(line.lstrip(" ")) <= deepest and stripped.startswith(fence) and not stripped.strip(fence[0])


def _shown(line: str, inside: str | None) -> tuple[str, str | None]:
    """What is to be seen of a line that begins `inside` an HTML comment or `<pre>` and its like, and what is open at
    its end."""
    marks = list(_MARK.finditer(line))
    shown: list[str] = []
    begin = after_span = 0
    for index, mark in enumerate(marks):
        text = mark.group().lower()
        if mark.start() < after_span:
            continue
        if inside == "<!--":
            if text == "-->":
                inside, begin = None, mark.end()
        elif inside is not None:
            inside = None if text.startswith(f"</{inside[1:]}") else inside
        elif text == "<!--":
            shown.append(line[begin : mark.start()])
            inside = text
        elif text.startswith("<") and not text.startswith("</"):
            inside = text
        elif text.startswith("`"):
            # A code span hides nothing: what stands in it is shown as it is.
            after_span = _end_of_next(text, marks, index + 1)
    if inside != "<!--":
        shown.append(line[begin:])
    return "".join(shown), inside


def _end_of_next(text: str, marks: list[re.Match[str]], first: int) -> int:
    return next((marks[i].end() for i in range(first, len(marks)) if marks[i].group() == text), 0)
