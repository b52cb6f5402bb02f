"""How soon work went on after a kill: the first entry or effect of a run whose workflows the killed one executed."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from tests.chaos.field import Field

_RUN = re.compile(r"acme--tally--\d+")
TARGET_SECONDS = 5.0


@dataclass(frozen=True)
class Kill:
    """When a process was killed (the only worker: when it was started again), and the workflows it executed."""

    at: float
    workflows: list[str]

    @property
    def runs(self) -> set[str]:
        """The runs that those workflows belong to."""
        return {found[0] for workflow in self.workflows if (found := _RUN.search(workflow))}


@dataclass(frozen=True)
class Resumes:
    """Seconds from each kill to work going on, where nothing else struck meanwhile; `others` are the kills where
    something did."""

    seconds: tuple[float, ...] = ()
    others: int = 0

    def __str__(self) -> str:
        if not self.seconds:
            return "no kill that nothing else followed before work went on"
        quick = sum(each < TARGET_SECONDS for each in self.seconds)
        figures = f"p50 {median(self.seconds):.1f} s, max {max(self.seconds):.1f} s"
        return (
            f"{figures}, {quick} of {len(self.seconds)} under {TARGET_SECONDS:.0f} s ({self.others} were struck again)"
        )


def resumes(field: Field, kills: list[Kill], strikes: list[float]) -> Resumes:
    """Measured by what the database has recorded. `strikes` is when anything struck that work has to wait for."""
    marks = _marks(field)
    struck = sorted(strikes)
    seconds, others = [], 0
    for kill in kills:
        later = (mark for run in kill.runs for mark in marks.get(run, []) if mark > kill.at)
        went_on = min(later, default=None)
        if went_on is None:
            continue
        after = bisect_right(struck, kill.at)
        if after < len(struck) and struck[after] < went_on:
            others += 1
        else:
            seconds.append(went_on - kill.at)
    return Resumes(tuple(seconds), others)


def _marks(field: Field) -> dict[str, list[float]]:
    """When something was recorded for each run."""
    found: dict[str, list[float]] = {}
    for table, column in (("entries", "at"), ("effects", "intended_at"), ("effects", "done_at")):
        query = f"SELECT run_id, {column} FROM {table} WHERE {column} IS NOT NULL AND run_id IS NOT NULL"
        for run_id, at in field.query(query) or []:
            found.setdefault(run_id, []).append(datetime.fromisoformat(at).timestamp())
    return found
