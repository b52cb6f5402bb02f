"""The people of a campaign: they open specs and do what their kind says, once, as soon as they see the occasion."""

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import httpx

from tests.chaos.field import Field
from tests.chaos.specs import Act, Kind
from tests.stories.world import BOT, MAINTAINER, OWNER, Issue

_GATE = re.compile(r"<!-- issuewright:acme--tally--(\d+):gate:([a-z-]+):(\d+) -->")
_LOOK_EVERY = 0.25
_FACTS = ("head_moved", "gate_opened", "reminded", "run_parked")
"""The kinds of journal entry that people wait for."""


@dataclass
class Spec:
    """An issue that somebody opened, and what came of it. `hurt` are its attempts whose agents were killed."""

    kind: Kind
    issue: Issue
    pull: int | None = None
    done: set[str] = field(default_factory=set)
    said: list[int] = field(default_factory=list)
    hurt: list[str] = field(default_factory=list)
    opened_at: float = field(default_factory=time.time)
    over_at: float | None = None

    @property
    def run_id(self) -> str:
        return f"acme--tally--{self.issue.number}"


class People:
    """Opens specs and acts. `specs` is all that were opened, in order."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._world = field.world
        self._next_look = 0.0
        self.specs: list[Spec] = []

    def open_specs(self, kinds: Iterable[Kind]) -> None:
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
        """Act on what can be seen; see which runs are over."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_EVERY
        if not self.open():
            return
        for spec, occasion in [*self._gates(), *self._starts(), *self._entries(), *self._answers()]:
            act = spec.kind.act(occasion)
            if act is None or occasion in spec.done or (spec.pull is None and _needs_pull(occasion, act)):
                continue
            self._do(spec, act)
            spec.done.add(occasion)
        over = {row[0] for row in self._field.query("SELECT run_id FROM runs WHERE NOT is_open") or []}
        for spec in self.open():
            if spec.run_id in over:
                spec.over_at = time.time()

    def open(self) -> list[Spec]:
        """The specs whose runs are not over."""
        return [spec for spec in self.specs if spec.over_at is None]

    def is_done(self) -> bool:
        """Whether every run is over."""
        return not self.open()

    # -- what can be seen -------------------------------------------------------------------------------------

    def _gates(self) -> Iterator[tuple[Spec, str]]:
        """The gates that have opened, by their comments."""
        specs = {spec.issue.number: spec for spec in self.open()}
        try:
            comments = self._world.sees("/issues/comments?sort=created&direction=desc&per_page=100")
        except httpx.HTTPError:
            return
        for comment in reversed(comments):
            found = _GATE.search(comment["body"]) if comment["user"]["login"] == BOT else None
            spec = specs.get(int(found[1])) if found else None
            if found and spec:
                spec.pull = int(comment["issue_url"].rpartition("/")[2])
                yield spec, f"{found[2]}:{found[3]}"

    def _starts(self) -> Iterator[tuple[Spec, str]]:
        """The agents that were started."""
        calls = self._world.agent_calls()
        for spec in self.open():
            mine = (call.removeprefix(f"{spec.run_id}.") for call in calls if call.startswith(f"{spec.run_id}."))
            yield from ((spec, f"works:{call.replace('.', ':')}") for call in mine)

    def _entries(self) -> Iterator[tuple[Spec, str]]:
        """What the journal tells and people read in the status comment."""
        kinds = ", ".join(f"'{kind}'" for kind in _FACTS)
        query = f"SELECT run_id, kind, count(*) FROM entries WHERE kind IN ({kinds}) GROUP BY run_id, kind"
        rows = self._field.query(query) or []
        for spec in self.open():
            for run_id, kind, times in rows:
                if run_id == spec.run_id:
                    yield from ((spec, f"{kind}:{number}") for number in range(1, times + 1))

    def _answers(self) -> Iterator[tuple[Spec, str]]:
        """Reactions to what people have said, where somebody waits for one."""
        for spec in self.open():
            for number, comment in enumerate(spec.said, start=1):
                occasion = f"answered:{number}"
                waits = occasion in spec.kind.acts and occasion not in spec.done
                if waits and self._world.reactions(comment):
                    yield spec, occasion

    # -- what they do -----------------------------------------------------------------------------------------

    def _do(self, spec: Spec, act: Act) -> None:
        match act.deed:
            case "says":
                spec.said.append(self._world.comments(spec.pull or spec.issue, act.text, by=act.by))
            case "approves":
                # Not from the list of pull requests: it may lag.
                head = self._world.sees(f"/pulls/{spec.pull}")["head"]["sha"]
                review = {"event": "APPROVE", "body": act.text, "commit_id": head}
                self._world.hub.by(MAINTAINER, "POST", f"/pulls/{spec.pull}/reviews", review)
            case "pushes":
                branch = self._world.sees(f"/pulls/{spec.pull}")["head"]["ref"]
                path = f"docs/part_{spec.issue.number}.md"
                self._world.pushes_to(branch, path, f"Pushed {act.text}\n", by=act.by)
            case "lets go":
                (self._world.directory / "agents" / f"go-{spec.issue.number}").touch()
            case "waits":
                pass


def _needs_pull(occasion: str, act: Act) -> bool:
    """Whether people do it on the pull request, which a list that lags may not tell of yet."""
    return act.deed in ("approves", "pushes") or occasion.startswith("gate_opened")


def calls_of(spec: Spec, calls: Iterable[str]) -> list[str]:
    """Those of the agent calls that the spec's run made."""
    return sorted(call for call in calls if call.startswith(f"{spec.run_id}."))
