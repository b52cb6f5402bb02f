"""The reference of the checks, for people, in Markdown: made from what each check says of itself."""

import textwrap
from typing import Any

from bot.domain.checks import CHECKS
from bot.domain.checks.base import Check, CommandCheck

_WIDTH = 120
_HEAD = """\
# Checks

<!-- Made from the code by `python -m tests.domain.checks.test_reference`: change it there. -->

A check is a deterministic judgement of an agent's work: it passes, warns or fails. Work that fails a check is not
committed; the findings go back to the stage that did it, until its `rounds` are used up or it makes no progress. The
checks of a stage are named in its pipeline, as in `checks: [build, tests]`, and always run in the order in which they
stand here. What they judge is exactly the tree that would be committed; the spec, which is the issue's own text, is
left out. At most 20 findings are told, “and N more”. [How to add one](../how-to/add-a-check.md).

Settings are in `.github/issuewright.yml` on the base branch. Patterns of paths are those of `.gitignore`,
whatever the case: `*` stays in a folder, `**` does not, and a pattern without a slash matches at any depth.
"""


def reference() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(check) for check in CHECKS)])


def _section(check: Check[Any]) -> str:
    parts = [f"## `{check.name}`", "", _wrapped(f"**Looks at.** {check.looks_at}"), ""]
    if check.stops:
        parts += ["When it fails, the checks after it are skipped, and say so.", ""]
    if isinstance(check, CommandCheck):
        without = "there is no verdict" if check.unconfigured is None else "there is a warning"
        parts += [f"Without a command {without}.", ""]
    parts += [_wrapped(f"**When it fails.** {check.mend}"), ""]
    parts += [f"| `checks.{check.setting}` | Default | Meaning |", "|---|---|---|"]
    for name, field in check.settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        parts.append(f"| `{name}` | {_shown(default)} | {field.description} |")
    return "\n".join([*parts, ""])


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _shown(default: object) -> str:
    """A default as it would be written in YAML."""
    if default is None:
        return "none"
    if isinstance(default, tuple):
        return f"`[{', '.join(str(each) for each in default)}]`".replace("[**]", '["**"]')
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
