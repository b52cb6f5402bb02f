"""The real deliveries of tests/data/webhooks, and what is needed to send them."""

import copy
import gzip
import hashlib
import hmac
import json
from functools import cache
from pathlib import Path
from typing import Any

Json = dict[str, Any]
FOLDER = Path(__file__).parents[1] / "data" / "webhooks"
ORACLE = FOLDER / "octokit-webhooks-methods.mjs"
SECRET = "a secret for deliveries"


@cache
def _all() -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = json.loads(gzip.decompress((FOLDER / "examples.json.gz").read_bytes()))
    return found


def examples() -> list[tuple[str, Json]]:
    """Event and payload of every example."""
    return [(event, payload) for event, payloads in _all().items() for payload in payloads]


def name_of(event: str, payload: Json) -> str:
    """`event.action`, or `event` for one that has no actions."""
    return f"{event}.{payload['action']}" if "action" in payload else event


def example(name: str, which: int = -1) -> Json:
    """A copy of an example that may be changed; of several, the newest kind comes last."""
    event = name.partition(".")[0]
    return copy.deepcopy([payload for payload in _all()[event] if name_of(event, payload) == name][which])


def signature(body: bytes, secret: str = SECRET) -> str:
    """As GitHub documents it: HMAC-SHA256 in hexadecimal digits."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
