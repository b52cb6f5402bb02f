"""The specs that chaos runs: what each asks for, what its people do and when, and how it ends when nothing goes wrong.

Together they pass every failpoint that there is (tests/stories/points.py).
"""

from dataclasses import dataclass, field
from typing import Literal

from tests.stories.world import MAINTAINER, OWNER, STRANGER

Deed = Literal["approves", "says", "pushes", "lets go", "waits"]


@dataclass(frozen=True)
class Act:
    """What a person does: approves the head in a review, says something in a comment, pushes a commit, or lets an
    agent that holds go on. Who waits does nothing, and is told so that a later occasion may follow."""

    deed: Deed
    text: str = ""
    by: str = MAINTAINER


APPROVES = Act("approves")
SAYS_APPROVE = Act("says", "/approve", by=OWNER)
REJECTS = Act("says", "/reject Please say why the part exists")
CANCELS = Act("says", "/cancel It is not needed any more")
WAITS = Act("waits")
_GATES = ("plan", "merge")


@dataclass(frozen=True)
class Kind:
    """One kind of spec. `acts` are by occasion, each of which comes once: `merge:2` (the gate opens for the second
    time), `answered:1` (the first comment has a reaction), `works:builder:2` (the builder's second attempt has
    begun), `reminded:1` (the journal has a first entry of that kind). `parks` is how often the run asks for help."""

    name: str
    pipeline: str = "quick"
    acts: dict[str, Act] = field(default_factory=lambda: {"merge:1": APPROVES})
    outcome: Literal["merged", "cancelled"] = "merged"
    parks: int = 0
    may_be_hurt: bool = True
    """Whether its agents may be killed: where people count attempts, a repeated one would be another story."""

    @property
    def title(self) -> str:
        """The issue's title; the agents' program reads the kind from it."""
        return f"Add a part ({self.name})"

    def act(self, occasion: str) -> Act | None:
        """What is done on an occasion; at a gate that opens once more than planned, what was done there last."""
        name, _, times = occasion.rpartition(":")
        earlier = range(int(times), 0, -1) if name in _GATES else (times,)
        planned = (f"{name}:{number}" for number in earlier)
        return next((self.acts[each] for each in planned if each in self.acts), None)

    @property
    def pushes(self) -> int:
        """How many commits people push."""
        return sum(act.deed == "pushes" for act in self.acts.values())


KINDS = (
    Kind("six", "six-agents", {"plan:1": APPROVES, "merge:1": SAYS_APPROVE}),
    Kind(
        "pushed",  # while an agent works, and at the gate
        acts={
            "merge:1": REJECTS,
            "works:builder:2": Act("pushes", "while the agent worked"),
            "head_moved:1": Act("lets go"),
            "merge:2": Act("pushes", "at the gate"),
            "merge:3": APPROVES,
        },
        may_be_hurt=False,
    ),
    Kind(
        "stopped",  # while its agent works
        acts={"merge:1": REJECTS, "works:builder:2": CANCELS},
        outcome="cancelled",
        may_be_hurt=False,
    ),
    Kind("rejected", acts={"merge:1": REJECTS, "merge:2": APPROVES}),
    Kind("plain"),
    Kind("broken", acts={"merge:1": SAYS_APPROVE}),
    Kind("sent back", "six-agents", {"plan:1": REJECTS, "plan:2": SAYS_APPROVE, "merge:1": APPROVES}),
    Kind("cancelled", acts={"merge:1": CANCELS}, outcome="cancelled"),
    Kind(
        "asked",
        acts={
            "gate_opened:1": Act("says", "/status"),  # a moment earlier the answer is another one
            "answered:1": Act("says", "/approve", by=STRANGER),
            "answered:2": SAYS_APPROVE,
        },
    ),
    Kind("reminded", "patient", {"merge:1": WAITS, "reminded:1": APPROVES}),
    Kind(
        "given up",
        "short",
        {"run_parked:1": Act("says", "/retry\nLook at the parts that are there", by=OWNER), "merge:1": APPROVES},
        parks=1,
        may_be_hurt=False,
    ),
)


FEW_KINDS = KINDS[:4]
"""For a short campaign. They too pass the representative points."""
