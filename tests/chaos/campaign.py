"""A campaign: specs are opened and decided on, while trouble strikes; then everything heals and ends."""

import heapq
import logging
import time
from collections.abc import Callable, Iterable
from itertools import count, cycle, islice

from tests.chaos.field import Field
from tests.chaos.people import People
from tests.chaos.plan import Trouble
from tests.chaos.points import Points
from tests.chaos.specs import Kind
from tests.chaos.strikes import Strikes

log = logging.getLogger("chaos")
_TICK = 0.02
_LAG = {"path_regex": "", "seconds": 2.0}
_LAST_SECONDS = 900.0
"""How long the last runs may take once nothing strikes any more."""
_SECONDS_A_POINT = 12.0
"""How long a death at a named point may take, with the start after it, on a machine that is busy."""

_USUAL_START_SECONDS = 1.5
_SLOWEST_PACE = 4.0


class OutOfTime(Exception):
    """Not everything was over when the time was."""


class Campaign:
    """What happens on one field. No more trouble after `deadline`."""

    def __init__(self, field: Field, deadline: float) -> None:
        self.field = field
        self.people = People(field)
        self.strikes = Strikes(field, self.people, self._live, self._later)
        self._deadline = deadline
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def in_peace(self, kinds: Iterable[Kind]) -> None:
        """One spec of each kind, and nothing goes wrong."""
        self.field.start()
        self.people.open_specs(kinds)
        self._come_to_an_end()

    def past(self, points: Points) -> None:
        """Specs that pass all these points, while lists lag; whoever reaches one of them first dies there. Twice, where
        one is left: whoever dies at another point just before finds the effect made afterwards, and passes by."""
        self.field.start()
        points.arm(self.field.directory)
        self.field.world.hub.control("POST", "/lag", _LAG)
        self._pass_by(points)
        if points.not_reached():
            log.info("nobody died at %s: the same specs again", ", ".join(points.not_reached()))
            self._pass_by(points)

    def _pass_by(self, points: Points) -> None:
        self.people.open_specs(points.kinds)
        give_up = time.time() + max(_LAST_SECONDS, _SECONDS_A_POINT * len(points.names))
        while not self.people.is_done() and time.time() < give_up:
            self._live(0.5)
        self._wait(give_up)

    def fight(self, plan: Iterable[Trouble], kinds: Iterable[Kind], specs: int) -> None:
        """So many specs at once, of each kind in turn, as long as the plan lasts. On a machine where a start takes long
        the plan takes longer: kills that only ever meet a start prove little."""
        began = time.monotonic()
        self.field.start()
        pace = min(max((time.monotonic() - began) / _USUAL_START_SECONDS, 1.0), _SLOWEST_PACE)
        turns = cycle(kinds)
        for trouble in plan:
            if len(self.people.open()) <= specs // 2:
                self.people.open_specs(islice(turns, specs - len(self.people.open())))
                log.info("%d specs so far; %s", len(self.people.specs), self.strikes.in_words())
            self._live(trouble.after * pace)
            if time.time() > self._deadline:
                log.warning("the time is up: no more trouble, %s", self.strikes.in_words())
                break
            self.strikes.strike(trouble)
        while self._agenda:
            self._live(0.2)
        self._come_to_an_end()

    def _come_to_an_end(self) -> None:
        self.field.heal()
        log.info("no more trouble (%s): waiting for the runs to end", self.strikes.in_words())
        self._wait(time.time() + _LAST_SECONDS)

    def _wait(self, give_up: float) -> None:
        last_log = time.time()
        while not (self.people.is_done() and self.field.is_quiet()):
            self._live(0.5)
            open_runs = [spec.run_id for spec in self.people.open()]
            if time.time() > give_up:
                raise OutOfTime(f"open after all: {', '.join(open_runs) or 'no run, but something still works'}")
            if time.time() - last_log > 20:
                last_log = time.time()
                log.info("still open: %s", ", ".join(open_runs) or "no run, but something still works")

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
