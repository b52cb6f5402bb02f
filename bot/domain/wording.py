"""People's own words inside our sentences: short, and unable to break out of the quotes that they stand in."""

import re

NOTHING = "\u200b"
"""A space of no width."""
_LONGEST = 60


def quoted(text: str) -> str:
    """`text` as inline code on one line: it cannot end the code, mention anybody, or fill the screen."""
    plain = " ".join(text.replace("`", "'").split())
    if len(plain) > _LONGEST:
        plain = plain[: _LONGEST - 1] + "…"
    return f"`{plain}`"


def fenced(text: str) -> str:
    """`text` as a code block, between fences longer than any that it holds, and in which no marker of ours can be
    found."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{without_markers(text)}\n{fence}"


def without_markers(text: str) -> str:
    """`text`, in which nothing is an HTML comment any more, as our markers are; people read it as before."""
    return text.replace("<!--", f"<{NOTHING}!--")
