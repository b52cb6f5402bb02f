"""What `accept` can answer: outcomes are values."""

from typing import Annotated, Literal

from pydantic import Field

from bot.domain.entries import Recorded, RunStarted
from bot.domain.values import Value


class Start(Value):
    """A new run begins."""

    decided: Literal["start"] = "start"
    entry: RunStarted
    cause: str


class Accepted(Value):
    """One more entry for the run's journal."""

    decided: Literal["accepted"] = "accepted"
    entry: Recorded
    cause: str


class Refusal(Value):
    """No, and `reason` tells the person why and what to do instead."""

    decided: Literal["refusal"] = "refusal"
    reason: str
    cause: str


class Answer(Value):
    """Nothing changes; the person gets the text they asked for."""

    decided: Literal["answer"] = "answer"
    text: str
    cause: str


class Ignored(Value):
    """Nothing to do, and nobody needs to be told; `why` is for the log."""

    decided: Literal["ignored"] = "ignored"
    why: str


Decision = Annotated[Start | Accepted | Refusal | Answer | Ignored, Field(discriminator="decided")]
