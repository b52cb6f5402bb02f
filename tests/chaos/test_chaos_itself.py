"""What a campaign rests on: plans that come again, kinds that act, pictures in which a difference shows, a command
line that says how it ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.chaos.disk import Disk
from tests.chaos.picture import differences, journal_in_any_order, without_numbers
from tests.chaos.plan import make_plan
from tests.chaos.points import Points
from tests.chaos.resumes import Kill, Resumes
from tests.chaos.specs import KINDS, REJECTS, Kind
from tests.stories.points import POINTS
from tests.support.nursery import ROOT


def test_a_seed_gives_the_same_plan_again() -> None:
    plans = [list(make_plan(7, 50, postgres=True, workers=2)) for _ in range(2)]
    assert plans[0] == plans[1]
    assert sum(trouble.kind == "kill" for trouble in plans[0]) == 50
    assert plans[0][-1].kind == "kill"
    assert plans[0] != list(make_plan(8, 50, postgres=True, workers=2))


def test_every_trouble_is_planned_where_it_can_strike() -> None:
    kinds = {trouble.kind for trouble in make_plan(1, 400, postgres=True, workers=2)}
    assert kinds >= {"kill", "stop", "zombie", "agent", "supervisor", "agent paused", "supervisor paused"}
    assert kinds >= {"hub", "cut", "database", "database paused", "disk", "fault", "webhook", "release", "lag"}
    assert not {"database", "database paused", "zombie"} & {
        trouble.kind for trouble in make_plan(1, 400, postgres=False, workers=1)
    }


def test_all_points_are_armed_at_once_and_told_when_nobody_died_there(tmp_path: Path) -> None:
    points = Points("all")
    assert len(points.names) == sum(len(each) for each in POINTS.values())
    assert points.kinds == KINDS
    (tmp_path / "failpoints").mkdir()
    points.arm(tmp_path)
    assert points.not_reached() == list(points.names)
    (tmp_path / "failpoints" / points.names[0]).unlink()
    assert points.not_reached() == list(points.names[1:])
    points.disarm()
    assert points.not_reached() == []


def test_people_do_at_a_later_gate_what_they_did_at_the_last_one() -> None:
    kind = next(kind for kind in KINDS if kind.name == "rejected")
    assert [kind.act(f"merge:{number}") for number in (1, 2, 3)] == [
        REJECTS,
        kind.acts["merge:2"],
        kind.acts["merge:2"],
    ]
    assert kind.act("plan:1") is None
    assert Kind("one", acts={"works:builder:1": REJECTS}).act("works:builder:2") is None


def test_pictures_differ_where_they_do() -> None:
    picture = {"comments": [["one", "two"]], "journal": ["a", "b"], "pull request": {"merged": True}}
    assert differences(picture, picture) == []
    twice = {**picture, "comments": [["one", "two", "two"]]}
    assert differences(picture, twice) == ["/comments/0: unexpected two"]
    lost = {**picture, "journal": ["a", "c"]}
    assert differences(picture, lost) == ["/journal: unexpected c", "/journal: missing b"]
    assert len(differences(picture, {**picture, "pull request": {"merged": False}})) == 1
    assert differences({"text": "a\nb"}, {"text": "a\nc"}) == ["/text: -b", "/text: +c"]


def test_a_gate_that_was_decided_on_before_it_was_recorded_makes_no_difference() -> None:
    before, after = (
        journal_in_any_order([["gate_opening", "claim"], *opened, ["rejected", "comment:<id>:1"]])
        for opened in ([["gate_opened", "gate:merge:1:opened"]], [])
    )
    assert before == after
    assert before != journal_in_any_order([["gate_opening", "claim"]])
    counted = ("entry 25 of its journal", "entry 26 of its journal", "head:<sha>:13", "head:<sha>:14")
    assert {without_numbers(text, {}) for text in counted} == {"entry <n> of its journal", "head:<sha>:<n>"}


def test_a_kill_knows_the_runs_it_has_held_up() -> None:
    workflows = ["drive:acme--tally--3:7.1", "attempt:acme--tally--12.builder.1:0", "inbox:4d"]
    assert Kill(0.0, workflows).runs == {"acme--tally--3", "acme--tally--12"}
    assert str(Resumes((1.0, 2.0, 9.0), 4)) == "p50 2.0 s, max 9.0 s, 2 of 3 under 5 s (4 were struck again)"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_is_full_until_it_is_freed(tmp_path: Path) -> None:
    place = tmp_path / "worktrees"
    disk = Disk(place)
    if disk.missing:
        pytest.skip(disk.missing)
    try:
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            (place / "file").write_text("x" * 8192)
        disk.free()
        (place / "file").write_text("fits")
    finally:
        disk.close()
    assert not place.is_mount()
    assert (place / "file").read_text() == "fits"


@pytest.mark.parametrize("starts", [(), ("--warm",)], ids=["cold", "warm"])
def test_a_battle_that_is_interrupted_says_so_and_leaves_nothing_running(
    tmp_path: Path, starts: tuple[str, ...]
) -> None:
    directory = tmp_path / "battle"
    argv = [sys.executable, "-m", "tests.chaos", *starts, "--kills", "1", "--points", "none", "--dir", str(directory)]
    process = subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not (directory / "undisturbed" / "service.pid").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "without a verdict" in said
    assert [p for p in psutil.process_iter() if str(directory) in " ".join(_words(p))] == []
    assert not (directory / "undisturbed" / "data" / "worktrees").is_mount()


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
