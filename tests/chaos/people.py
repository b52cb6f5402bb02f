"""The people of a campaign: they open specs and decide at each gate, once, as soon as they see it."""

import re
import time
from dataclasses import dataclass, field

import httpx

from tests.chaos.field import Field
from tests.chaos.specs import Decision, Kind
from tests.stories.world import BOT, MAINTAINER, OWNER, Issue

_GATE = re.compile(r"<!-- issuewright:acme--tally--(\d+):gate:([a-z-]+):(\d+) -->")
_LOOK_EVERY = 0.25


@dataclass
class Spec:
    """An issue that somebody opened, and what came of it."""

    kind: Kind
    issue: Issue
    decided: list[str] = field(default_factory=list)
    hurt: list[str] = field(default_factory=list)
    opened_at: float = field(default_factory=time.time)
    over_at: float | None = None

    @property
    def run_id(self) -> str:
        return f"acme--tally--{self.issue.number}"


class People:
    """Opens specs and decides. `specs` is all that were opened, in order."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._world = field.world
        self._next_look = 0.0
        self.specs: list[Spec] = []

    def open_specs(self, kinds: list[Kind]) -> None:
        """Open one issue for each kind, and ask for its pipeline."""
        for kind in kinds:
            hub = self._world.hub
            made = hub.by(OWNER, "POST", "/issues", {"title": kind.title, "body": "As the title says."})
            issue = Issue(made["number"])
            if kind.pipeline == "quick":
                self._world.labels(issue)
            else:
                self._world.comments(issue, f"/spec {kind.pipeline}")
            self.specs.append(Spec(kind, issue))

    def look(self) -> None:
        """Decide at the gates that have opened; see which runs are over."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_EVERY
        open_specs = {spec.issue.number: spec for spec in self.specs if spec.over_at is None}
        if not open_specs:
            return
        for number, gate, round, pull in self._gates_seen():
            spec = open_specs.get(number)
            if spec is not None and f"{gate}:{round}" not in spec.decided:
                self._decide(pull, spec.kind.decision(gate, round))
                spec.decided.append(f"{gate}:{round}")
        over = self._field.query("SELECT run_id FROM runs WHERE NOT is_open") or []
        for (run_id,) in over:
            number = int(run_id.rpartition("--")[2])
            if number in open_specs:
                open_specs[number].over_at = time.time()

    def is_done(self) -> bool:
        """Whether every run is over."""
        return all(spec.over_at is not None for spec in self.specs)

    def _gates_seen(self) -> list[tuple[int, str, int, int]]:
        """Issue, gate, round, and the pull request where it says so."""
        try:
            comments = self._world.sees("/issues/comments?sort=created&direction=desc&per_page=100")
        except httpx.HTTPError:
            return []
        ours = (each for each in comments if each["user"]["login"] == BOT)
        found = ((_GATE.search(each["body"]), int(each["issue_url"].rpartition("/")[2])) for each in ours)
        return sorted({(int(m[1]), m[2], int(m[3]), pull) for m, pull in found if m})

    def _decide(self, pull: int, decision: Decision) -> None:
        if decision.way == "comment":
            self._world.comments(pull, decision.text, by=decision.by)
            return
        # Not from the list of pull requests: it may lag.
        head = self._world.sees(f"/pulls/{pull}")["head"]["sha"]
        review = {"event": "APPROVE", "body": decision.text, "commit_id": head}
        self._world.hub.by(MAINTAINER, "POST", f"/pulls/{pull}/reviews", review)
