"""Where a campaign is fought: a world with one or more processes, its database server, and who kills them."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy.exc import DBAPIError

from bot.adapters.supervisor import lost
from tests.chaos import project, team
from tests.chaos.disk import Disk
from tests.stories.service import Service
from tests.stories.world import World
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer, start_server


@dataclass
class Member:
    """One process of the service, through all its lives."""

    name: str
    service: Service
    works: bool = True
    starts: list[float] = field(default_factory=list)
    stopped: bool = False
    away: bool = False
    ended: list[int] = field(default_factory=list)

    def is_alive(self) -> bool:
        return self.service.process is not None and self.service.exit_code() is None

    def start(self) -> None:
        if self.is_alive():
            return
        self.away = False
        self.starts.append(time.time())
        self.service.spawn()

    def mind(self) -> None:
        """Start it again if it has ended by itself, as whoever runs a service does."""
        code = self.service.exit_code()
        if code is not None and not self.away:
            self.ended.append(code)
            self.stopped = False
            self.start()

    def kill(self) -> None:
        if self.is_alive():
            self.service.kill()
            self.away = True
        self.stopped = False

    def pause(self) -> None:
        if self.is_alive():
            self.service.signal(signal.SIGSTOP)
            self.stopped = True

    def go_on(self) -> None:
        if self.is_alive() and self.stopped:
            self.service.signal(signal.SIGCONT)
        self.stopped = False


class Field:
    """A world in `directory`, served by one process, or by a webhook and as many workers as there are."""

    def __init__(
        self, directory: Path, server: PostgresServer | None, url: str | None, workers: int, *, warm: bool = False
    ) -> None:
        self.directory = directory
        self.server = server
        self.disk = Disk(directory / "data" / "worktrees")
        try:
            self.world = World(
                directory, url, config=project.config(directory), settings=project.SETTINGS, agent=team.__file__
            )
        except BaseException:
            self.disk.close()
            raise
        self._warm = warm
        self.members = list(self._members(workers))
        self.world.service = self.members[0].service

    def start(self) -> None:
        """Start everything, and wait until it answers."""
        for member in self.members:
            member.start()
        self.world.waits("the service to be ready", self.world.service.is_ready)

    def heal(self) -> None:
        """Everything runs and nothing is held up any more."""
        for trouble in ("webhook-rules", "faults", "lag"):
            self.world.hub.control("DELETE", f"/{trouble}")
        self.world.hub.control("POST", "/deliveries/release", {"order": "shuffle", "seed": 1})
        self.disk.free()
        for member in self.members:
            member.go_on()
            if not member.is_alive():
                member.start()

    def close(self) -> None:
        """End everything, whatever becomes of the rest of it."""
        with ExitStack() as last_to_first:
            last_to_first.callback(self.disk.close)
            last_to_first.callback(self._kill_leftovers)
            last_to_first.callback(self.world.close)
            for member in self.members:
                last_to_first.callback(member.service.close)
                last_to_first.callback(member.go_on)

    def _kill_leftovers(self) -> None:
        for process in self.leftover_processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    # -- looking ----------------------------------------------------------------------------------------------

    def query(self, statement: str, **values: object) -> list[Any] | None:
        """Rows of the service's database; None while it is away (or does not exist yet)."""
        try:
            return self.world.query(statement, **values)
        except DBAPIError:
            return None

    def is_quiet(self) -> bool:
        """Whether nothing is left to do."""
        return self.world.is_quiet()

    @property
    def dbos(self) -> str:
        """What stands before the names of DBOS's tables."""
        return "" if self.world.database.is_sqlite else "dbos."

    def held_by(self, member: Member) -> list[str]:
        """The ids of the workflows that the member executes."""
        if member.service.process is None or not member.works:
            return []
        mine = "SELECT executor_id FROM workers WHERE pid = :pid"
        held = f"SELECT workflow_uuid FROM {self.dbos}workflow_status WHERE status = 'PENDING' AND executor_id IN"
        rows = self.query(f"{held} ({mine})", pid=member.service.process.pid)
        return [row[0] for row in rows or []]

    def working(self) -> list[tuple[str, psutil.Process, str]]:
        """The agents and supervisors that live: attempt, process, and which of both it is."""
        found = []
        for directory in sorted((self.directory / "data" / "attempts").glob("*")):
            for name in ("agent", "supervisor"):
                with suppress(OSError, ValueError, KeyError, psutil.Error):
                    record = json.loads((directory / f"{name}.json").read_text())
                    process = psutil.Process(record["pid"])
                    # What has ended long ago may have left its number to a process that nobody wants to hurt.
                    if lost.lives(record) and process.status() != psutil.STATUS_ZOMBIE and self._is_ours(process):
                        found.append((directory.name, process, name))
        return found

    def leftover_processes(self) -> list[psutil.Process]:
        """Processes that belong to this world but are none of its members."""
        known = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
        known |= {member.service.process.pid for member in self.members if member.service.process}
        if self.world.hub.process is not None:
            known.add(self.world.hub.process.pid)
        return [p for p in psutil.process_iter() if p.pid not in known and self._is_ours(p)]

    def _members(self, workers: int) -> Iterator[Member]:
        port = self.world.service.port
        if workers == 1:
            yield Member("serve", self._part("serve", port))
            return
        yield Member("webhook", self._part("webhook", port), works=False)
        for number in range(1, workers + 1):
            yield Member(f"worker {number}", self._part("worker", free_port()))

    def _part(self, command: str, port: int) -> Service:
        service = Service(self.directory, port, command)
        service.warm = self._warm
        return service

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            words = [*process.cmdline(), process.cwd()]
        except psutil.Error:
            return False
        return any(str(self.directory) in word for word in words)


@contextmanager
def fields(database: str) -> Iterator["Fields"]:
    """Makes fields on a database of that kind, all closed at the end."""
    if database == "sqlite":
        made = Fields(None)
        try:
            yield made
        finally:
            made.close()
        return
    with start_server() as server:
        made = Fields(server)
        try:
            yield made
        finally:
            made.close()


class Fields:
    """Makes fields, each with a fresh database."""

    def __init__(self, server: PostgresServer | None) -> None:
        self._server = server
        self._made: list[Field] = []

    def new(self, directory: Path, workers: int, *, warm: bool = False) -> Field:
        url = self._server.create_database() if self._server else None
        field = Field(directory, self._server, url, workers, warm=warm)
        self._made.append(field)
        return field

    def close(self) -> None:
        while self._made:
            self._made.pop().close()
