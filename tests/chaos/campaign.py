"""A campaign: specs are opened and decided on, while the plan's trouble strikes; then everything heals and ends."""

import heapq
import logging
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count

import psutil

from tests.chaos.field import Field, Member
from tests.chaos.people import People
from tests.chaos.plan import Trouble
from tests.chaos.specs import Kind

log = logging.getLogger("chaos")
_TICK = 0.02
_HURTS = 2
"""How many agents of one run may be killed: a stage gives up after three attempts in a row."""


class OutOfTime(Exception):
    """Not everything was over when the time was."""


class Campaign:
    """Fights one plan on one field. `struck` counts the trouble that really happened."""

    def __init__(self, field: Field, wave: list[Kind], deadline: float) -> None:
        self.field = field
        self.people = People(field)
        self.struck: Counter[str] = Counter()
        self.under_way: list[float] = []
        self._wave = wave
        self._deadline = deadline
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def fight(self, plan: Iterable[Trouble]) -> None:
        """From the first start to the end of the last run."""
        self.field.start()
        self.people.open_specs(self._wave)
        for trouble in plan:
            self._live(trouble.after)
            if time.time() > self._deadline:
                log.warning("the time is up: no more trouble, %s", self.counts())
                break
            if self.people.is_done():
                log.info("all %d runs are over; %s; more specs", len(self.people.specs), self.counts())
                self.people.open_specs(self._wave)
            self._strike(trouble)
        self._come_to_an_end()

    def _come_to_an_end(self) -> None:
        while self._agenda:
            self._live(0.2)
        self.field.heal()
        log.info("no more trouble (%s): waiting for the runs to end", self.counts())
        give_up = max(self._deadline, time.time() + 60) + 120
        last_log = time.time()
        while not (self.people.is_done() and self._is_quiet()):
            self._live(0.5)
            if time.time() > give_up:
                raise OutOfTime(", ".join(s.run_id for s in self.people.specs if s.over_at is None) or "not quiet")
            if time.time() - last_log > 20:
                last_log = time.time()
                log.info("still open: %s", [s.run_id for s in self.people.specs if s.over_at is None] or "nothing")

    def _is_quiet(self) -> bool:
        return self.field.world._is_quiet()

    def _live(self, seconds: float) -> None:
        """Let time pass: people decide, and what was put off happens."""
        until = time.monotonic() + seconds
        while True:
            while self._agenda and self._agenda[0][0] <= time.monotonic():
                heapq.heappop(self._agenda)[2]()
            self.people.look()
            for member in self.field.members:
                member.mind()
            if time.monotonic() >= until:
                return
            time.sleep(_TICK)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (time.monotonic() + seconds, next(self._numbers), act))

    # -- trouble ----------------------------------------------------------------------------------------------

    def _strike(self, trouble: Trouble) -> None:
        strike: dict[str, Callable[[Trouble], bool]] = {
            "kill": self._kill,
            "stop": self._stop,
            "zombie": self._stop,
            "agent": self._kill_agent,
            "supervisor": self._kill_agent,
            "hub": self._kill_hub,
            "database": self._crash_database,
            "fault": lambda trouble: self._tell_hub("/faults", trouble),
            "webhook": lambda trouble: self._tell_hub("/webhook-rules", trouble),
            "release": self._release,
            "lag": self._lag,
        }
        if strike[trouble.kind](trouble):
            self.struck[trouble.kind] += 1
            log.debug("%s %s", trouble.kind, trouble.details)

    def _kill(self, trouble: Trouble) -> bool:
        member = self._victim(trouble)
        while not member.is_alive():
            self._live(0.1)
        if member.stopped and trouble.choice % 2:
            member.go_on()
        working = self.field.query("SELECT count(*) FROM runs WHERE is_open AND status = 'working'")
        member.kill()
        if self.struck["kill"] % 10 == 9:
            log.info("%d kills", self.struck["kill"] + 1)

        def restart() -> None:
            if working and working[0][0] and len(self.field.members) == 1:
                self.under_way.append(time.time())
            member.start()

        self._later(trouble.details["away"], restart)
        return True

    def _stop(self, trouble: Trouble) -> bool:
        member = self._victim(trouble)
        if not member.is_alive() or member.stopped:
            return False
        member.pause()
        self._later(trouble.details["seconds"], member.go_on)
        return True

    def _kill_agent(self, trouble: Trouble) -> bool:
        """An attempt whose agent was killed may be repeated: its run is only held to that."""
        found = [each for each in self.field.working() if each[2] == trouble.kind]
        for attempt, process, _ in found[trouble.choice % len(found) :] if found else []:
            spec = next((s for s in self.people.specs if attempt.startswith(f"{s.run_id}.")), None)
            if spec is not None and len(spec.hurt) < _HURTS:
                spec.hurt.append(attempt)
                try:
                    process.kill()
                except psutil.NoSuchProcess:
                    return False
                return True
        return False

    def _kill_hub(self, trouble: Trouble) -> bool:
        self.field.world.hub.kill()
        time.sleep(trouble.choice % 10 / 10)
        for _ in range(20):
            try:
                self.field.world.hub.start()
                return True
            except AssertionError:
                # Whoever calls a port that nobody listens on may be given that very port for its own end.
                time.sleep(0.3)
        raise RuntimeError("localhub does not start again")

    def _crash_database(self, trouble: Trouble) -> bool:
        server = self.field.server
        assert server is not None
        server.crash(signal.Signals[trouble.details["signal"]])
        self._live(trouble.details["away"])
        server.start_again()
        return True

    def _tell_hub(self, path: str, trouble: Trouble) -> bool:
        self.field.world.hub.control("POST", path, trouble.details)
        return True

    def _release(self, trouble: Trouble) -> bool:
        body = {"order": "shuffle", "seed": trouble.details["seed"]}
        self.field.world.hub.control("POST", "/deliveries/release", body)
        return True

    def _lag(self, trouble: Trouble) -> bool:
        hub = self.field.world.hub
        hub.control("DELETE", "/lag")
        hub.control("POST", "/lag", trouble.details)
        return True

    def _victim(self, trouble: Trouble) -> Member:
        return self.field.members[trouble.choice % len(self.field.members)]

    def counts(self) -> str:
        """What has struck, in words."""
        return ", ".join(f"{times} {kind}" for kind, times in sorted(self.struck.items())) or "no trouble"
