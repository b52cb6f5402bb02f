"""The specs that chaos runs: what each asks for, how its people decide, and what it costs when nothing goes wrong."""

from dataclasses import dataclass, field
from typing import Literal

from tests.stories.world import MAINTAINER, OWNER

Way = Literal["review", "comment"]


@dataclass(frozen=True)
class Decision:
    """What a person says at a gate: in a review, or in a comment (then the comment's text)."""

    way: Way
    text: str = ""
    by: str = MAINTAINER


APPROVES = Decision("review")
SAYS_APPROVE = Decision("comment", "/approve", by=OWNER)
REJECTS = Decision("comment", "/reject Please say why the part exists")
CANCELS = Decision("comment", "/cancel It is not needed any more")


@dataclass(frozen=True)
class Kind:
    """One kind of spec. `decisions` are made one a round of a gate, the last one from then on."""

    name: str
    pipeline: Literal["quick", "six-agents"] = "quick"
    decisions: dict[str, tuple[Decision, ...]] = field(default_factory=lambda: {"merge": (APPROVES,)})
    outcome: Literal["merged", "cancelled"] = "merged"

    @property
    def title(self) -> str:
        """The issue's title; the agents' program reads the kind from it."""
        return f"Add a part ({self.name})"

    def decision(self, gate: str, round: int) -> Decision:
        """What is said when the gate opens for the `round`-th time (from 1)."""
        said = self.decisions[gate]
        return said[min(round, len(said)) - 1]


KINDS = (
    Kind("plain"),
    Kind("six", "six-agents", {"plan": (APPROVES,), "merge": (SAYS_APPROVE,)}),
    Kind("rejected", decisions={"merge": (REJECTS, APPROVES)}),
    Kind("broken", decisions={"merge": (SAYS_APPROVE,)}),
    Kind("sent back", "six-agents", {"plan": (REJECTS, SAYS_APPROVE), "merge": (APPROVES,)}),
    Kind("cancelled", decisions={"merge": (CANCELS,)}, outcome="cancelled"),
)


def kinds_for(specs: int) -> list[Kind]:
    """The kinds of as many specs, in turn."""
    return [KINDS[number % len(KINDS)] for number in range(specs)]
