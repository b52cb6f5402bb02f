"""Hidden markers: how a comment of ours is recognised when nobody remembers having written it."""

import logging
import re

from bot.domain.refs import IssueRef
from workflows.services import Services

log = logging.getLogger("issuewright.markers")
_LIMIT = 65_536
ROOM = _LIMIT - 500
"""Characters that a comment's text may have beside its marker."""
_MARKER = re.compile(r"<!-- issuewright:(\S+) -->")
_CUT = "\n\n… (cut: the whole text is on the branch)"


def marker(key: str) -> str:
    """The HTML comment that carries an effect's key."""
    return f"<!-- issuewright:{key} -->"


def key_in(body: str) -> str | None:
    """The key that a comment of ours carries."""
    found = _MARKER.match(body)
    return found[1] if found else None


def marked(text: str, key: str) -> str:
    """The text with its marker before it, cut to what GitHub takes."""
    first = f"{marker(key)}\n"
    room = _LIMIT - len(first)
    return first + (text if len(text) <= room else text[: room - len(_CUT)] + _CUT)


def find_comment(here: Services, issue: IssueRef, key: str) -> str | None:
    """Our comment with this key on the issue or pull request: the oldest, while the others are removed."""
    repository = here.github.repository(issue.repo)
    found = repository.find_comment(issue.number, marker(key), here.github.bot().id)
    if not found:
        return None
    kept, *others = found
    for extra in others:
        repository.delete_comment(extra)
    if others:
        log.warning("%s was there %d times: kept %d", key, len(found), kept)
        here.effects.repaired(key, str(kept), len(others))
    return str(kept)
