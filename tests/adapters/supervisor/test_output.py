"""What agents do to their pipes: flood them, close them, ignore them."""

import os
from pathlib import Path

from bot.adapters.supervisor import files
from bot.adapters.supervisor.streams import Capture, Lines, Reported
from bot.domain.agents import AgentStatus
from tests.adapters.supervisor.attempts import Attempts


def test_a_flood_without_a_newline_is_bounded_and_its_end_kept(attempts: Attempts) -> None:
    result = attempts.run(
        """
        for _ in range(300):
            sys.stdout.write("x" * 100_000)
        print()
        print(json.dumps({"status": "ok", "summary": "after all"}))
        """,
        stdout_limit=200_000,
    )
    assert (result.status, result.summary) == (AgentStatus.OK, "after all")
    text = (attempts.directory() / files.STDOUT).read_bytes()
    assert len(text) < 201_000
    assert b"bytes left out]" in text


def test_an_agent_that_closes_its_output_and_lives_is_waited_for(attempts: Attempts) -> None:
    result = attempts.run(
        'say(0.1); os.close(1); os.close(2); time.sleep(0.6); answer(summary="built")', idle_seconds=30
    )
    assert (result.status, result.summary) == (AgentStatus.OK, "built")
    assert result.seconds >= 0.6


def test_an_agent_may_exit_without_reading_what_it_was_sent(attempts: Attempts) -> None:
    result = attempts.run('answer(summary="built")', stdin="x" * 3_000_000)
    assert result.status is AgentStatus.OK


def test_an_agent_reads_all_that_it_was_sent(attempts: Attempts) -> None:
    result = attempts.run("answer(summary=str(len(sys.stdin.read())))", stdin="x" * 3_000_000)
    assert result.summary == "3000000"


def test_a_program_that_does_not_exist_is_named(attempts: Attempts) -> None:
    launch = attempts.launch("").model_copy(update={"argv": ("no-such-program",)})
    attempts.supervisors.start(attempts.request(), launch)
    result = attempts.wait()
    assert result.status is AgentStatus.CLI_ERROR
    assert "no-such-program: No such file or directory" in result.detail


def test_a_workspace_that_does_not_exist_is_named(attempts: Attempts) -> None:
    result = attempts.run("", cwd=str(attempts.folder / "nowhere"))
    assert result.status is AgentStatus.CLI_ERROR
    assert "No such file or directory" in result.detail


def test_capture_keeps_both_ends(tmp_path: Path) -> None:
    for limit in (1, 2, 10, 11, 25, 26, 100):
        for size in (1, 3, 26):
            capture = Capture(tmp_path / "out", limit)
            alphabet = b"abcdefghijklmnopqrstuvwxyz"
            for at in range(0, 26, size):
                capture.feed(alphabet[at : at + size])
            capture.close()
            head, gap, tail = (tmp_path / "out").read_bytes().partition(b"\n[")
            if limit >= 26:
                assert (head, gap) == (alphabet, b"")
            else:
                left_out, _, end = tail.partition(b" bytes left out]\n")
                assert head == alphabet[: limit - limit // 2]
                assert end == (alphabet[-(limit // 2) :] if limit > 1 else b"")
                assert int(left_out) == 26 - limit


def test_lines_survive_any_cut_and_drop_the_endless() -> None:
    seen: list[bytes] = []
    lines = Lines(seen.append)
    for piece in (b"a", b"b\nc\n", b"", b"\nd", b"e"):
        lines.feed(piece)
    lines.close()
    for _ in range(40):
        lines.feed(b"x" * 65536)
    lines.feed(b"\nlast\n")
    assert seen == [b"ab", b"c", b"", b"de", b"last"]


def test_reports_never_fall_and_nonsense_is_ignored() -> None:
    reported = Reported()
    for line in (
        b'{"event": "progress", "cost_usd": 2, "input_tokens": 5, "message": "m"}',
        b'{"event": "progress", "cost_usd": 1, "input_tokens": 4}',
        b'{"event": "progress", "cost_usd": true, "input_tokens": -1, "message": 3}',
        b'{"event": "progress", "cost_usd": NaN, "output_tokens": 1e999}',
        b'{"event": "progress"',
        b'{"event": "other", "cost_usd": 9, "what": "progress"}',
        b'["progress"]',
    ):
        reported.feed(line)
    assert reported.values == {"cost_usd": 2.0, "input_tokens": 5, "message": "m"}


def test_only_plain_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "real").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "link", "folder", "absent", "real/below"):
        assert files.read_regular(tmp_path / name) is None
    assert files.read_json(tmp_path / "real") == {}
    assert files.write_once(tmp_path / "real", "[]") is False
    assert (tmp_path / "real").read_text() == "{}"
