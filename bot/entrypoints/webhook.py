"""The edge: verify a delivery, store it, answer. Everything else happens behind the inbox."""

import asyncio
import hmac
import json
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from hashlib import sha256
from typing import Any

import anyio
import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from bot.domain.payloads import thread_of

log = logging.getLogger("issuewright.webhook")
PATIENCE_SECONDS = 3.0
"""How long a delivery may wait for the database; GitHub itself gives up after ten seconds."""
_LARGE = 1 << 18
_READ_SECONDS = 10.0
"""How long a body may take: as long as GitHub itself waits for an answer."""
_HANG_UP = {"connection": "close"}

Store = Callable[[str, str, str, str], "Future[bool]"]
"""Keeps (delivery id, event, payload, what it is about) and wakes its reader, without waiting for that; False when it
was here before."""
Ready = Callable[[], str | None]
"""Why the service cannot take work now; None when it can."""


class _Room:
    """The bytes of deliveries that may be in memory at the same time; whoever takes them gives them back."""

    def __init__(self, limit: int) -> None:
        self._free = limit

    def take(self, count: int) -> bool:
        """False when there is no room for so many."""
        if count > self._free:
            return False
        self._free -= count
        return True

    def give(self, count: int) -> None:
        self._free += count


def create_app(*, secret: str, store: Store, ready: Ready, max_bytes: int, max_bytes_at_once: int) -> FastAPI:
    """The webhook service. `ready` may block: it runs in a thread."""
    app = FastAPI(title="Issuewright", docs_url=None, redoc_url=None, openapi_url=None)
    key, room, one_by_one = secret.encode(), _Room(max_bytes_at_once), threading.Lock()

    def parsed(body: bytes) -> dict[str, Any] | str:
        # In memory a payload that was parsed is several times as large.
        with one_by_one:
            return _payload(body)

    @app.post("/webhook")
    async def webhook(request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("application/json"):
            return _no(415, "send application/json: set the webhook's content type to that")
        body = bytearray()
        try:
            refusal = await _read(request, body, max_bytes, room)
            # When there is one, the rest of the body is still on its way: nobody is going to read it.
            return refusal or await answer(request, bytes(body))
        finally:
            room.give(len(body))

    async def answer(request: Request, body: bytes) -> Response:
        if not _is_signed(key, body, request.headers.get("x-hub-signature-256")):
            return _no(401, "the signature is missing or wrong: check the webhook's secret")
        delivery_id, event = request.headers.get("x-github-delivery"), request.headers.get("x-github-event")
        problem = _problem(delivery_id, event)
        if problem is not None or delivery_id is None or event is None:
            return _no(400, problem or "malformed")
        # Reading a large one takes so long that the others would notice.
        payload = await anyio.to_thread.run_sync(parsed, body) if len(body) > _LARGE else _payload(body)
        if isinstance(payload, str):
            return _no(400, payload)
        try:
            with anyio.fail_after(PATIENCE_SECONDS):
                new = await asyncio.wrap_future(store(delivery_id, event, body.decode(), thread_of(payload)))
        except TimeoutError:
            return _no(503, "the database is busy: deliver again later")
        except Exception:
            log.exception("delivery %s could not be stored", delivery_id)
            return _no(503, "the database is away: deliver again later")
        return JSONResponse({"status": "accepted" if new else "known"}, status_code=202)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        reason = {404: "deliveries go to /webhook", 405: "deliveries are sent by POST"}.get(error.status_code)
        return _no(error.status_code, reason or str(error.detail), error.headers)

    @app.get("/healthz")
    async def healthz() -> Response:
        return JSONResponse({"status": "ok"})

    @app.get("/readyz")
    async def readyz() -> Response:
        try:
            with anyio.fail_after(PATIENCE_SECONDS):
                reason = await anyio.to_thread.run_sync(ready, abandon_on_cancel=True)
        except TimeoutError:
            reason = "the database is busy"
        return JSONResponse({"status": "ready"}) if reason is None else _no(503, reason)

    return app


def _no(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": reason}, status_code=status, headers=headers)


async def _read(request: Request, body: bytearray, max_bytes: int, room: _Room) -> Response | None:
    """Read the raw body, which is what was signed, into `body`, as far as there is room for it; the answer to one that
    is too large, too slow, or too much with all the others."""
    too_large = _no(413, f"the delivery is larger than {max_bytes} bytes", _HANG_UP)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        return too_large
    try:
        with anyio.fail_after(_READ_SECONDS):
            async for chunk in request.stream():
                if len(body) + len(chunk) > max_bytes:
                    return too_large
                if not room.take(len(chunk)):
                    return _no(503, "too much is being delivered at once: deliver again later", _HANG_UP)
                body += chunk
    except TimeoutError:
        return _no(408, f"the delivery did not come within {_READ_SECONDS:.0f} seconds", _HANG_UP)
    return None


def _is_signed(key: bytes, body: bytes, signature: str | None) -> bool:
    expected = "sha256=" + hmac.new(key, body, sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), (signature or "").encode())


def _problem(delivery_id: str | None, event: str | None) -> str | None:
    """What is malformed about the headers of a delivery that is signed; None when nothing is."""
    if not delivery_id or len(delivery_id) > 100:
        return "the header X-GitHub-Delivery is missing or too long"
    if not event or len(event) > 100:
        return "the header X-GitHub-Event is missing or too long"
    return None


def _payload(body: bytes) -> dict[str, Any] | str:
    """What a delivery says, or why that cannot be read."""
    try:
        payload = json.loads(body.decode())
    except (ValueError, RecursionError):
        return "the body is not JSON"
    return payload if isinstance(payload, dict) else "the body is not a JSON object"
