"""Running a stage's checks: the repository's own commands in the worktree, judged by the pure checks."""

from collections.abc import Callable
from pathlib import Path

from bot.adapters.processes import run_command
from bot.domain.checks import check
from bot.domain.config import ChecksConfig, TestsConfig
from bot.domain.verdicts import Verdict

_MAX_REPORT = 16 * 1024 * 1024


def run_checks(
    names: tuple[str, ...],
    config: ChecksConfig,
    tree: Path,
    *,
    records: Path,
    stop_requested: Callable[[], str | None] = lambda: None,
) -> tuple[Verdict, ...]:
    """The verdicts of these checks on the files in `tree`, in order. `records` is this attempt's own directory, where
    a leftover of a killed execution is found and ended."""
    return tuple(_run(name, config.tests, tree, records / name, stop_requested) for name in names)


def _run(
    name: str, settings: TestsConfig, tree: Path, record: Path, stop_requested: Callable[[], str | None]
) -> Verdict:
    if settings.command is None:
        how = "set `checks.tests.command` in `.github/issuewright.yml` to have them run"
        return Verdict.warn(name, f"no test command is configured, so nothing was run: {how}")
    result = run_command(
        settings.command,
        cwd=tree,
        timeout=settings.timeout_seconds,
        record=record,
        stop_requested=stop_requested,
    )
    return check(name).judge(result, _report(tree, settings.junit))


def _report(tree: Path, name: str | None) -> str | None:
    """The JUnit report's text; empty when it should be there and is not. A link out of the tree is not followed."""
    if name is None:
        return None
    path = tree / name
    inside = path.resolve().is_relative_to(tree.resolve())
    if not inside or not path.is_file() or path.stat().st_size > _MAX_REPORT:
        return ""
    return path.read_text(errors="replace")
