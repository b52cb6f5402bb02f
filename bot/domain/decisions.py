"""What `accept` can answer: outcomes are values."""

from bot.domain.entries import Recorded, RunStarted
from bot.domain.values import Value


class Start(Value):
    """A new run begins."""

    entry: RunStarted
    cause: str


class Accepted(Value):
    """One more entry for the run's journal."""

    entry: Recorded
    cause: str


class Refusal(Value):
    """No, and `reason` tells the person why and what to do instead."""

    reason: str
    cause: str


class Answer(Value):
    """Nothing changes; the person gets the text they asked for."""

    text: str
    cause: str


class Ignored(Value):
    """Nothing to do, and nobody needs to be told; `why` is for the log."""

    why: str


Decision = Start | Accepted | Refusal | Answer | Ignored
