"""The server process: one hub, one port, from start to SIGTERM."""

import asyncio
import fcntl
import ipaddress
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, cast

import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bot.localhub.app import build_app
from bot.localhub.git_http import recover_pushes
from bot.localhub.hub import Hub
from bot.localhub.recording import Recording

_transports: dict[tuple[str, int], asyncio.Transport] = {}


class _Protocol(HttpToolsProtocol):
    """HTTP whose connections can be cut from inside a request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._peer = transport.get_extra_info("peername")[:2]
        _transports[self._peer] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        _transports.pop(self._peer, None)
        super().connection_lost(exc)


def _hang_up(scope: Scope) -> None:
    transport = _transports.get(tuple(scope["client"]))
    if transport is not None:
        transport.abort()


def _cut_others(scope: Scope) -> int:
    """Close every connection but that of this request; what was asked over them still takes place."""
    others = [transport for peer, transport in _transports.items() if peer != tuple(scope["client"])]
    for transport in others:
        transport.abort()
    return len(others)


class _Server(uvicorn.Server):
    """Writes the URL file when requests are answered."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            target = self._hub.directory / "url"
            new = target.with_suffix(".new")
            new.write_text(self._hub.base_url + "\n")
            os.replace(new, target)
            _say(self._hub.base_url)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def serve(directory: Path, port: int, bind: str, record: Path | None) -> None:
    """Serve until a signal; exits with a message when another process serves this directory, or the port is
    taken."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (directory / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"localhub: another process serves {directory}")
    (directory / "url").unlink(missing_ok=True)
    logging.basicConfig(
        filename=directory / "localhub.log", level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    address = ipaddress.ip_address(bind)
    if not address.is_loopback:
        _say(f"localhub: a development tool, now open to whoever reaches {bind}")
    listening = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((bind, port))
    except OSError as problem:
        sys.exit(f"localhub: cannot listen on {bind}:{port}: {problem.strerror}")
    hub = Hub(directory)
    host = "127.0.0.1" if address.is_unspecified else bind
    shown = f"[{host}]" if ":" in host else host
    hub.base_url = f"http://{shown}:{listening.getsockname()[1]}"
    with hub.store.transaction():
        hub.finish_ref_updates()
    recover_pushes(hub)
    config = uvicorn.Config(
        build_app(hub, _hang_up, _cut_others, Recording(record) if record else None),
        http=cast(Any, _Protocol),
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
    )
    # uvicorn stops in order, and then sends itself the signal once more: to end is all that is left to do.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    try:
        _Server(config, hub).run(sockets=[listening])
    except KeyboardInterrupt:
        pass  # Ctrl-C is how one stops it
    finally:
        hub.store.close()
