"""The plan of a campaign: which trouble comes when. Seeded: the same seed gives the same plan."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Details = dict[str, Any]


@dataclass(frozen=True)
class Trouble:
    """One piece of trouble, `after` seconds after the one before it. `choice` picks among what is there then."""

    kind: str
    after: float
    choice: int = 0
    details: Details = field(default_factory=dict)


_WRITES = (
    r"/issues/\d+/comments$",
    r"/issues/\d+/comments$",
    r"/check-runs$",
    r"/check-runs$",
    r"/check-runs/\d+$",
    r"/pulls$",
    r"/pulls/\d+/merge$",
    r"/labels",
    r"/reactions$",
    r"/graphql",
    r"/requested_reviewers$",
    r"/issues/comments/\d+$",
    r"/git/refs/",
    r"git-receive-pack",
)
_LISTS = (r"/issues/\d+/comments$", r"/issues/comments$", r"/check-runs$", r"/pulls$", r"/issues$", r"")
_EVENTS = ("issues", "issue_comment", "pull_request_review", "pull_request", None)


def make_plan(seed: int, kills: int, *, postgres: bool, workers: int) -> Iterator[Trouble]:
    """Trouble until the service's processes were killed `kills` times. What cannot strike here is left out when its
    turn comes: the plan is the same with and without a disk that can be filled."""
    chance = random.Random(f"{seed}/{postgres}/{workers}")
    makers: dict[str, tuple[float, Callable[[random.Random], Details]]] = {
        "kill": (10, _a_kill),
        "stop": (2, _a_stop),
        "fault": (6, _a_fault),
        "webhook": (4, _a_webhook_rule),
        "release": (1.5, _a_release),
        "lag": (1.5, lambda chance: {"path_regex": chance.choice(_LISTS), "seconds": round(chance.uniform(1, 6), 1)}),
        "agent": (0.7, _nothing),
        "supervisor": (0.5, _nothing),
        "agent paused": (0.7, _a_stop),
        "supervisor paused": (0.7, _a_stop),
        "hub": (0.7, _nothing),
        "cut": (1.5, _nothing),
        "disk": (0.7, _a_stop),
        "database": (1.5 if postgres else 0, _a_crash),
        "database paused": (1.0 if postgres else 0, _a_stop),
        "zombie": (0.5 if postgres and workers > 1 else 0, lambda chance: {"seconds": chance.uniform(21, 25)}),
    }
    names, weights = list(makers), [weight for weight, _ in makers.values()]
    while kills > 0:
        kind = chance.choices(names, weights)[0]
        kills -= kind == "kill"
        yield Trouble(kind, _pause(chance, kind), chance.randrange(1 << 16), makers[kind][1](chance))


def _pause(chance: random.Random, kind: str) -> float:
    """A kill may strike in the middle of a start; most let some work be done first."""
    if kind != "kill":
        return round(chance.uniform(0.05, 0.6), 2)
    return round(chance.uniform(0.0, 2.0) if chance.random() < 0.25 else chance.uniform(1.5, 6.0), 2)


def _nothing(chance: random.Random) -> Details:
    return {}


def _a_release(chance: random.Random) -> Details:
    return {"order": "shuffle", "seed": chance.randrange(1000)}


def _a_kill(chance: random.Random) -> Details:
    return {"away": round(chance.choice((0.0, 0.0, 0.2, 1.0)) + chance.uniform(0, 0.3), 2)}


def _a_stop(chance: random.Random) -> Details:
    return {"seconds": round(chance.uniform(0.3, 4.0), 2)}


def _a_fault(chance: random.Random) -> Details:
    fault: Details = {
        "method": chance.choice(("POST", "POST", "PUT", "PATCH", None)),
        "path_regex": chance.choice(_WRITES) if chance.random() < 0.8 else None,
        "caller": "installation",
        "when": chance.choice(("before", "after", "after")),
        "times": chance.choice((1, 1, 2)),
        "skip": chance.choice((0, 0, 1)),
    }
    kind = chance.choice(("drop", "drop", "502", "502", "403", "429", "timeout"))
    if kind == "drop":
        return fault | {"kind": "drop"}
    if kind == "timeout":
        return fault | {"kind": "delay", "seconds": 11.0, "times": 1}
    status: Details = {"kind": "status", "status": int(kind), "message": "You have exceeded a secondary rate limit"}
    if kind in ("403", "429"):
        status |= {"headers": {"Retry-After": "1"}, "when": "before"}
    return fault | status


def _a_webhook_rule(chance: random.Random) -> Details:
    return {
        "event": chance.choice(_EVENTS),
        "do": chance.choice(("drop", "delay", "duplicate", "hold", "hold")),
        "seconds": round(chance.uniform(0.5, 4.0), 1),
        "times": chance.choice((1, 2, 3)),
    }


def _a_crash(chance: random.Random) -> Details:
    return {"signal": chance.choice(("SIGQUIT", "SIGKILL")), "away": round(chance.uniform(0.0, 2.0), 2)}
