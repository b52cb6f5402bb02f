"""One undisturbed campaign, one with trouble, and the comparison of both worlds."""

import logging
import statistics
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tests.chaos.campaign import Campaign, OutOfTime
from tests.chaos.field import Field, fields
from tests.chaos.people import Spec
from tests.chaos.picture import Picture, differences, picture
from tests.chaos.plan import make_plan
from tests.chaos.specs import KINDS, kinds_for
from tests.chaos.verdicts import problems_of_run, problems_of_world, repairs

log = logging.getLogger("chaos")
_CONVERGENCE_SECONDS = 150.0
_PORT_TAKEN = 2


@dataclass
class RunResult:
    """One run and what is wrong with it."""

    spec: Spec
    kills: int
    calls: int
    repaired: int
    problems: list[str]


@dataclass
class Result:
    """What came of a campaign."""

    seed: int
    runs: list[RunResult] = field(default_factory=list)
    world: list[str] = field(default_factory=list)
    struck: str = ""
    resumed: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self) -> int:
        return sum(not run.problems for run in self.runs) + (not self.world)

    @property
    def failed(self) -> int:
        return len(self.runs) + 1 - self.passed


def battle(
    directory: Path, *, seed: int, kills: int, database: str, workers: int, specs: int, deadline: float
) -> Result:
    """Fight, and judge."""
    result, began = Result(seed), time.time()
    with fields(database) as made:
        kinds = kinds_for(specs)
        calm = Campaign(made.new(directory / "undisturbed", workers), kinds[: len(KINDS)], deadline)
        calm.fight([])
        expected = {
            s.kind.name: picture(calm.field.world, s, calm.field.world.agent_calls()) for s in calm.people.specs
        }
        calm_problems = judge(calm, expected, result)
        log.info("undisturbed: %d runs in %.0f s", len(expected), time.time() - began)
        made.close()
        if calm_problems:
            return result
        rough = Campaign(made.new(directory / "disturbed", workers), kinds, deadline)
        plan = make_plan(seed, kills, postgres=database == "postgres", workers=workers)
        stuck = ""
        try:
            rough.fight(plan)
        except (OutOfTime, RuntimeError) as trouble:
            stuck = f"{type(trouble).__name__}: {trouble}"
        converge(rough, expected, result)
        if stuck:
            result.world.insert(0, stuck)
        ended = sum(len(member.ended) for member in rough.field.members)
        result.struck = rough.counts() + (f"; {ended} ends by itself" if ended else "")
        result.resumed = resumed(rough)
        result.seconds = time.time() - began
        if result.failed:
            keep_database(rough.field)
    return result


def converge(campaign: Campaign, expected: dict[str, Picture], result: Result) -> None:
    """Judge until nothing is wrong, or as long as repairs may take."""
    give_up = time.time() + _CONVERGENCE_SECONDS
    while judge(campaign, expected, result) and time.time() < give_up:
        time.sleep(2.0)


def judge(campaign: Campaign, expected: dict[str, Picture], result: Result) -> bool:
    """Put the verdict into `result`; whether anything is wrong."""
    world = campaign.field.world
    calls = world.agent_calls()
    kills = [at for member in campaign.field.members for at in member.starts[1:]]
    result.runs = []
    for spec in campaign.people.specs:
        problems = list(problems_of_run(campaign.field, spec))
        if not spec.hurt and not problems:
            problems = differences(expected[spec.kind.name], picture(world, spec, calls))
        allowed = len(expected[spec.kind.name]["agent calls"]) + len(spec.hurt)
        mine = sum(call.startswith(f"{spec.run_id}.") for call in calls)
        if mine > allowed:
            problems.append(f"{mine} agent calls, {allowed} at most")
        survived = sum(spec.opened_at <= at <= (spec.over_at or time.time()) for at in kills)
        result.runs.append(RunResult(spec, survived, mine, repairs(campaign.field, spec), problems))
    result.world = list(problems_of_world(campaign.field))
    if campaign.field.server is None:
        # Nothing but our kills ends it; where the database goes away, it may want to be started again. Its port may
        # have been given to somebody while it was dead.
        ended = [(member.name, [c for c in member.ended if c != _PORT_TAKEN]) for member in campaign.field.members]
        result.world += [f"{name} ended by itself, with {codes}" for name, codes in ended if codes]
    return bool(result.failed)


def resumed(campaign: Campaign) -> list[float]:
    """Seconds from each restart of the only worker, while a run was working, to the first entry or effect after it."""
    marks: list[float] = []
    for table, column in (("entries", "at"), ("effects", "intended_at"), ("effects", "done_at")):
        rows = campaign.field.query(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL") or []
        marks += [datetime.fromisoformat(row[0]).timestamp() for row in rows]
    marks.sort()
    starts = sorted(campaign.field.members[0].starts)
    found = []
    for at in campaign.under_way:
        until = next((start for start in starts if start > at + 0.001), float("inf"))
        first = next((mark for mark in marks if mark > at), None)
        if first is not None and first < until:
            found.append(first - at)
    return found


def keep_database(field: Field) -> None:
    """A PostgreSQL server goes with the campaign: its rows stay, as text."""
    if field.world.database.is_sqlite:
        return
    tables = ("entries", "effects", "deliveries", "decisions", "attempts", "claims", "dbos.workflow_status")
    for table in tables:
        rows = field.query(f"SELECT * FROM {table}") or []
        lines = (str(dict(row._mapping)) for row in rows)
        (field.directory / f"{table}.txt").write_text("\n".join(lines))


def median(values: list[float]) -> float:
    return statistics.median(values) if values else 0.0
