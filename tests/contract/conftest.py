"""Recordings of localhub in use: made once a test session, however many processes share it."""

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.drive import Company, deliveries_have_arrived, drive_everything
from tests.contract.recordings import Recording
from tests.localhub.harness import Localhub, Receiver

ROOT = Path(__file__).parents[2]
SWITCH = "LOCALHUB_RECORD"


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test session see."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own) / "contract"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def recordings(shared_folder: Path) -> dict[str, Recording]:
    """`demo`, a whole run of the service; `adapter`, the GitHub adapter's tests; `direct`, every operation."""
    files = {name: shared_folder / f"{name}.jsonl" for name in ("demo", "adapter", "direct")}
    with (shared_folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared_folder / "complete").exists():
            _record(shared_folder, files)
            (shared_folder / "complete").touch()
    return {name: Recording(file) for name, file in files.items()}


def _record(folder: Path, files: dict[str, Path]) -> None:
    for file in files.values():
        file.unlink(missing_ok=True)
    demo = [sys.executable, "-m", "bot.entrypoints.cli", "demo", "--auto", "--exit", "--dir", str(folder / "demo")]
    adapter = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "--basetemp"]
    adapter += [str(folder / "adapter"), "tests/adapters/github/test_localhub.py"]
    with _started(demo, files["demo"]) as one, _started(adapter, files["adapter"]) as other:
        _record_direct(folder / "direct", files["direct"])
        for process in (one, other):
            said, _ = process.communicate(timeout=100)
            assert process.returncode == 0, said


def _started(argv: list[str], record: Path) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.Popen(
        argv,
        cwd=ROOT,
        env=inherited | {SWITCH: str(record)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _record_direct(folder: Path, record: Path) -> None:
    with founded_company(folder, record) as company:
        drive_everything(company)
        deliveries_have_arrived(company)


@contextlib.contextmanager
def founded_company(folder: Path, record: Path) -> Iterator[Company]:
    """A company on a localhub of its own, which records into a file."""
    (folder / "work").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SWITCH, str(record))
        hub, receiver = Localhub(folder / "hub"), Receiver()
    try:
        yield Company(hub, receiver, folder / "work")
    finally:
        hub.close()
        receiver.close()


@pytest.fixture(scope="session")
def everything(recordings: dict[str, Recording]) -> Recording:
    """All recordings as one."""
    whole = Recording(Path(os.devnull))
    for recording in recordings.values():
        whole.entries += recording.entries
    return whole
