"""What happens at a gate: it is shown, and people decide or let it wait."""

from datetime import datetime
from typing import Literal

from bot.domain.agents import Finding
from bot.domain.forge import Actor
from bot.domain.gates import Subject
from bot.domain.values import Value


class GateOpening(Value):
    """People are about to be asked to approve exactly `subject`."""

    kind: Literal["gate_opening"] = "gate_opening"
    version: Literal[1] = 1
    gate: str
    round: int
    subject: Subject


class GateOpened(Value):
    """The gate's comment is up; `shown_at` is when, by GitHub's clock. Earlier approvals do not count."""

    kind: Literal["gate_opened"] = "gate_opened"
    version: Literal[1] = 1
    gate: str
    round: int
    comment_id: int
    shown_at: datetime


class Approved(Value):
    """Somebody with permission approved the open gate's subject. `given_at` is when, by GitHub's clock. `lapsed` are
    the ids of those who had approved it before and may not decide any more."""

    kind: Literal["approved"] = "approved"
    version: Literal[1] = 1
    gate: str
    round: int
    by: Actor
    head: str
    given_at: datetime
    review_id: int | None = None
    lapsed: tuple[int, ...] = ()


class ApprovalWithdrawn(Value):
    """An approving review was dismissed before what it approved was merged: it does not count any more."""

    kind: Literal["approval_withdrawn"] = "approval_withdrawn"
    version: Literal[1] = 1
    review_id: int
    by: Actor | None = None


class ReviewDismissed(Value):
    """We dismissed the approving review of an earlier gate, because code has followed it."""

    kind: Literal["review_dismissed"] = "review_dismissed"
    version: Literal[1] = 1
    review_id: int


class Rejected(Value):
    """Somebody with permission refused the open gate's subject, or what was approved and not merged yet, and said why.
    `stage` is the one that can act on it (None: the gate's own choice)."""

    kind: Literal["rejected"] = "rejected"
    version: Literal[1] = 1
    gate: str
    round: int
    by: Actor
    reason: str
    findings: tuple[Finding, ...] = ()
    stage: str | None = None


class TimerFired(Value):
    """A gate's reminder or deadline came."""

    kind: Literal["timer_fired"] = "timer_fired"
    version: Literal[1] = 1
    gate: str
    round: int
    timer: Literal["remind", "expire"]


class Reminded(Value):
    """The people asked were reminded of an open gate."""

    kind: Literal["reminded"] = "reminded"
    version: Literal[1] = 1
    gate: str
    round: int
