"""Findings as people get them: few, short, and harmless whatever a stranger's file is called."""

from collections.abc import Iterable

from bot.domain.agents import Finding
from bot.domain.checks.hostile_text import one_line

MOST_FINDINGS = 20
_MOST_NAMED = 3


def capped(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The first 20, and how many more there are."""
    every = tuple(findings)
    shown = every[:MOST_FINDINGS]
    if len(every) > len(shown):
        shown += (Finding(message=f"… and {len(every) - len(shown)} more", severity="note"),)
    return shown


def place(path: str) -> str:
    """A file's name on one line, without what a terminal or a page would obey."""
    return one_line(path, 300)


def number_of(count: int, thing: str, things: str | None = None) -> str:
    """`1 file`, `2 files`, `1,204 lines`."""
    return f"{count:,} {thing if count == 1 else things or thing + 's'}"


def named(paths: Iterable[str]) -> str:
    """A few paths inside a sentence, and how many more there are."""
    every = tuple(paths)
    shown = ", ".join(f"`{one_line(path.replace('`', ' '), 100)}`" for path in every[:_MOST_NAMED])
    return shown if len(every) <= _MOST_NAMED else f"{shown} and {len(every) - _MOST_NAMED} more"
