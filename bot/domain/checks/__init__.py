"""The deterministic checks: pure judgement over what an attempt left behind. One file each, one line in `CHECKS`,
which is the order they run in."""

from typing import Any

from bot.domain.checks import (
    build_check,
    markers_check,
    protected_paths_check,
    secrets_check,
    size_check,
    tests_check,
)
from bot.domain.checks.base import Check
from bot.domain.errors import UserError

CHECKS: tuple[Check[Any], ...] = (
    build_check.CHECK,
    protected_paths_check.CHECK,
    size_check.CHECK,
    secrets_check.CHECK,
    markers_check.CHECK,
    tests_check.CHECK,
)


def check(name: str) -> Check[Any]:
    """The check of this name; raises UserError, naming those that exist."""
    for candidate in CHECKS:
        if candidate.name == name:
            return candidate
    raise UserError(f"There is no check `{name}`. Known checks: {', '.join(f'`{known}`' for known in names())}.")


def names() -> tuple[str, ...]:
    """The names of all checks, in order."""
    return tuple(candidate.name for candidate in CHECKS)


def in_order(wanted: tuple[str, ...]) -> tuple[Check[Any], ...]:
    """The checks of these names in the order they run in; raises UserError for one that does not exist."""
    chosen = {check(name).name for name in wanted}
    return tuple(each for each in CHECKS if each.name in chosen)
