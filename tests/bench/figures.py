"""A figure of the bench: a median, its floor, the ratio of both, and the target it is held against."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Target:
    """What a figure should be: `of` says whether its value or its ratio to the floor is meant."""

    limit: float
    at: Literal["most", "least"] = "most"
    of: Literal["value", "ratio"] = "value"

    def __str__(self) -> str:
        sign = "≤" if self.at == "most" else "≥"
        return f"{sign} {self.limit:g}{' x floor' if self.of == 'ratio' else ''}"

    def is_met(self, value: float, ratio: float | None) -> bool | None:
        """None when there is no ratio to judge."""
        judged = value if self.of == "value" else ratio
        if judged is None:
            return None
        return judged <= self.limit if self.at == "most" else judged >= self.limit


@dataclass(frozen=True)
class Figure:
    """`samples` are all that was measured, in `unit`; the value is their median. `how` says what was measured."""

    group: str
    name: str
    unit: str
    samples: Sequence[float]
    floor: str = ""
    floor_samples: Sequence[float] = ()
    target: Target | None = None
    how: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> float:
        return statistics.median(self.samples)

    @property
    def floor_value(self) -> float | None:
        return statistics.median(self.floor_samples) if self.floor_samples else None

    @property
    def ratio(self) -> float | None:
        floor = self.floor_value
        return None if not floor else self.value / floor

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None when there is none."""
        return None if self.target is None else self.target.is_met(self.value, self.ratio)

    def as_json(self) -> dict[str, Any]:
        plain = asdict(self) | {
            "value": self.value,
            "floor_value": self.floor_value,
            "ratio": self.ratio,
            "met": self.is_met,
            "target": None if self.target is None else {**asdict(self.target), "text": str(self.target)},
        }
        plain["samples"] = [round(sample, 4) for sample in self.samples]
        plain["floor_samples"] = [round(sample, 4) for sample in self.floor_samples]
        return plain


def interleaved(rounds: int, measures: Mapping[str, Callable[[], float]]) -> Samples:
    """Each measure once a round, A B A B …, so that a neighbour's load falls on all of them alike."""
    found: Samples = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            found[name].append(measure())
    return found


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least this share (0 to 1) of them do not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
