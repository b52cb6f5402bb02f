"""The check `build`: the repository's own build or compile command must end well."""

import shlex

from bot.domain.checks.base import CommandCheck, CommandConfig, Ran
from bot.domain.checks.command_end import tail, why_it_did_not_end
from bot.domain.checks.hostile_text import one_line
from bot.domain.verdicts import Verdict

NAME = "build"


class BuildConfig(CommandConfig):
    """The repository's own build command."""


def judge(ran: Ran, settings: BuildConfig) -> Verdict:
    """Passes with exit code 0; else fails, with the end of the output as evidence."""
    result = ran.result
    broken = why_it_did_not_end(result, "build")
    if broken is not None:
        return Verdict.fail(NAME, broken, tail(result))
    if result.exit_code != 0:
        command = one_line(shlex.join(result.argv), 100)
        return Verdict.fail(NAME, f"`{command}` ended with exit code {result.exit_code}", tail(result))
    return Verdict.ok(NAME, f"Built in {result.seconds:.0f} s")


CHECK = CommandCheck(
    name=NAME,
    looks_at="The exit code of the repository's build or compile command, run on exactly the files that would be "
    "committed.",
    mend="Run the same command, and mend the first error that it prints.",
    settings=BuildConfig,
    judge=judge,
    stops=True,
)
