"""The edge over real HTTP: verify, store, answer; each refusal a line of JSON that says why."""

import hmac
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from tests.entrypoints.conftest import LARGEST, Edge, NewEdge, comment, signature


def refused(answer: httpx.Response, status: int, *words: str) -> None:
    """A refusal: this status, and one line of JSON with a reason."""
    assert answer.status_code == status, answer.text
    assert "\n" not in answer.text
    reason = answer.json()["error"]
    assert all(word in reason for word in words), reason


def test_a_signed_delivery_is_stored_with_its_reader_and_answered(edge: Edge) -> None:
    answer = edge.delivers()
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    assert edge.stored() == [("guid-1", "issue_comment", "received")]
    assert edge.readers() == [("inbox:guid-1:1", "ENQUEUED")]


def test_a_repeated_delivery_is_known_and_read_once(edge: Edge) -> None:
    edge.delivers()
    again = edge.delivers()
    assert (again.status_code, again.json()) == (202, {"status": "known"})
    assert len(edge.stored()) == len(edge.readers()) == 1


def test_a_delivery_whose_reading_failed_is_read_again(edge: Edge) -> None:
    edge.delivers()
    edge.executes("UPDATE deliveries SET status = 'failed'")
    assert edge.delivers().status_code == 202
    assert edge.stored() == [("guid-1", "issue_comment", "received")]
    assert [reader for reader, _ in edge.readers()] == ["inbox:guid-1:1", "inbox:guid-1:2"]


def test_the_same_delivery_many_times_at_once_is_stored_once(edge: Edge) -> None:
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(edge.delivers())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [202] * 8
    assert sorted(answer.json()["status"] for answer in answers) == ["accepted"] + ["known"] * 7
    assert len(edge.readers()) == 1


@pytest.mark.parametrize(
    "signed",
    ["", "sha256=", "sha256=" + "0" * 64, signature(b"another body"), signature(b"", "another secret"), "sha1=abc"],
)
def test_a_bad_or_missing_signature_is_401(new_edge: NewEdge, signed: str) -> None:
    edge = new_edge("sqlite")
    refused(edge.delivers(x_hub_signature_256=signed), 401, "signature", "secret")
    assert edge.stored() == []


def test_the_signature_is_of_the_raw_body_and_not_of_its_meaning(new_edge: NewEdge) -> None:
    edge = new_edge("sqlite")
    spaced = json.dumps(comment(), indent=3).encode()
    assert edge.posts(spaced).status_code == 202
    same_meaning = json.dumps(comment()).encode()
    refused(edge.posts(same_meaning, "guid-2", x_hub_signature_256=signature(spaced)), 401, "signature")


def test_signatures_are_compared_in_constant_time(new_edge: NewEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def spying(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", spying)
    edge = new_edge("sqlite")
    body = json.dumps(comment()).encode()
    edge.posts(body)
    assert compared == [(signature(body).encode(), signature(body).encode())]


def test_the_signature_comes_before_whatever_a_stranger_could_learn(new_edge: NewEdge) -> None:
    edge = new_edge("sqlite")
    refused(edge.posts(b"not JSON", None, None, x_hub_signature_256="sha256=0"), 401, "signature")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 3000, "JSON"),
        (b"[]", "object"),
        (b'"text"', "object"),
        (b"null", "object"),
    ],
)
def test_a_malformed_body_is_400(new_edge: NewEdge, body: bytes, word: str) -> None:
    edge = new_edge("sqlite")
    refused(edge.posts(body), 400, word)
    assert edge.stored() == []


def test_text_that_no_database_could_keep_is_kept_all_the_same(edge: Edge) -> None:
    assert edge.posts(b'{"a": "\\u0000\\ud800"}').status_code == 202


def test_an_odd_id_is_kept_as_it_is(edge: Edge) -> None:
    odd = "% ' \\ \" ; --"
    assert edge.posts(b"{}", odd, odd).status_code == 202
    assert edge.stored() == [(odd, odd, "received")]


@pytest.mark.parametrize(
    ("delivery", "event", "name"),
    [
        (None, "issues", "X-GitHub-Delivery"),
        ("guid", None, "X-GitHub-Event"),
        ("g" * 101, "issues", "X-GitHub-Delivery"),
        ("guid", "e" * 101, "X-GitHub-Event"),
    ],
)
def test_missing_or_absurd_headers_are_400(
    new_edge: NewEdge, delivery: str | None, event: str | None, name: str
) -> None:
    refused(new_edge("sqlite").delivers(delivery=delivery, event=event), 400, name)


def test_a_body_declared_too_large_is_413_before_it_is_sent(new_edge: NewEdge) -> None:
    edge = new_edge("sqlite")
    with socket.create_connection(("127.0.0.1", edge.settings.port), timeout=10) as connection:
        head = f"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {LARGEST + 1}"
        connection.sendall(f"{head}\r\n\r\n".encode())
        answer = ""
        while f"larger than {LARGEST} bytes" not in answer:
            received = connection.recv(65536).decode()
            assert received, answer
            answer += received
    assert answer.startswith("HTTP/1.1 413")


def test_a_chunked_body_is_413_as_soon_as_it_is_too_large(new_edge: NewEdge) -> None:
    edge = new_edge("sqlite")
    sent, most = 0, 50 * 1024 * 1024

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < most:
            sent += 65536
            yield b" " * 65536

    with suppress(httpx.TransportError):  # Closing the connection on us would be as good.
        answer = edge.http.post("/webhook", content=endless(), headers={"content-type": "application/json"})
        refused(answer, 413, "larger than", str(LARGEST))
    assert sent < most
    assert edge.delivers().status_code == 202


def test_exactly_the_largest_body_is_taken(new_edge: NewEdge) -> None:
    short = json.dumps(comment(pad="")).encode()
    body = json.dumps(comment(pad="x" * (LARGEST - len(short)))).encode()
    assert len(body) == LARGEST
    assert new_edge("sqlite").posts(body).status_code == 202


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_405(new_edge: NewEdge, method: str) -> None:
    answer = new_edge("sqlite").http.request(method, "/webhook")
    refused(answer, 405, "POST")
    assert answer.headers["allow"] == "POST"


def test_another_path_is_404(new_edge: NewEdge) -> None:
    refused(new_edge("sqlite").http.post("/elsewhere"), 404, "/webhook")


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", ""])
def test_another_content_type_is_415(new_edge: NewEdge, kind: str) -> None:
    refused(new_edge("sqlite").delivers(content_type=kind), 415, "application/json")


def test_ready_says_whether_the_database_answers(edge: Edge) -> None:
    answer = edge.http.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
    assert edge.http.get("/healthz").json() == {"status": "ok"}
