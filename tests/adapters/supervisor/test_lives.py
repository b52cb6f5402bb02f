"""The lives of an attempt, whatever moment a worker is killed at while the next one is begun; and agents that no
worker is there for."""

import os
import threading
import time
from pathlib import Path

import pytest

from bot.adapters.supervisor import files, lives
from bot.adapters.supervisor.beat import ALONE, BEAT, Silence
from bot.adapters.supervisor.supervisors import Supervisors
from bot.domain.agents import AgentStatus
from tests.adapters.supervisor.attempts import Attempts, gone, until

LEFT = {name: f"of the first: {name}" for name in (*lives._LEFT, files.LAUNCH, files.RESULT)}


@pytest.mark.parametrize("renames", range(9))
def test_another_life_is_begun_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    for name, text in LEFT.items():
        (tmp_path / name).write_text(text)
    left, replace = iter(range(renames)), Path.replace

    def dies(self: Path, target: Path) -> Path:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dies)
        try:
            lives.begin_another(tmp_path, "the second")
        except KeyboardInterrupt:
            assert (tmp_path / files.RESULT).exists(), "nothing may start yet"
            assert lives.earlier(tmp_path) == []
    if (tmp_path / files.RESULT).exists():
        lives.begin_another(tmp_path, "the second")
    (first,) = lives.earlier(tmp_path)
    assert {file.name: file.read_text() for file in first.iterdir()} == LEFT
    assert (tmp_path / files.LAUNCH).read_text() == "the second"
    assert not [name for name in LEFT if name != files.LAUNCH and (tmp_path / name).exists()]


def test_an_agent_without_a_session_does_not_go_on(attempts: Attempts) -> None:
    attempts.start('note("begun"); sleep()')
    attempts.noted("begun")
    attempts.kill_all()
    assert attempts.wait().status is AgentStatus.LOST
    assert not attempts.supervisors.go_on(attempts.request())


# Orphans


def patient(attempts: Attempts, seconds: float | None, *, waits_alone: bool = False) -> Path:
    """Supervisors of this kind from now on; the file that their workers touch."""
    root = attempts.folder / "attempts"
    attempts.supervisors = Supervisors(
        root, agent_calls_file=attempts.calls_file, worker_patience_seconds=seconds, waits_alone=waits_alone
    )
    root.mkdir(exist_ok=True)
    return root / BEAT


def test_without_a_worker_an_agent_is_stopped_and_says_why_and_what_it_cost(attempts: Attempts) -> None:
    patient(attempts, 1.0).touch()
    attempts.start('say(0.5); note("begun"); sleep()')
    result = attempts.wait()
    assert (result.status, result.cost_usd) == (AgentStatus.INTERRUPTED, 0.5)
    assert result.detail == "no worker of this machine has been seen for 1 seconds"
    assert (attempts.directory() / files.UNASKED).exists()
    assert gone(attempts.pid_of(files.AGENT))
    until(lambda: not attempts.left_over())  # its supervisor ends after it has said so


@pytest.mark.parametrize("patience", [None, 1.0], ids=["for ever", "of workers that show no beat"])
def test_an_agent_works_on_without_a_worker_where_it_may(attempts: Attempts, patience: float | None) -> None:
    beat = patient(attempts, patience)
    if patience is None:
        beat.touch()
    attempts.start('time.sleep(2.5); answer(summary="built")')
    assert attempts.wait().status is AgentStatus.OK


@pytest.mark.parametrize("waits_alone", [True, False])
@pytest.mark.parametrize("alone", [True, False])
def test_without_another_machine_an_agent_may_work_on_too(attempts: Attempts, waits_alone: bool, alone: bool) -> None:
    beat = patient(attempts, 1.0, waits_alone=waits_alone)
    beat.touch()
    if alone:
        beat.with_name(ALONE).touch()
    attempts.start('time.sleep(2.5); answer(summary="built")')
    works_on = waits_alone and alone
    assert attempts.wait().status is (AgentStatus.OK if works_on else AgentStatus.INTERRUPTED)


def test_as_long_as_a_worker_beats_an_agent_works_on(attempts: Attempts) -> None:
    """Whatever the machine's clock says: each beat here is a day before the last one."""
    beat, over = patient(attempts, 1.0), threading.Event()
    beat.touch()

    def beats() -> None:
        day = time.time_ns()
        while not over.wait(0.1):
            day -= 86400 * 10**9
            os.utime(beat, ns=(day, day))

    thread = threading.Thread(target=beats)
    thread.start()
    attempts.start('time.sleep(3); answer(summary="built")')
    assert attempts.wait().status is AgentStatus.OK
    over.set()
    thread.join()


def test_a_silence_ends_with_every_beat(tmp_path: Path) -> None:
    silence = Silence(tmp_path)
    assert silence.seconds() == 0.0
    (tmp_path / BEAT).touch()
    assert silence.seconds() < 1
    before = until(lambda: (now := silence.seconds()) > 0.2 and now)
    (tmp_path / BEAT).touch()
    assert silence.seconds() < before
