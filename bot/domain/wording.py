"""People's own words inside our sentences: short, and unable to break out of the quotes that they stand in."""

import re

_LONGEST = 60


def quoted(text: str) -> str:
    """`text` as inline code on one line: it cannot end the code, mention anybody, or fill the screen."""
    plain = " ".join(text.replace("`", "'").split())
    if len(plain) > _LONGEST:
        plain = plain[: _LONGEST - 1] + "…"
    return f"`{plain}`"


def fenced(text: str) -> str:
    """`text` as a code block, between fences longer than any that it holds."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{text}\n{fence}"
