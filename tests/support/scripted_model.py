"""A model for tests that says what its script says: Anthropic's Messages API on loopback, streaming or not.

    with ScriptedModel(folder / "model.jsonl") as model:
        model.plays("builder", [uses("Write", file_path="{cwd}/a.py", content="…"), hands_in("Wrote a.py")])
        … ANTHROPIC_BASE_URL=model.url …

A script is a list of turns; the turn is chosen by how many answers the conversation already holds, so that a
request that is repeated gets the same one. `opens` picks a script by a text in the conversation's first message,
`/s/<name>` in the URL by its name. A script may have several takes: the n-th conversation plays the n-th, and the
last one from then on. Where no script fits, `improvises` is asked for the turns of the conversation. `{cwd}` in a
turn becomes the working directory that the program says it has. A turn may be `troubled`: a status, a body that is
not the protocol, silence, or a stream that breaks off.
Every request is kept in `model.requests` and appended to the log, without its key.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any, Self

Json = dict[str, Any]


@dataclass(frozen=True)
class Usage:
    """Tokens that a turn is said to use."""

    new: int = 100
    output: int = 20
    cache_read: int = 0
    cache_write: int = 0

    def as_json(self) -> Json:
        return {
            "input_tokens": self.new,
            "cache_read_input_tokens": self.cache_read,
            "cache_creation_input_tokens": self.cache_write,
            "output_tokens": self.output,
        }


@dataclass(frozen=True)
class Trouble:
    """What happens instead of an answer. `times` requests meet it, then the turn is answered; None: all do."""

    status: int | None = None
    kind: str = "api_error"
    message: str = "scripted trouble"
    body: str | None = None
    silent: bool = False
    breaks_off: bool = False
    times: int | None = None


@dataclass(frozen=True)
class Turn:
    """One answer: something said, tools used, or both."""

    text: str = ""
    tools: tuple[tuple[str, Json], ...] = ()
    usage: Usage = Usage()
    seconds: float = 0.0
    trouble: Trouble | None = None


def says(text: str, **more: Any) -> Turn:
    """An answer that is text alone: a conversation ends with it."""
    return Turn(text=text, **more)


def uses(tool: str, **given: Any) -> Turn:
    """An answer that uses one tool."""
    return Turn(tools=((tool, given),))


def writes(files: dict[str, str]) -> Turn:
    """An answer that writes these files, by paths relative to the working directory."""
    return Turn(tools=tuple(("Write", {"file_path": "{cwd}/" + path, "content": text}) for path, text in files.items()))


def hands_in(summary: str, **fields: Any) -> Turn:
    """An answer that hands in the structured result."""
    return uses("StructuredOutput", summary=summary, **fields)


def troubled(**how: Any) -> Turn:
    """An answer that does not come; see `Trouble`."""
    return Turn(text="never said", trouble=Trouble(**how))


@dataclass
class Script:
    """Turns under a name: one list a conversation."""

    takes: list[Sequence[Turn]]
    opens: str | None = None
    conversations: list[str] = field(default_factory=list)

    def turn(self, conversation: str, number: int) -> Turn:
        """The turn of that number in that conversation; the last one again after the end."""
        if conversation not in self.conversations:
            self.conversations.append(conversation)
        take = self.takes[min(self.conversations.index(conversation), len(self.takes) - 1)]
        return take[min(number, len(take) - 1)]


class ScriptedModel:
    """The server. Used with `with`; `url` is what a program takes for the API's address."""

    def __init__(self, log: Path | None = None) -> None:
        self.requests: list[Json] = []
        self.keys: set[str] = set()
        self.ended = threading.Event()
        self._log = log
        self._lock = threading.Lock()
        self._scripts: dict[str, Script] = {}
        self._met: dict[tuple[str, str, int], int] = {}
        self._improvise: Callable[[Path], Sequence[Turn]] | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"model": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def plays(self, name: str, *takes: Sequence[Turn], opens: str | None = None) -> str:
        """Learn a script; returns the address at which it is always this one."""
        with self._lock:
            self._scripts[name] = Script(list(takes), opens)
        return f"{self.url}/s/{name}"

    def improvises(self, turns: Callable[[Path], Sequence[Turn]]) -> None:
        """Ask for the turns of each conversation that no script opens, by its working directory."""
        self._improvise = turns

    def asked(self, name: str) -> list[Json]:
        """The requests of one script, in order."""
        with self._lock:
            return [request for request in self.requests if request.get("script") == name]

    def answer(self, path: str, headers: dict[str, str], body: Json) -> Turn:
        """The turn that a request gets (without its trouble, when that is over). Raises KeyError without a script."""
        messages = [message for message in body.get("messages", []) if message.get("role") in ("user", "assistant")]
        conversation = headers.get("x-claude-code-session-id", "")
        cwd = _working_directory(body)
        with self._lock:
            self.keys.add(headers.get("x-api-key", ""))
            name = self._named(path, messages) or conversation
            if name not in self._scripts and self._improvise is not None:
                self._scripts[name] = Script([self._improvise(Path(cwd))])
            script = self._scripts[name]
            number = sum(message["role"] == "assistant" and _is_ours(message) for message in messages)
            turn = script.turn(conversation, number)
            met = self._met[name, conversation, number] = self._met.get((name, conversation, number), 0) + 1
            if turn.trouble is not None and turn.trouble.times is not None and met > turn.trouble.times:
                turn = replace(turn, trouble=None)
        self.note(script=name, turn=number, conversation=conversation, headers=_shown(headers), body=body)
        return _placed(turn, cwd)

    def note(self, **what: Any) -> None:
        """Keep a request, in memory and in the log."""
        with self._lock:
            self.requests.append({"n": len(self.requests) + 1, "at": round(time.time(), 3), **what})
            if self._log is not None:
                with self._log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(self.requests[-1]) + "\n")

    def _named(self, path: str, messages: list[Json]) -> str | None:
        by_url = re.match(r"/s/([\w.-]+)/", path)
        if by_url:
            return by_url[1]
        first = next((text_of(message["content"]) for message in messages if message["role"] == "user"), "")
        fits = (name for name, script in self._scripts.items() if script.opens and script.opens in first)
        return next(fits, None)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: ScriptedModel

    def log_message(self, format: str, *args: Any) -> None:
        """Silence: the model keeps its own log."""

    def do_HEAD(self) -> None:
        self._send(200, b"")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        path = self.path.partition("?")[0]
        if path.endswith("/count_tokens"):
            return self._send_json(200, {"input_tokens": len(json.dumps(body)) // 4})
        if not path.endswith("/v1/messages"):
            self.model.note(unknown=self.path)
            return self._send_json(404, _error("not_found_error", "no such path"))
        try:
            turn = self.model.answer(path, {name.lower(): value for name, value in self.headers.items()}, body)
        except KeyError:
            self.model.note(without_script=path, body=body)
            return self._send_json(404, _error("not_found_error", "no script fits"))
        self.model.ended.wait(turn.seconds)
        if turn.trouble is not None:
            return self._trouble(turn.trouble, body)
        return self._stream(turn, body) if body.get("stream") else self._send_json(200, _message(turn, body))

    def _trouble(self, trouble: Trouble, body: Json) -> None:
        if trouble.silent:
            self.model.ended.wait(900)
            self.close_connection = True
        elif trouble.body is not None:
            self._send(trouble.status or 200, trouble.body.encode(), "text/html")
        elif trouble.breaks_off:
            self._begin_stream()
            for event in list(_events(_message(says("half of a sen"), body)))[:3]:
                self._event(event)
        else:
            self._send_json(trouble.status or 500, _error(trouble.kind, trouble.message))

    def _stream(self, turn: Turn, body: Json) -> None:
        self._begin_stream()
        for event in _events(_message(turn, body)):
            self._event(event)

    def _begin_stream(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()

    def _event(self, event: Json) -> None:
        self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()

    def _send_json(self, status: int, body: Json) -> None:
        self._send(status, json.dumps(body).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


_ids = count(1)


def _message(turn: Turn, body: Json) -> Json:
    """A whole answer, as a request that does not stream gets it."""
    content: list[Json] = [{"type": "text", "text": turn.text}] if turn.text else []
    content += [{"type": "tool_use", "id": f"toolu_{next(_ids):08}", "name": n, "input": i} for n, i in turn.tools]
    return {
        "id": f"msg_{next(_ids):08}",
        "type": "message",
        "role": "assistant",
        "model": body.get("model"),
        "content": content,
        "stop_reason": "tool_use" if turn.tools else "end_turn",
        "stop_sequence": None,
        "usage": turn.usage.as_json(),
    }


def _events(message: Json) -> Iterator[Json]:
    """The same answer as a stream tells it."""
    begun = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            empty: Json = {"type": "text", "text": ""}
            delta = {"type": "text_delta", "text": block["text"]}
        else:
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": message["usage"]}
    yield {"type": "message_stop"}


def _error(kind: str, message: str) -> Json:
    return {"type": "error", "error": {"type": kind, "message": message}}


def text_of(content: Any) -> str:
    """All the text in a message's content."""
    if isinstance(content, str):
        return content
    return "\n".join(text_of(b.get("text") or b.get("content") or "") for b in content if isinstance(b, dict))


def _is_ours(message: Json) -> bool:
    """Whether an answer is the model's: a program that goes on in a session puts words into its mouth."""
    return text_of(message["content"]) != "No response requested."


def _working_directory(body: Json) -> str:
    """Where the program says it works."""
    said = re.search(r"Primary working directory: (/[^\\\n\"]+)", json.dumps(body, ensure_ascii=False))
    return said[1].strip() if said else ""


def _placed(turn: Turn, cwd: str) -> Turn:
    tools = tuple((name, {k: _put(v, cwd) for k, v in given.items()}) for name, given in turn.tools)
    return replace(turn, tools=tools)


def _put(value: Any, cwd: str) -> Any:
    return value.replace("{cwd}", cwd) if isinstance(value, str) else value


def _shown(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in ("authorization", "x-api-key", "cookie")}
