"""HTML from templates: everything is escaped, and what a page may load is told to the browser."""

import hashlib
import json
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import jinja2

import bot
from bot.localhub.clock import epoch, iso
from bot.localhub.pages.look import Look

if TYPE_CHECKING:
    from bot.localhub.pages.visit import Visit

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
"""On every page: no scripts at all, nothing from elsewhere, nobody's frame."""

_SPANS = ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))


def directory() -> Path:
    """Where the templates are: inside the installed package, or beside it in a checkout."""
    package = Path(bot.__file__).parent
    bundled = package / "templates" / "localhub"
    return bundled if bundled.is_dir() else package.parent / "templates" / "localhub"


@cache
def environment() -> jinja2.Environment:
    """Jinja with everything escaped; a name that nobody gave is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(directory()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    made.filters |= {"ago": ago, "path": quote, "query": quote_plus, "short": short, "plural": plural}
    made.filters |= {"moment": iso, "from_json": json.loads}
    made.globals |= {"style_url": style_url()}
    return made


@cache
def style() -> bytes:
    """The style sheet."""
    return (directory() / "style.css").read_bytes()


def style_url() -> str:
    """Where it is served; another sheet, another address."""
    return f"/_pages/style.css?{hashlib.sha256(style()).hexdigest()[:12]}"


def render(visit: "Visit", template: str, **values: Any) -> str:
    """A whole page."""
    return environment().get_template(template).render(visit=visit, look=Look(visit), **values)


def ago(moment: str) -> str:
    """How long ago an ISO time was, in words."""
    seconds = time.time() - epoch(moment)
    for span, name in _SPANS:
        if seconds >= span:
            return f"{plural(int(seconds // span), name)} ago"
    return "just now"


def plural(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def short(sha: str) -> str:
    """A commit's id as people write it."""
    return sha[:7]
