"""`python -m tests.bench.load URL BODY HEADERS CONNECTIONS SECONDS`: as many POSTs as a server takes, from a process
of its own. Prints `{"requests", "seconds", "ms": […], "refused"}` as JSON."""

import asyncio
import itertools
import json
import secrets
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

_ACCEPTED = (b"HTTP/1.1 202", b"HTTP/1.1 200")


class _Sender(asyncio.Protocol):
    """One connection: the next request goes out when the answer to the last one is whole."""

    def __init__(self, load: "_Load") -> None:
        self._load = load
        self._answer = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, separator, body = self._answer.partition(b"\r\n\r\n")
        if separator and len(body) >= _length(head):
            self._load.note(time.perf_counter() - self._sent_at, head.startswith(_ACCEPTED))
            self._answer = b""
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._load.done()

    def _send(self) -> None:
        if self._load.is_over():
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(self._load.next_request())


class _Load:
    def __init__(self, path: str, headers: dict[str, str], body: bytes, connections: int, seconds: float) -> None:
        fixed = {**headers, "content-length": str(len(body)), "host": "bench"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fixed.items())
        self._head = f"POST {path} HTTP/1.1\r\n{lines}x-github-delivery: ".encode()
        self._tail = b"\r\n\r\n" + body
        self._ids = (f"{secrets.token_hex(8)}-{number}".encode() for number in itertools.count())
        self._end = time.perf_counter() + seconds
        self._open = connections
        self.finished = asyncio.Event()
        self.spent: list[float] = []
        self.refused = 0

    def next_request(self) -> bytes:
        """Each delivery has an id of its own."""
        return self._head + next(self._ids) + self._tail

    def is_over(self) -> bool:
        return time.perf_counter() >= self._end

    def note(self, seconds: float, accepted: bool) -> None:
        self.spent.append(seconds)
        self.refused += not accepted

    def done(self) -> None:
        self._open -= 1
        if self._open == 0:
            self.finished.set()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def _run(url: str, body: bytes, headers: dict[str, str], connections: int, seconds: float) -> dict[str, object]:
    address = urlsplit(url)
    host, port = address.hostname or "127.0.0.1", address.port or 80
    load = _Load(address.path, headers, body, connections, seconds)
    loop, begun = asyncio.get_running_loop(), time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(lambda: _Sender(load), host, port)
    await load.finished.wait()
    milliseconds = [round(spent * 1000, 2) for spent in load.spent]
    spent = time.perf_counter() - begun
    return {"requests": len(milliseconds), "seconds": spent, "ms": milliseconds, "refused": load.refused}


if __name__ == "__main__":
    _, target, body_file, header_file, number, duration = sys.argv
    sent_headers = json.loads(Path(header_file).read_text())
    print(
        json.dumps(asyncio.run(_run(target, Path(body_file).read_bytes(), sent_headers, int(number), float(duration))))
    )
