"""HTTP under the edge: how long a head may be, and how slowly a request may come, whoever sends it."""

import asyncio
import json
from http import HTTPStatus

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD = 64 * 1024
"""Looked at after each piece that comes: a head that is here at once, in one of at most 256 KiB, is read."""
SLOWEST_SECONDS = 20.0
"""Within which a whole request must be here. GitHub gives a delivery up after ten seconds, an Enterprise Server after
thirty, but neither needs that long to send one."""


def http_config(app: FastAPI) -> uvicorn.Config:
    """How the edge is served."""
    return uvicorn.Config(app, http=BoundedHttp, log_config=None, access_log=False, lifespan="off")


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol, which by itself would wait for a request, and take in its headers, without end."""

    _deadline: asyncio.TimerHandle | None = None
    _head = 0
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody is there, and has to say something."""
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come."""
        self._complete()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some more of a request."""
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > LONGEST_HEAD:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"the head is longer than {LONGEST_HEAD} bytes")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._begin()

    def on_headers_complete(self) -> None:
        """Its head is here."""
        self._head, self._in_head = 0, False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is here."""
        self._complete()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Like every other refusal, a line of JSON."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _begin(self) -> None:
        self._in_head = True
        if self._deadline is None:
            self._deadline = self.loop.call_later(SLOWEST_SECONDS, self._too_slow)

    def _complete(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"the request did not come within {SLOWEST_SECONDS:.0f} seconds")

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        if self.transport.is_closing():
            return
        body = json.dumps({"error": reason}).encode()
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.transport.close()
