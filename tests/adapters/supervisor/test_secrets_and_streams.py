"""Secrets never reach a file, and programs that speak Claude's stream are counted, heard and let go."""

import itertools
import json
from pathlib import Path

import pytest

from bot.adapters.supervisor.claude_stream import ClaudeStream
from bot.adapters.supervisor.redaction import Redactor, secrets_in
from bot.domain.agents import AgentStatus
from tests.adapters.supervisor.attempts import Attempts

SECRET = b'sk-ant-"quoted"\\key'


def redacted(*pieces: bytes, secrets: tuple[bytes, ...] = (SECRET,)) -> bytes:
    redactor = Redactor(secrets)
    return b"".join([*(redactor.feed(piece) for piece in pieces), redactor.close()])


@pytest.mark.parametrize("first", range(len(SECRET) + 5))
def test_a_secret_is_found_wherever_the_stream_is_cut(first: int) -> None:
    text = b"so " + SECRET + b" it is"
    for second in range(first, len(text)):
        assert redacted(text[:first], text[first:second], text[second:]) == b"so [redacted] it is"


def test_what_only_begins_like_a_secret_is_passed_on() -> None:
    assert redacted(b"sk-ant-", b"other", b" sk-ant-") == b"sk-ant-other sk-ant-"
    assert redacted(b"sk-", b"sk-ant-", SECRET[7:]) == b"sk-[redacted]"


def test_nothing_is_held_back_without_need() -> None:
    redactor = Redactor((SECRET,))
    assert redactor.feed(b"a line\n") == b"a line\n"
    assert Redactor(()).feed(b"sk-ant-") == b"sk-ant-"


def test_a_secret_is_known_in_all_its_shapes(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(SECRET + b"\n")
    (tmp_path / "short").write_text("abc\n")
    secrets = secrets_in([str(tmp_path / "key"), str(tmp_path / "short"), str(tmp_path / "none")])
    assert SECRET in secrets
    assert redacted(json.dumps({"k": SECRET.decode()}).encode(), secrets=secrets) == b'{"k": "[redacted]"}'
    assert redacted(b"abc", secrets=secrets) == b"abc"


def test_secrets_of_an_attempt_reach_no_file(attempts: Attempts, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("a-key-nobody-may-see\n")
    attempts.run(
        f"""
        import sys, time
        key = open({str(key)!r}).read().strip()
        for stream in (sys.stdout, sys.stderr):
            for piece in (key[:6], key[6:] + ".\\n"):
                stream.write(piece); stream.flush(); time.sleep(0.05)
        print('{{"event": "progress", "message": "' + key + '", "cost_usd": 0.1}}', flush=True)
        """,
        secret_files=(str(key),),
    )
    texts = {path.name: path.read_bytes() for path in attempts.directory().iterdir() if path.is_file()}
    assert not [name for name, text in texts.items() if b"nobody-may-see" in text]
    assert texts["stdout"].startswith(b"[redacted].\n")
    assert texts["stderr"] == b"[redacted].\n"
    assert b"[redacted]" in texts["progress.json"]


def test_what_looked_like_a_secret_to_the_very_end_is_kept(attempts: Attempts, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("a-key-nobody-may-see\n")
    attempts.run("import sys; sys.stdout.write('It was a-key-nobody'); sys.stdout.flush()", secret_files=(str(key),))
    assert (attempts.directory() / "stdout").read_bytes() == b"It was a-key-nobody"


USAGE = {"input_tokens": 10, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 2, "output_tokens": 1}


def start(message: str, model: str = "m1", **usage: int) -> bytes:
    begun = {"id": message, "model": model, "usage": {**USAGE, **usage}}
    return json.dumps({"type": "stream_event", "event": {"type": "message_start", "message": begun}}).encode()


def delta(**usage: int) -> bytes:
    return json.dumps({"type": "stream_event", "event": {"type": "message_delta", "usage": usage}}).encode()


def whole(message: str, *content: object, model: str = "m1") -> bytes:
    said = {"id": message, "model": model, "content": content, "usage": USAGE}
    return json.dumps({"type": "assistant", "message": said}).encode()


def test_tokens_are_counted_once_a_message_and_by_model() -> None:
    stream = ClaudeStream()
    for line in (
        start("a"),
        whole("a"),
        whole("a"),
        delta(output_tokens=40),
        whole("a"),
        start("b", "m2"),
        whole("b", model="m2"),
    ):
        stream.feed(line)
    assert stream.values["input_tokens"] == 34
    assert stream.values["output_tokens"] == 41
    assert stream.values["usage"]["m1"] == {"input": 10, "cache_read": 5, "cache_write": 2, "output": 40}
    assert stream.values["usage"]["m2"]["output"] == 1


def test_made_up_messages_of_the_program_cost_nothing() -> None:
    stream = ClaudeStream()
    stream.feed(whole("x", {"type": "text", "text": "API Error: 529"}, model="<synthetic>"))
    assert "usage" not in stream.values
    assert stream.values["message"] == "API Error: 529"


def test_what_it_does_is_told_in_a_line() -> None:
    stream = ClaudeStream()
    stream.feed(b'{"type": "system", "subtype": "init", "cwd": "/srv", "session_id": "s1"}')
    stream.feed(whole("a", {"type": "text", "text": "\nFirst line\nsecond"}))
    assert stream.values["message"] == "First line"
    stream.feed(whole("a", {"type": "tool_use", "name": "Edit", "input": {"file_path": "/srv/src/a.py"}}))
    assert (stream.values["message"], stream.values["session_id"]) == ("Edit src/a.py", "s1")


HOSTILE = [
    b"",
    b"[]",
    b"{",
    b"null",
    b'{"type": "assistant"}',
    b'{"type": "assistant", "message": {"content": [1, {}]}}',
]
HOSTILE += [
    b'{"type": "stream_event", "event": 7}',
    b'{"type": "stream_event", "event": {"type": "message_start"}}',
    delta(output_tokens=3),
]
HOSTILE += [
    b'{"type": "result", "total_cost_usd": "NaN"}',
    b"[" * 100_000,
    whole("a", {"type": "tool_use", "input": 3}),
]
HOSTILE += [
    start("a", output_tokens=-5),
    start("a", output_tokens=10**15),
    b'{"type": "result", "total_cost_usd": true}',
]


def test_nothing_that_is_printed_can_break_it() -> None:
    for lines in itertools.pairwise(HOSTILE):
        stream = ClaudeStream()
        for line in lines:
            stream.feed(line)
        json.dumps(stream.values, allow_nan=False)
        assert stream.values.get("cost_usd", 0) == 0
        assert 0 <= stream.values.get("output_tokens", 0) < 100


def test_a_program_that_waits_for_more_input_is_let_go_after_its_result(attempts: Attempts) -> None:
    result = attempts.run(
        """
        import sys
        print('{"type": "stream_event", "event": {}}')
        print('{"type": "result", "total_cost_usd": 0.25}', flush=True)
        note("heard", sys.stdin.read() + "end")
        """,
        stdin="the task\n",
        interrupt_line="stop\n",
        speaks="claude",
    )
    assert attempts.noted("heard") == "the task\nend"
    assert result.cost_usd == 0.25
    assert (attempts.directory() / "stdout").read_bytes() == b'{"type": "result", "total_cost_usd": 0.25}\n'


def test_a_line_asks_it_to_stop(attempts: Attempts) -> None:
    attempts.start(
        """
        import sys
        note("task", sys.stdin.readline())
        note("asked", sys.stdin.readline())
        print('{"type": "result", "total_cost_usd": 0.5}', flush=True)
        sys.stdin.read()
        """,
        stdin="the task\n",
        interrupt_line="stop\n",
        speaks="claude",
        ladder=(("line", 20.0),),
    )
    assert attempts.noted("task") == "the task"
    attempts.supervisors.request_stop(attempts.ref(), "enough")
    result = attempts.wait()
    assert attempts.noted("asked") == "stop"
    assert (result.status, result.cost_usd) == (AgentStatus.INTERRUPTED, 0.5)
    assert result.seconds < 15
