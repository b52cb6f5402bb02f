"""What was asked, answered and delivered, word for word and without secrets: for tests that hold it against
GitHub's own description."""

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECRETS = re.compile(
    rb"(?P<kind>gh[a-z]_)[A-Za-z0-9_.=-]+|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.S
)
_HEADERS = ("accept", "content-type", "link", "location", "user-agent", "x-github-event")


class Recording:
    """A file with one JSON object a line; several processes may add to one."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._file = os.fdopen(descriptor, "ab", buffering=0)

    def write(self, **entry: object) -> None:
        """Add a line; tokens and private keys in it are made unreadable."""
        line = json.dumps(entry).encode() + b"\n"
        self._file.write(_SECRETS.sub(lambda found: (found["kind"] or b"") + b"redacted", line))

    def delivery(self, headers: dict[str, str], payload: str) -> None:
        """Add a webhook as it is sent."""
        self.write(kind="delivery", headers=_shown(headers.items()), body=json.loads(payload))


class Recorder:
    """ASGI: passes everything on and records what was said over the API."""

    def __init__(self, app: ASGIApp, recording: Recording) -> None:
        self._app = app
        self._recording = recording

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        # Read here, and told again below: what nobody serves answers 404 without listening.
        heard = [await receive()]
        while heard[-1].get("more_body"):
            heard.append(await receive())
        asked = b"".join(message.get("body", b"") for message in heard)
        answered, start = bytearray(), dict[str, Any]()

        async def hear() -> Message:
            return heard.pop(0) if heard else await receive()

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                answered.extend(message.get("body", b""))
                if not message.get("more_body"):
                    self._record(scope, asked, start, bytes(answered))
            await send(message)

        await self._app(scope, hear, say)

    def _record(self, scope: Scope, asked: bytes, start: Message, answered: bytes) -> None:
        self._recording.write(
            kind="exchange",
            method=scope["method"],
            path=scope["path"],
            query=parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True),
            login=scope["localhub.caller"].login if "localhub.caller" in scope else None,
            request=_half(scope["headers"], asked),
            status=start["status"],
            answer=_half(start["headers"], answered),
        )


def _half(headers: list[tuple[bytes, bytes]], content: bytes) -> dict[str, Any]:
    """Headers, and the body as JSON, as `text`, or not at all."""
    half: dict[str, Any] = {
        "headers": _shown((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
    }
    if content:
        try:
            half["body"] = json.loads(content)
        except ValueError:
            half["text"] = content.decode(errors="replace")
    return half


def _shown(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers if name.lower() in _HEADERS}
