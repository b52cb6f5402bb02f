"""An undisturbed campaign, one past the named points, one of random trouble, and the comparison of the worlds."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.campaign import Campaign, OutOfTime
from tests.chaos.field import Field, Fields, fields
from tests.chaos.judgement import Pictures, Verdict, converged, pictures
from tests.chaos.plan import make_plan
from tests.chaos.points import Choice, Points
from tests.chaos.resumes import Resumes, resumes
from tests.chaos.specs import Kind

log = logging.getLogger("chaos")


@dataclass(frozen=True)
class Orders:
    """What is to be fought: so many `specs` at once, of these `kinds`. No more trouble after `deadline`, in seconds
    since 1970."""

    seed: int
    kills: int
    database: str
    workers: int
    warm: bool
    points: Choice
    kinds: tuple[Kind, ...]
    specs: int
    deadline: float


@dataclass
class Part:
    """One campaign and what came of it. `lost` are named points, of so many, at which nobody died."""

    name: str
    verdict: Verdict = field(default_factory=Verdict)
    points: int = 0
    lost: list[str] = field(default_factory=list)
    struck: str = ""
    resumes: Resumes = field(default_factory=Resumes)
    seconds: float = 0.0

    @property
    def passed(self) -> int:
        """Runs, worlds and points that are as they should be."""
        return self.verdict.passed + self.points - len(self.lost)

    @property
    def failed(self) -> int:
        return self.verdict.failed + len(self.lost)


class Battle:
    """Fights in `directory`, one world a campaign. `parts` is what came of each; `diskless` says why no disk was
    filled."""

    def __init__(self, directory: Path, orders: Orders) -> None:
        self._directory = directory
        self._orders = orders
        self._expected: Pictures = {}
        self.parts: list[Part] = []
        self.diskless: str | None = None

    @property
    def passed(self) -> int:
        return sum(part.passed for part in self.parts)

    @property
    def failed(self) -> int:
        return sum(part.failed for part in self.parts)

    def fight(self) -> None:
        """All campaigns. Without a world to compare with, there is no sense in the others."""
        points = Points(self._orders.points)
        with fields(self._orders.database) as made:
            self._campaign(made, Part("undisturbed"), self._in_peace)
            if self.failed:
                return
            if points.names:
                part = Part("points", points=len(points.names))
                self._campaign(made, part, lambda campaign, part: self._past(points, campaign, part))
            if self._orders.kills:
                self._campaign(made, Part("kills"), self._under_fire)

    def _campaign(self, made: Fields, part: Part, fight: Callable[[Campaign, Part], None]) -> None:
        began = time.time()
        field = made.new(self._directory / part.name, self._orders.workers, warm=self._orders.warm)
        self.diskless = field.disk.missing
        self.parts.append(part)
        try:
            fight(Campaign(field, self._orders.deadline), part)
            if part.failed:
                keep_database(field)
        finally:
            made.close()
        part.seconds = time.time() - began
        log.info("%s: %d passed, %d failed in %.0f s", part.name, part.passed, part.failed, part.seconds)

    def _in_peace(self, campaign: Campaign, part: Part) -> None:
        stuck = _stuck(lambda: campaign.in_peace(self._orders.kinds))
        part.verdict = converged(campaign, {})
        part.verdict.world[:0] = stuck
        with suppress(AssertionError):  # of a run that came to nothing there is no picture, but a problem
            self._expected = pictures(campaign)

    def _past(self, points: Points, campaign: Campaign, part: Part) -> None:
        stuck = _stuck(lambda: campaign.past(points))
        part.lost = points.not_reached()
        part.struck = f"{part.points - len(part.lost)} of {part.points} named points"
        points.disarm()
        campaign.field.heal()
        part.verdict = converged(campaign, self._expected, dies=True)
        part.verdict.world[:0] = stuck

    def _under_fire(self, campaign: Campaign, part: Part) -> None:
        orders = self._orders
        plan = make_plan(orders.seed, orders.kills, postgres=orders.database == "postgres", workers=orders.workers)
        stuck = _stuck(lambda: campaign.fight(plan, orders.kinds, orders.specs))
        part.verdict = converged(campaign, self._expected)
        part.verdict.world[:0] = stuck
        ended = sum(len(member.ended) for member in campaign.field.members)
        part.struck = campaign.strikes.in_words() + (f"; {ended} ends by itself" if ended else "")
        part.resumes = resumes(campaign.field, campaign.strikes.kills, campaign.strikes.times)


def _stuck(fight: Callable[[], None]) -> list[str]:
    """Fight; what kept it from coming to an end."""
    try:
        fight()
    except (OutOfTime, RuntimeError) as trouble:
        return [f"{type(trouble).__name__}: {trouble}"]
    return []


def keep_database(field: Field) -> None:
    """A PostgreSQL server goes with the campaign: its rows stay, as text."""
    if field.world.database.is_sqlite:
        return
    tables = ("entries", "effects", "deliveries", "decisions", "attempts", "claims", "dbos.workflow_status")
    for table in tables:
        rows = field.query(f"SELECT * FROM {table}") or []
        lines = (str(dict(row._mapping)) for row in rows)
        (field.directory / f"{table}.txt").write_text("\n".join(lines))
