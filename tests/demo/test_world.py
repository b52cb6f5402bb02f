"""Reading what the bot wrote: gates by their markers, stages by their trailers, agent calls line by line."""

from pathlib import Path

from bot.entrypoints.demo.world import read_agent_calls
from tests.demo import views


def test_gates_are_known_by_the_bots_markers_each_once() -> None:
    world = views.world(comments=(views.gate(1, 1), views.gate(2, 1), views.gate(3, 2)))
    assert [(gate.name, gate.round) for gate in world.gates] == [("merge", 1), ("merge", 2)]


def test_nobody_else_can_open_a_gate() -> None:
    quoted = views.comment(2, "> " + views.gate(1, 1).body, login="reporter")
    assert views.world(comments=(views.gate(1, 1, login="reporter"), quoted)).gates == ()


def test_other_comments_of_the_bot_are_no_gates() -> None:
    status = f"<!-- issuewright:{views.RUN}:status -->"
    assert views.world(comments=(views.comment(1, status),)).gates == ()
    assert views.world(comments=(views.comment(1, f"{status}\n{views.gate(1, 1).body}"),)).gates == ()


def test_trailers_are_read_and_costs_added_up() -> None:
    world = views.world(commits=(views.commit("build", 2, 0.02), views.commit("docs", 1, 0.5)))
    assert world.commits[0].trailers["Stage"] == "build"
    assert world.commits[0].trailers["Cost-USD"] == "0.02"
    assert world.cost_usd == 0.52


def test_a_line_that_is_still_being_written_is_left_for_later(tmp_path: Path) -> None:
    file = tmp_path / "agent-calls.jsonl"
    assert read_agent_calls(file) == ()
    line = (
        '{"attempt": "acme--tally--1.build.1", "run": "acme--tally--1", "stage": "build", "number": 1,'
        ' "agent": "scripted", "role": "builder", "at": "2026-11-20T10:00:00+00:00"}'
    )
    file.write_text(f"{line}\n{line[:20]}")
    (call,) = read_agent_calls(file)
    assert (call.stage, call.number, call.agent) == ("build", 1, "scripted")
