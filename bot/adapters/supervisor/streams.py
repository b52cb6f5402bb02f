"""An agent's output, kept within bounds: it may print for ever, in one line, without costing us disk or
memory."""

import json
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LONGEST_LINE = 1 << 20


class Capture:
    """A stream in a file: the first half of `limit` bytes as they come, the last half at the end, and between
    them a line that says how much was left out."""

    def __init__(self, path: Path, limit: int) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        self._room = limit - limit // 2
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._tail_limit = limit // 2
        self._left_out = 0

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        if self._room:
            head, data = data[: self._room], data[self._room :]
            self._room -= len(head)
            self._write(head)
        if data:
            self._tail.append(data)
            self._tail_size += len(data)
            while self._tail and self._tail_size - len(self._tail[0]) >= self._tail_limit:
                dropped = self._tail.popleft()
                self._tail_size -= len(dropped)
                self._left_out += len(dropped)

    def close(self) -> None:
        """Write the kept end and force everything to the disk."""
        tail = b"".join(self._tail)
        surplus = max(0, len(tail) - self._tail_limit)
        if self._left_out + surplus:
            self._write(b"\n[%d bytes left out]\n" % (self._left_out + surplus))
        self._write(tail[surplus:])
        try:
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except OSError:
                # A full disk must not end the agent: what it does counts, its chatter does not.
                return


class Lines:
    """Splits a stream into lines for `on_line`; a line beyond a mebibyte is dropped, not kept."""

    def __init__(self, on_line: Callable[[bytes], None]) -> None:
        self._on_line = on_line
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        *complete, rest = data.split(b"\n")
        for piece in complete:
            self._add(piece)
            self.close()
        self._add(rest)

    def close(self) -> None:
        """End the line that is under way."""
        if self._parts and self._size <= _LONGEST_LINE:
            self._on_line(b"".join(self._parts))
        self._parts, self._size = [], 0

    def _add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= _LONGEST_LINE:
            self._parts.append(piece)
        else:
            self._parts = []


class Reported:
    """What an agent told about itself so far. A line of its stdout that is a JSON object `{"event":
    "progress", …}` may carry `message`, `cost_usd`, `input_tokens`, `output_tokens` (totals, not increments)
    and `session_id`."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.changed = False
        self.is_over = False

    def feed(self, line: bytes) -> bool:
        """Take one line of stdout; anything that is no report is none of our business. Every line is worth
        keeping."""
        if not line.startswith(b"{") or b'"progress"' not in line:
            return True
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            return True
        if not isinstance(event, dict) or event.get("event") != "progress":
            return True
        for name in ("message", "session_id"):
            if isinstance(event.get(name), str):
                self.values[name] = event[name][:500]
        for name in ("cost_usd", "input_tokens", "output_tokens"):
            value = event.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12:
                # Totals never fall: a later, smaller number must not hide what was already spent.
                number = float(value) if name == "cost_usd" else int(value)
                self.values[name] = max(self.values.get(name, 0), number)
        self.changed = True
        return True
