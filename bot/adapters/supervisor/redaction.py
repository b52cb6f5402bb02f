"""Keeps secrets out of what an agent prints: known values are replaced before a byte reaches a file. Standard
library only."""

import json
from collections.abc import Iterable
from pathlib import Path

_MASK = b"[redacted]"
_SHORTEST = 8  # a shorter "secret" would black out ordinary words


def secrets_in(paths: Iterable[str]) -> tuple[bytes, ...]:
    """The values that these files hold, as they would appear in plain text and inside JSON strings. A file that
    cannot be read has no secret that could leak."""
    found: dict[bytes, None] = {}
    for path in paths:
        try:
            value = Path(path).read_text("utf-8", "replace").strip()
        except OSError:
            continue
        for shape in (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
            if len(shape) >= _SHORTEST:
                found[shape.encode()] = None
    return tuple(sorted(found, key=len, reverse=True))


class Redactor:
    """A filter for one stream. A value that is spread over two pieces of it is found as well: what may be the
    beginning of one is held back until the next piece shows."""

    def __init__(self, secrets: tuple[bytes, ...]) -> None:
        self._secrets = secrets
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What of the stream may be passed on now."""
        data = self._held + data
        for secret in self._secrets:
            data = data.replace(secret, _MASK)
        keep = max((_beginning(secret, data) for secret in self._secrets), default=0)
        self._held = data[len(data) - keep :]
        return data[: len(data) - keep]

    def close(self) -> bytes:
        """What was held back and turned out to be no secret."""
        rest, self._held = self._held, b""
        return rest


def _beginning(secret: bytes, data: bytes) -> int:
    """How many bytes at the end of `data` are the beginning of `secret`."""
    return next((size for size in range(min(len(secret) - 1, len(data)), 0, -1) if data.endswith(secret[:size])), 0)
