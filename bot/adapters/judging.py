"""Running a stage's checks: gathers what each needs (a command's end, the diff, a search for secrets), and asks it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.adapters.processes import run_command
from bot.adapters.secret_scan import scan
from bot.domain.checks import in_order
from bot.domain.checks.base import Check, CommandCheck, Ran, ScanCheck, WorkCheck
from bot.domain.checks.work import Work
from bot.domain.config import ChecksConfig
from bot.domain.verdicts import Verdict

_MAX_REPORT = 16 * 1024 * 1024


def run_checks(
    names: tuple[str, ...],
    config: ChecksConfig,
    tree: Path,
    work: Work,
    *,
    records: Path,
    stop_requested: Callable[[], str | None] = lambda: None,
) -> tuple[Verdict, ...]:
    """The verdicts of these checks, in the order of `CHECKS`.

    `tree` holds the files of `work`. Once a check that stops the rest has failed, the others are skipped, and say so.
    `records` is this attempt's own directory, where a leftover of a killed execution is found and ended.
    """
    verdicts: list[Verdict] = []
    stopped_by: str | None = None
    for check in in_order(names):
        if stopped_by is not None:
            verdicts.append(Verdict.warn(check.name, f"skipped, because `{stopped_by}` failed"))
            continue
        verdict = _judge(check, config, tree, work, records / check.name, stop_requested)
        if verdict is None:
            continue
        verdicts.append(verdict)
        if verdict.refuses and check.stops:
            stopped_by = check.name
    return tuple(verdicts)


def _judge(
    check: Check[Any],
    config: ChecksConfig,
    tree: Path,
    work: Work,
    record: Path,
    stop_requested: Callable[[], str | None],
) -> Verdict | None:
    """The verdict of one check; None when it has nothing to say."""
    settings = config.of(check)
    match check:
        case WorkCheck():
            return check.judge(work, settings)
        case ScanCheck():
            return check.judge(scan(work.contents.texts, work.contents.unread), settings)
        case CommandCheck():
            if settings.command is None:
                return check.unconfigured
            result = run_command(
                settings.command,
                cwd=tree,
                timeout=settings.timeout_seconds,
                record=record,
                stop_requested=stop_requested,
            )
            return check.judge(Ran(result, _report(tree, settings.report), work), settings)
        case _:
            raise TypeError(f"nobody knows how to run the check {check.name}")


def _report(tree: Path, name: str | None) -> str | None:
    """The text of the report that a command wrote; empty when it should be there and is not. A link out of the tree is
    not followed."""
    if name is None:
        return None
    path = tree / name
    inside = path.resolve().is_relative_to(tree.resolve())
    if not inside or not path.is_file() or path.stat().st_size > _MAX_REPORT:
        return ""
    return path.read_text(errors="replace")
