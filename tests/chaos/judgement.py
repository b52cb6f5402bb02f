"""The verdict on a campaign: what each run came to, and what is left of the world."""

import logging
import signal
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from tests.chaos.campaign import Campaign
from tests.chaos.evidence import Evidence
from tests.chaos.leftovers import problems_of_record, problems_of_world
from tests.chaos.people import Spec, calls_of
from tests.chaos.picture import Picture, differences, picture
from tests.chaos.verdicts import problems_of_run, repairs

log = logging.getLogger("chaos")
Pictures = dict[str, Picture]
_CONVERGENCE_SECONDS = 150.0
_LOOK_EVERY = 5.0
_PORT_TAKEN = 2
"""How the webhook ends when its port was given to somebody while it was dead."""


@dataclass
class RunResult:
    """One run and what is wrong with it."""

    spec: Spec
    calls: int
    repaired: int
    problems: list[str]


@dataclass
class Verdict:
    """All runs of a campaign, and the problems of the world that they left."""

    runs: list[RunResult] = field(default_factory=list)
    world: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """All of them."""
        return [f"{run.spec.run_id}: {problem}" for run in self.runs for problem in run.problems] + self.world

    @property
    def passed(self) -> int:
        """The runs in order; the world counts as one more."""
        return sum(not run.problems for run in self.runs) + (not self.world)

    @property
    def failed(self) -> int:
        return len(self.runs) + 1 - self.passed


def converged(campaign: Campaign, expected: Pictures, *, dies: bool = False) -> Verdict:
    """The verdict, once nothing is wrong, or when repairs have had their time. `dies`: the service killed itself."""
    give_up = time.monotonic() + _CONVERGENCE_SECONDS
    good: set[str] = set()
    while True:
        verdict = judge(campaign, expected, skipping=good, dies=dies)
        if not verdict.failed and not good:
            verdict.world += problems_of_record(campaign.field)
            return verdict
        # Once more all of them, when the last is right: what is right must stay so.
        good = set() if not verdict.failed else {run.spec.run_id for run in verdict.runs if not run.problems}
        if time.monotonic() > give_up:
            verdict = judge(campaign, expected, dies=dies)
            verdict.world += problems_of_record(campaign.field)
            return verdict
        if verdict.failed:
            log.info("not right yet: %s", "; ".join(verdict.problems)[:300])
        time.sleep(_LOOK_EVERY)


def judge(campaign: Campaign, expected: Pictures, *, skipping: Collection[str] = (), dies: bool = False) -> Verdict:
    """The verdict at this moment; runs to be skipped count as right."""
    evidence, verdict = Evidence(campaign.field), Verdict()
    for spec in campaign.people.specs:
        problems = [] if spec.run_id in skipping else _problems(evidence, spec, expected.get(spec.kind.name))
        calls = len(calls_of(spec, evidence.calls))
        verdict.runs.append(RunResult(spec, calls, repairs(evidence, spec), problems))
    verdict.world = [*problems_of_world(campaign.field), *_ends(campaign, dies)]
    return verdict


def pictures(campaign: Campaign) -> Pictures:
    """What a run of each kind comes to."""
    evidence = Evidence(campaign.field)
    return {spec.kind.name: picture(evidence, spec) for spec in campaign.people.specs}


def _problems(evidence: Evidence, spec: Spec, expected: Picture | None) -> list[str]:
    problems = list(problems_of_run(evidence, spec))
    if expected is None:
        return problems
    if not spec.hurt and not problems:
        problems = differences(expected, picture(evidence, spec))
    calls, planned = calls_of(spec, evidence.calls), len(expected["agent calls"])
    if len(calls) > planned + len(spec.hurt):
        problems.append(f"{len(calls)} agent calls, {planned + len(spec.hurt)} at most")
    return problems


def _ends(campaign: Campaign, dies: bool) -> list[str]:
    """Nothing but our kills ends the service, unless its database goes away: then it may want to be started again."""
    if campaign.field.server is not None:
        return []
    excused = {_PORT_TAKEN, *([-signal.SIGKILL] if dies else [])}
    ended = [(member.name, [c for c in member.ended if c not in excused]) for member in campaign.field.members]
    return [f"{name} ended by itself, with {codes}" for name, codes in ended if codes]
