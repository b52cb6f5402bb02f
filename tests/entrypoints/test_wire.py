"""What the edge does with requests that are no requests, before anybody has signed anything."""

import json
import logging
import socket

import pytest

from bot.entrypoints import wire
from tests.entrypoints.conftest import Edge, NewEdge

HEAD = b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def sends(edge: Edge, *parts: bytes) -> bytes:
    """Everything that is answered until the connection is closed."""
    with socket.create_connection((edge.settings.host, edge.settings.port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        answer = b""
        while received := connection.recv(65536):
            answer += received
        return answer


def refusal(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01 hello\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=["no HTTP", "a negative length", "two lengths"],
)
def test_what_is_no_request_is_told_so_in_json(new_edge: NewEdge, request_: bytes) -> None:
    edge = new_edge("sqlite")
    assert refusal(sends(edge, request_))[0] == 400
    assert edge.delivers().status_code == 202


@pytest.mark.parametrize(
    "begun",
    [b"", b"POST /web", HEAD, HEAD + b"Content-Length: 1000\r\n\r\n{"],
    ids=["nothing", "a line", "a head", "a body"],
)
def test_a_request_that_never_comes_is_not_waited_for(
    new_edge: NewEdge, begun: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wire, "SLOWEST_SECONDS", 0.3)
    caplog.set_level(logging.ERROR)
    edge = new_edge("sqlite")
    status, reason = refusal(sends(edge, begun))
    assert (status, "did not come" in reason) == (408, True)
    assert edge.delivers().status_code == 202
    assert edge.delivers(delivery="guid-2").status_code == 202, "one that came in time has all the time to be answered"
    assert not caplog.records, "it is nobody's fault but the client's"


def test_a_head_without_end_is_cut_off(new_edge: NewEdge) -> None:
    edge = new_edge("sqlite")
    status, reason = refusal(sends(edge, HEAD + b"X-Long: " + b"a" * (wire.LONGEST_HEAD + 1)))
    assert (status, "head" in reason) == (431, True)
    assert edge.delivers().status_code == 202
