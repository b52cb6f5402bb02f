"""What Claude Code tells while it runs (`--output-format stream-json --include-partial-messages`), read line by
line in the supervisor's process. Standard library only."""

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

_LONGEST_MESSAGE = 200
_SUBJECTS = ("file_path", "command", "pattern")  # what a tool is used on
_COUNTED = {
    "input_tokens": "input",
    "cache_read_input_tokens": "cache_read",
    "cache_creation_input_tokens": "cache_write",
    "output_tokens": "output",
}


class ClaudeStream:
    """Keeps the totals so far in `values`: tokens by model as each answer streams in, and from a result line the
    program's own count and cost. `is_over` once it has given a result: it then waits for more input until its
    stdin is closed."""

    def __init__(self) -> None:
        self.values: Json = {}
        self.changed = False
        self.is_over = False
        self._messages: dict[str, Json] = {}
        self._open: dict[str | None, str] = {}
        self._cwd = ""

    def feed(self, line: bytes) -> bool:
        """Take one line; whether it is worth keeping (pieces of messages are not: whole messages follow)."""
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            return bool(line.strip())
        if not isinstance(event, dict):
            return True
        kind = event.get("type")
        if kind == "stream_event":
            self._piece(event)
            return False
        if kind == "system" and event.get("subtype") == "init":
            self._cwd = str(event.get("cwd") or "")
            self._set("session_id", event.get("session_id"))
        elif kind == "assistant":
            self._message(event)
        elif kind == "result":
            self._result(event)
        return not (kind == "system" and event.get("subtype") == "status")

    def _piece(self, event: Json) -> None:
        piece, parent = event.get("event"), event.get("parent_tool_use_id")
        if not isinstance(piece, dict):
            return
        if piece.get("type") == "message_start" and isinstance(piece.get("message"), dict):
            message = piece["message"]
            self._open[parent] = str(message.get("id"))
            self._count(str(message.get("id")), message.get("model"), message.get("usage"))
        elif piece.get("type") == "message_delta" and parent in self._open:
            self._count(self._open[parent], None, piece.get("usage"))

    def _message(self, event: Json) -> None:
        message = event.get("message")
        if not isinstance(message, dict):
            return
        self._count(str(message.get("id")), message.get("model"), message.get("usage"))
        for told in self._told(message.get("content")):
            self._set("message", told)

    def _told(self, content: object) -> Iterator[str]:
        """One line a block of content: what is said, or which tool is used on what."""
        for block in content if isinstance(content, list) else ():
            if not isinstance(block, dict):
                continue
            if block.get("type") == "text" and isinstance(block.get("text"), str):
                first = next(iter(block["text"].strip().splitlines()), "")
                yield first[:_LONGEST_MESSAGE]
            elif block.get("type") == "tool_use":
                given = block.get("input")
                named = (
                    (given.get(key) for key in ("file_path", "command", "pattern")) if isinstance(given, dict) else ()
                )
                subject = str(next(filter(None, named), ""))
                yield f"{block.get('name')} {subject.removeprefix(f'{self._cwd}/')}".strip()[:_LONGEST_MESSAGE]

    def _result(self, event: Json) -> None:
        self.is_over = True
        # The total is that of the session, in which the program may have run before.
        since = event.get("model_usage_since_last_result")
        models = since.values() if isinstance(since, dict) else ()
        costs = [
            float(used["costUSD"]) for used in models if isinstance(used, dict) and _is_number(used.get("costUSD"))
        ]
        if costs or _is_number(event.get("total_cost_usd")):
            cost = sum(costs) if costs else float(event["total_cost_usd"])
            self._set("cost_usd", max(cost, self.values.get("cost_usd", 0.0)))
        self._set("session_id", event.get("session_id"))

    def _count(self, message_id: str, model: object, usage: object) -> None:
        """Usage comes several times a message, and never falls within it."""
        if not isinstance(usage, dict) or model == "<synthetic>":
            return
        known = self._messages.setdefault(message_id, {"model": None, **dict.fromkeys(_COUNTED.values(), 0)})
        if isinstance(model, str):
            known["model"] = model[:200]
        for theirs, ours in _COUNTED.items():
            if _is_number(usage.get(theirs)):
                known[ours] = max(known[ours], int(usage[theirs]))
        self._add_up()

    def _add_up(self) -> None:
        usage: dict[str, dict[str, int]] = {}
        for message in self._messages.values():
            model = usage.setdefault(message["model"] or "unknown", dict.fromkeys(_COUNTED.values(), 0))
            for name in model:
                model[name] += message[name]
        totals = usage.values()
        self._set("usage", usage)
        self._set("input_tokens", sum(m["input"] + m["cache_read"] + m["cache_write"] for m in totals))
        self._set("output_tokens", sum(m["output"] for m in totals))

    def _set(self, name: str, value: object) -> None:
        if value not in (None, "") and self.values.get(name) != value:
            self.values[name] = value
            self.changed = True


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12
