"""The check `secrets`: no key, token or password in what was added. Its findings never hold the secret."""

from pydantic import Field

from bot.domain.agents import Finding
from bot.domain.checks.base import PossibleSecret, Scan, ScanCheck
from bot.domain.checks.evidence import capped, named, number_of, place
from bot.domain.checks.globs import Pattern, matches_any
from bot.domain.checks.work import real_name
from bot.domain.values import Value
from bot.domain.verdicts import Verdict

NAME = "secrets"
EXAMPLES = (
    "tests/**", "test/**", "**/tests/**", "**/test/**", "**/__tests__/**", "spec/**", "test_*", "*_test.*", "*.test.*",
    "*.spec.*", "conftest.py", "docs/**", "examples/**", "specs/**", "*.md", "*.rst", "*.adoc", "*.example",
    "*.sample",
)  # fmt: skip


class SecretsConfig(Value):
    """Where secrets are looked for."""

    ignore: tuple[Pattern, ...] = Field(default=(), description="Paths whose lines are not searched.")


def judge(scan: Scan, settings: SecretsConfig) -> Verdict:
    """Fails on what surely is a secret, and on what seems one outside of tests and documents; warns of the rest, and of
    files too large to be searched."""
    found = [each for each in scan.found if not matches_any(real_name(each.path), settings.ignore)]
    unread = [path for path in scan.unread if not matches_any(real_name(path), settings.ignore)]
    bad = [each for each in found if _refused(each)]
    doubtful = [each for each in found if not _refused(each)]
    if bad:
        summary = f"{number_of(len(bad), 'secret')} in the added lines: take them out, also from tests"
        return Verdict.fail(NAME, summary, capped([*map(_finding, bad), *map(_finding, doubtful)]))
    problems = []
    if doubtful:
        problems.append(f"{number_of(len(doubtful), 'added line')} may hold a secret: a person should look")
    if unread:
        problems.append(f"{named(unread)} could not be searched: too large")
    if problems:
        return Verdict.warn(NAME, "; ".join(problems), capped(map(_finding, doubtful)))
    return Verdict.ok(NAME, "No secret in the added lines")


def _refused(possible: PossibleSecret) -> bool:
    if possible.sure:
        return True
    return not possible.weak and not matches_any(real_name(possible.path), EXAMPLES)


def _finding(possible: PossibleSecret) -> Finding:
    refused = _refused(possible)
    return Finding(
        message=f"{'looks like a secret' if refused else 'may be a secret'}: {possible.kind}",
        path=place(possible.path),
        line=possible.line,
        severity="error" if refused else "warning",
    )


CHECK = ScanCheck(
    name=NAME,
    looks_at="The added lines, searched by detect-secrets on this machine alone: nothing is sent anywhere to be "
    "verified. Tokens and keys of a known form fail wherever they are. What merely seems a password fails in code and "
    f"is a warning in tests and documents ({', '.join(f'`{pattern}`' for pattern in EXAMPLES)}). A string that is "
    "only random, as a digest is, is a warning. Lock files and binary files are not searched.",
    mend="Take the secret out, and read it from the environment or a file that is not committed. Make keys for tests "
    "while the test runs. A real secret that was committed anywhere must be revoked.",
    settings=SecretsConfig,
    judge=judge,
)
