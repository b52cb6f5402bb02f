"""The door that every request to the API and to git passes: who is it, does it fail on demand, and its line in
the request log, written before the answer leaves."""

import asyncio
import json
import re
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.localhub.api import json_response
from bot.localhub.auth import Caller, identify
from bot.localhub.clock import iso
from bot.localhub.controls import Fault, take_fault
from bot.localhub.errors import ApiError
from bot.localhub.hub import Hub

_GIT = re.compile(r"/[^/]+/[^/]+\.git(/|\Z)")
_MESSAGES = {
    401: "Bad credentials",
    403: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
    404: "Not Found",
    429: "API rate limit exceeded for this installation.",
}


class RequestLog:
    """One JSON line a request; `n` counts on over restarts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        content = path.read_bytes() if path.exists() else b""
        self._n = content.count(b"\n")
        self._file = path.open("ab")
        if content and not content.endswith(b"\n"):
            # A killed process left half a line.
            self._file.truncate(content.rfind(b"\n") + 1)

    def write(self, **entry: object) -> None:
        """Add a line; it is the operating system's when this returns."""
        self._n += 1
        self._file.write(json.dumps({"n": self._n, **entry}).encode() + b"\n")
        self._file.flush()

    def read(self, since: int) -> list[dict[str, Any]]:
        """The entries with an `n` above `since`."""
        lines = self._path.read_bytes().splitlines()[since:]
        return [json.loads(line) for line in lines]


def kind_of(path: str) -> str | None:
    """rest, graphql or git; None for what is not counted."""
    if path == "/api/graphql":
        return "graphql"
    if path.startswith("/api/"):
        return "rest"
    return "git" if _GIT.match(path) else None


class Gateway:
    """ASGI: wraps the application."""

    def __init__(self, app: ASGIApp, hub: Hub, log: RequestLog, hang_up: Callable[[Scope], None]) -> None:
        self._app = app
        self._hub = hub
        self._log = log
        self._hang_up = hang_up

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        kind = kind_of(scope["path"]) if scope["type"] == "http" else None
        if kind is None:
            await self._app(scope, receive, send)
            return
        await _Exchange(self._hub, self._log, self._hang_up, scope, kind).run(self._app, receive, send)


class _Exchange:
    """One request on its way through."""

    def __init__(self, hub: Hub, log: RequestLog, hang_up: Callable[[Scope], None], scope: Scope, kind: str) -> None:
        self._hub = hub
        self._log = log
        self._hang_up = hang_up
        self._scope = scope
        self._kind = kind
        self._started = time.monotonic()
        self._caller = Caller()
        self._fault: Fault | None = None

    async def run(self, app: ASGIApp, receive: Receive, send: Send) -> None:
        refusal = await asyncio.to_thread(self._enter)
        self._scope["localhub.caller"] = self._caller
        fault = self._fault
        if fault is not None and fault.when == "before":
            if fault.kind != "delay":
                await self._strike(fault, receive, send)
                return
            await asyncio.sleep(fault.seconds)
        if refusal is not None:
            headers = {"www-authenticate": 'Basic realm="GitHub"'} if self._kind == "git" else {}
            answer = json_response(refusal.body(), refusal.status, headers)
            await self._send_logged(answer, receive, send)
            return
        if fault is not None and fault.when == "after":
            kept: list[Message] = []

            async def keep(message: Message) -> None:
                kept.append(message)

            await app(self._scope, receive, keep)
            if fault.kind != "delay":
                await self._strike(fault, receive, send)
                return
            await asyncio.sleep(fault.seconds)
            for message in kept:
                await self._logged(send)(message)
            return
        await app(self._scope, receive, self._logged(send))

    def _enter(self) -> ApiError | None:
        """Identify the caller and see what befalls the request."""
        authorization = next(
            (value.decode("latin-1") for name, value in self._scope["headers"] if name == b"authorization"), None
        )
        refusal = None
        with self._hub.store.transaction():
            try:
                self._caller = identify(self._hub, authorization)
            except ApiError as problem:
                refusal = problem
            self._fault = take_fault(self._hub.store, self._scope["method"], self._scope["path"], self._caller.kind)
        return refusal

    async def _strike(self, fault: Fault, receive: Receive, send: Send) -> None:
        """Lose the answer, or replace it."""
        if fault.kind == "drop":
            self._write(0)
            self._hang_up(self._scope)
            await asyncio.sleep(0)
            return
        message = fault.message or _MESSAGES.get(fault.status, "Server Error")
        told, headers = {"message": message}, dict(fault.headers)
        is_git = ".git/" in self._scope["path"]  # which shows people what comes as plain text
        answer = (
            PlainTextResponse(message, fault.status, headers) if is_git else json_response(told, fault.status, headers)
        )
        await self._send_logged(answer, receive, send)

    async def _send_logged(self, answer: Response, receive: Receive, send: Send) -> None:
        await answer(self._scope, receive, self._logged(send))

    def _logged(self, send: Send) -> Send:
        async def logged(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._write(message["status"])
                if self._kind != "git":
                    message = {**message, "headers": [*message["headers"], *self._limit_headers(message["status"])]}
            await send(message)

        return logged

    def _limit_headers(self, status: int) -> list[tuple[bytes, bytes]]:
        """What GitHub says about limits in every answer; asking for them, or hearing nothing new, is free."""
        allowances, login = self._hub.allowances, self._caller.login
        free = status == 304 or self._scope["path"].endswith("/rate_limit")
        shown = allowances.show(login) if free else allowances.use(login)
        named = {f"x-ratelimit-{name}": str(value) for name, value in shown.items()}
        named |= {
            "x-ratelimit-resource": "graphql" if self._kind == "graphql" else "core",
            "x-github-request-id": uuid.uuid4().hex,
        }
        # What a fault says about limits stands.
        said = self._fault.headers if self._fault is not None and self._fault.kind == "status" else {}
        taken = {name.lower() for name in said}
        return [(name.encode(), value.encode()) for name, value in named.items() if name not in taken]

    def _write(self, status: int) -> None:
        """Status 0: the connection was dropped without an answer."""
        entry: dict[str, object] = {
            "at": iso(),
            "method": self._scope["method"],
            "path": self._scope["path"],
            "query": dict(parse_qsl(self._scope["query_string"].decode("latin-1"))),
            "status": status,
            "ms": round((time.monotonic() - self._started) * 1000, 1),
            "as": self._caller.kind,
            "login": self._caller.login,
            "kind": self._kind,
        }
        if self._fault is not None:
            entry["fault"] = f"{self._fault.when} {self._fault.kind}"
        self._log.write(**entry)
