"""Recordings of localhub in use: made once a test session, however many processes share it."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.drive import Company, deliveries_have_arrived, drive_everything
from tests.contract.recordings import Recording
from tests.localhub.harness import Localhub, Receiver

ROOT = Path(__file__).parents[2]
SWITCH = "LOCALHUB_RECORD"
NAMES = ("demo", "adapter", "direct")
PATIENCE_SECONDS = 120.0
STOP_SECONDS = 20.0


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test session see."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own) / "contract"
    folder.mkdir(exist_ok=True)
    return folder


class Recordings:
    """`demo`, a whole run of the service; `adapter`, the GitHub adapter's tests; `direct`, every operation."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, name: str) -> Recording:
        """One of them; fails the test, with what was said, when its making failed."""
        said = self._folder / f"{name}.failed"
        assert not said.exists(), said.read_text()
        return Recording(self._folder / f"{name}.jsonl")

    def all(self) -> list[Recording]:
        """Each of them."""
        return [self[name] for name in NAMES]


@pytest.fixture(scope="session")
def recordings(shared_folder: Path) -> Recordings:
    """Made by whichever process comes first."""
    with (shared_folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared_folder / "complete").exists():
            _record(shared_folder)
            (shared_folder / "complete").touch()
    return Recordings(shared_folder)


def _record(folder: Path) -> None:
    for name in NAMES:
        (folder / f"{name}.jsonl").unlink(missing_ok=True)
    demo = [sys.executable, "-m", "bot.entrypoints.cli", "demo", "--auto", "--exit", "--dir", str(folder / "demo")]
    adapter = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "--basetemp"]
    adapter += [str(folder / "adapter"), "tests/adapters/github/test_localhub.py"]
    with _Running(demo, folder, "demo"), _Running(adapter, folder, "adapter"):
        _record_direct(folder / "direct", folder / "direct.jsonl")


class _Running:
    """A program that runs beside what is inside the `with`, and has ended when that is left."""

    def __init__(self, argv: list[str], folder: Path, name: str) -> None:
        self._argv = argv
        self._record = folder / f"{name}.jsonl"
        self._failed = folder / f"{name}.failed"

    def __enter__(self) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        self._said = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            self._argv,
            cwd=ROOT,
            env=inherited | {SWITCH: str(self._record), "ISSUEWRIGHT_DEMO_TIMEOUT": str(PATIENCE_SECONDS / 2)},
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __exit__(self, *problem: object) -> None:
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            # As Ctrl-C does: it stops what it has started itself.
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        with self._said:
            self._said.seek(0)
            if self._process.returncode != 0:
                self._failed.write_text(f"{' '.join(self._argv[1:])} ended with {self._process.returncode}:\n")
                with self._failed.open("a") as report:
                    report.write(self._said.read())


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
def everything(recordings: Recordings) -> Recording:
    """All recordings as one."""
    whole = Recording(Path(os.devnull))
    for recording in recordings.all():
        whole.entries += recording.entries
    return whole
