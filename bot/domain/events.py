"""Events: typed facts from a delivery, the reconciler, a timer or a move. What they mean is `accept`'s business."""

from datetime import datetime
from typing import Literal

from bot.domain.entries import Recorded
from bot.domain.forge import Actor, Review
from bot.domain.refs import IssueRef
from bot.domain.timers import Timer
from bot.domain.values import Text, Value


class IssueLabelled(Value):
    """Somebody put a label on an issue. Who, and when, is read from GitHub: the newest `labeled` event counts.
    `default_branch` is the repository's, if the delivery said so."""

    issue: IssueRef
    label: Text
    default_branch: str | None = None


class CommandGiven(Value):
    """A command in a comment or review: `line` counts from 1, `argument` is the rest of that line, `text` what
    follows up to the next command. `edited` when the comment has been changed since it was written, or the review may
    have been, `explicit` when it was given as `/issuewright <verb>`, which cannot be meant for another bot. One of the
    `operator` comes from the command line of the service: its `source_id` is the time."""

    issue: IssueRef
    source: Literal["comment", "review", "operator"]
    source_id: int
    line: int
    verb: str
    argument: str
    text: str
    by: Actor
    at: datetime
    edited: bool = False
    explicit: bool = True

    @property
    def cause(self) -> str:
        return f"{self.source}:{self.source_id}:{self.line}"


class ReviewSubmitted(Value):
    """Somebody submitted a review of a pull request."""

    pull: IssueRef
    review: Review


class ReviewWasDismissed(Value):
    """Somebody took a submitted review out of force; `by` is None where only that is known."""

    pull: IssueRef
    review_id: int
    by: Actor | None = None


class PullRequestChanged(Value):
    """The pull request's head or state may have changed, or whether it may be merged: the facts say how it stands
    now. When only a check has ended, that matters to nobody but a run whose merge waits for one."""

    pull: IssueRef
    by: Actor | None = None
    only_a_check: bool = False


class TimerDue(Value):
    """A gate's reminder or deadline is due."""

    gate: str
    round: int
    timer: Timer


class MoveMade(Value):
    """What a move came to; `cause` names the move."""

    entry: Recorded
    cause: str


Event = IssueLabelled | CommandGiven | ReviewSubmitted | ReviewWasDismissed | PullRequestChanged | TimerDue | MoveMade
