"""TLS in front of a PostgreSQL that was built without it: what a client sees is a server that speaks TLS."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

_TLS, _GSS = 80877103, 80877104
"""What a client may ask for before anything else, in eight bytes: the length (8), and one of these."""


@contextlib.contextmanager
def tls_door(port: int, certificate: Path, key: Path) -> Iterator[int]:
    """A port of 127.0.0.1 that leads to `port`, for those who ask for TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_open, args=(listener, port, context), daemon=True).start()
        yield int(listener.getsockname()[1])


def _open(listener: socket.socket, port: int, context: ssl.SSLContext) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_let_in, args=(client, port, context), daemon=True).start()


def _let_in(client: socket.socket, port: int, context: ssl.SSLContext) -> None:
    with contextlib.suppress(OSError), client:
        while (asked := int.from_bytes(client.recv(8, socket.MSG_WAITALL)[4:])) == _GSS:
            client.sendall(b"N")
        if asked != _TLS:
            return
        client.sendall(b"S")
        with (
            context.wrap_socket(client, server_side=True) as inside,
            socket.create_connection(("127.0.0.1", port)) as server,
        ):
            back = threading.Thread(target=_carry, args=(server, inside), daemon=True)
            back.start()
            _carry(inside, server)
            back.join()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
