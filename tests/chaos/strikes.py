"""How trouble strikes: each kind of it, done to the processes, the connections and the disk of a field."""

import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import psutil

from tests.chaos.field import Field, Member
from tests.chaos.people import People, Spec
from tests.chaos.plan import Trouble
from tests.chaos.resumes import Kill

log = logging.getLogger("chaos")
_HURTS = 2
"""How many agents of one run may be killed: a stage gives up after three attempts in a row."""


class Strikes:
    """Strikes a field. `live` lets time pass, `later` puts something off. `counts` is what really happened, `times`
    when something did that work may have to wait for, `kills` which work was taken from whom."""

    def __init__(
        self,
        field: Field,
        people: People,
        live: Callable[[float], None],
        later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self._field = field
        self._people = people
        self._live = live
        self._later = later
        self.counts: Counter[str] = Counter()
        self.times: list[float] = []
        self.kills: list[Kill] = []
        self._frozen: list[psutil.Process] = []
        self._kinds: dict[str, Callable[[Trouble], bool]] = {
            "kill": self._kill,
            "stop": self._stop,
            "zombie": self._stop,
            "agent": self._kill_agent,
            "supervisor": self._kill_agent,
            "agent paused": self._pause_agent,
            "supervisor paused": self._pause_agent,
            "hub": self._kill_hub,
            "cut": lambda trouble: self._tell_hub("/connections/cut", trouble),
            "database": self._crash_database,
            "database paused": self._pause_database,
            "disk": self._fill_disk,
            "fault": lambda trouble: self._tell_hub("/faults", trouble),
            "webhook": lambda trouble: self._tell_hub("/webhook-rules", trouble),
            "release": lambda trouble: self._tell_hub("/deliveries/release", trouble),
            "lag": self._lag,
        }

    def strike(self, trouble: Trouble) -> None:
        """Have it happen, if it can."""
        if self._kinds[trouble.kind](trouble):
            self.counts[trouble.kind] += 1
            log.debug("%s %s", trouble.kind, trouble.details or "")

    def in_words(self) -> str:
        """What has struck."""
        return ", ".join(f"{times} {kind}" for kind, times in sorted(self.counts.items())) or "no trouble"

    # -- processes --------------------------------------------------------------------------------------------

    def _kill(self, trouble: Trouble) -> bool:
        member = self._victim(trouble)
        while not member.is_alive():
            self._live(0.1)
        if member.stopped and trouble.choice % 2:
            member.go_on()
        held = self._field.held_by(member)
        self._noted()
        member.kill()
        if self.counts["kill"] % 10 == 9:
            log.info("%d kills", self.counts["kill"] + 1)
        alone = len(self._field.members) == 1
        if held and not alone:
            self.kills.append(Kill(self.times[-1], held))

        def restart() -> None:
            if held and alone:
                # Nobody else could go on before.
                self.kills.append(Kill(time.time(), held))
            member.start()

        self._later(trouble.details["away"], restart)
        return True

    def _stop(self, trouble: Trouble) -> bool:
        member = self._victim(trouble)
        if not member.is_alive() or member.stopped:
            return False
        self._noted()
        member.pause()
        self._later(trouble.details["seconds"], member.go_on)
        return True

    def _kill_agent(self, trouble: Trouble) -> bool:
        """An attempt whose agent was killed may be repeated: its run is only held to that."""
        for attempt, process, spec in self._at_work(trouble, trouble.kind):
            if spec.kind.may_be_hurt and len(spec.hurt) < _HURTS:
                spec.hurt.append(attempt)
                try:
                    process.kill()
                except psutil.NoSuchProcess:
                    return False
                return True
        return False

    def _pause_agent(self, trouble: Trouble) -> bool:
        """Nothing comes of it: it was only slow."""
        for _, process, _ in self._at_work(trouble, trouble.kind.removesuffix(" paused")):
            try:
                process.suspend()
            except psutil.NoSuchProcess:
                return False
            self._noted()
            self._later(trouble.details["seconds"], partial(_resume, process))
            return True
        return False

    def _at_work(self, trouble: Trouble, which: str) -> list[tuple[str, psutil.Process, Spec]]:
        """The agents or supervisors that live, from the chosen one on."""
        specs = {spec.run_id: spec for spec in self._people.specs}
        found = [
            (attempt, process, specs[attempt.partition(".")[0]])
            for attempt, process, name in self._field.working()
            if name == which and attempt.partition(".")[0] in specs
        ]
        return found[trouble.choice % len(found) :] if found else []

    def _victim(self, trouble: Trouble) -> Member:
        return self._field.members[trouble.choice % len(self._field.members)]

    # -- what the service stands on ---------------------------------------------------------------------------

    def _kill_hub(self, trouble: Trouble) -> bool:
        hub = self._field.world.hub
        self._noted()
        hub.kill()
        time.sleep(trouble.choice % 10 / 10)
        for _ in range(20):
            try:
                hub.start()
                self._noted()
                return True
            except AssertionError:
                # Whoever calls a port that nobody listens on may be given that very port for its own end.
                time.sleep(0.3)
        raise RuntimeError("localhub does not start again")

    def _crash_database(self, trouble: Trouble) -> bool:
        server = self._field.server
        if server is None:
            return False
        self._noted()
        self._thaw()
        server.crash(signal.Signals[trouble.details["signal"]])
        self._live(trouble.details["away"])
        server.start_again()
        self._noted()
        return True

    def _pause_database(self, trouble: Trouble) -> bool:
        server = self._field.server
        if server is None or self._frozen:
            return False
        self._noted()
        postmaster = psutil.Process(server.pid)
        self._frozen = [postmaster, *postmaster.children()]
        for process in self._frozen:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        # Not put off like the rest: whoever looks into the database now waits here, and nobody would wake it.
        threading.Timer(trouble.details["seconds"], self._thaw).start()
        return True

    def _thaw(self) -> None:
        """The database goes on."""
        frozen, self._frozen = self._frozen, []
        for process in frozen:
            _resume(process)

    def _fill_disk(self, trouble: Trouble) -> bool:
        disk = self._field.disk
        if disk.missing is not None:
            return False
        self._noted()
        disk.fill()
        self._later(trouble.details["seconds"], disk.free)
        return True

    def _tell_hub(self, path: str, trouble: Trouble) -> bool:
        self._field.world.hub.control("POST", path, trouble.details or None)
        return True

    def _lag(self, trouble: Trouble) -> bool:
        hub = self._field.world.hub
        hub.control("DELETE", "/lag")
        hub.control("POST", "/lag", trouble.details)
        return True

    def _noted(self) -> None:
        self.times.append(time.time())


def _resume(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.resume()
