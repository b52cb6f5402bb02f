"""Patterns of paths, as `.gitignore` has them: `*` stays in a folder, `**` does not, and a pattern without a slash
matches at any depth. Upper and lower case are the same."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, Field

from bot.domain.wording import quoted


def _is_pattern(text: str) -> str:
    if text.startswith(("/", "./", "!")) or ".." in text.split("/") or "\n" in text:
        raise ValueError(f"cannot be {quoted(text)}: write it from the repository's root, as `docs/**` or `*.lock`")
    if text.count("*") > 12:
        raise ValueError(f"cannot be {quoted(text)}: use at most 12 stars")
    return text


Pattern = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_is_pattern)]


def matches_any(path: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns matches the path. `docs/` and `docs/**` match `docs` and all below it."""
    parts = tuple(path.lower().split("/"))
    return any(_matches(parts, _parts(pattern)) for pattern in patterns)


@lru_cache(maxsize=1024)
def _parts(pattern: str) -> tuple[str, ...]:
    pattern = pattern.lower()
    if pattern.endswith("/"):
        pattern += "**"
    parts = pattern.split("/")
    return tuple(parts if len(parts) > 1 else ["**", *parts])


def _matches(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    # `reached` are the lengths of the path's beginnings that the pattern so far matches: no backtracking.
    reached = {0}
    for part in pattern:
        if part == "**":
            reached = set(range(min(reached), len(path) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(path) and fnmatchcase(path[at], part)}
        if not reached:
            return False
    return len(path) in reached
