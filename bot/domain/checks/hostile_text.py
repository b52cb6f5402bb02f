"""Text that a stranger's program printed, made fit to be read by people and regular expressions: no control
characters, no invisible ones, bounded."""

import re
import unicodedata

_LONGEST_LINE = 4000
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)|[@-Z\\-_])")


def plain(text: str) -> str:
    """Lines without terminal escapes, control and formatting characters; each cut at 4,000 characters."""
    text = _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "\n".join(_without_controls(line[:_LONGEST_LINE]) for line in text.split("\n"))


def one_line(text: str, limit: int) -> str:
    """The text as one line of at most `limit` characters."""
    joined = " ".join(plain(text[: 10 * limit]).split())
    return joined if len(joined) <= limit else joined[: limit - 1] + "…"


def _without_controls(line: str) -> str:
    if line.isascii() and line.isprintable():
        return line
    return "".join(c for c in line if c == "\t" or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co"})
