"""Every named failpoint, by the plot that passes it; a test compares this list with what is reached."""

from collections.abc import Iterator


def _steps(*names: str) -> Iterator[str]:
    return (f"step.{name}.{side}" for name in names for side in ("before", "after"))


def _effects(*kinds: str) -> Iterator[str]:
    return (f"effect.{kind}.{when}" for kind in kinds for when in ("before-look-up", "before-call", "after-call"))


def _moves(*names: str) -> Iterator[str]:
    return (f"drive.{name}.{side}" for name in names for side in ("claimed", "made"))


def _surfaces(*names: str) -> Iterator[str]:
    return (f"surface.{name}.changed" for name in names)


POINTS: dict[str, tuple[str, ...]] = {
    "merge": (
        *_surfaces("status", "stage", "check"),
        "inbox.stored",
        "inbox.decided",
        *_steps("read", "decide", "acknowledge", "claim", "make", "record", "begin", "publish"),
        *_steps("prepare", "agent", "snapshot", "judge", "hand on"),
        "attempt.finished",
        *_effects("reaction", "comment", "reply", "push", "pull-request", "check-run"),
        *_effects("ready", "review-request", "gate-comment", "merge", "close-issue", "delete-branch"),
        *_moves("StartAttempt", "OpenPullRequest", "OpenGate", "Merge", "Finish"),
    ),
    "failing tests": (*_steps("keep"), *_effects("reminder"), *_moves("Remind")),
    "cancel": (*_surfaces("label"), *_effects("close-pull-request"), *_moves("StopAttempt")),
    "push": (*_steps("replay", "digest"),),
    "give up": (*_moves("Park"),),
    "plan": (
        *_steps("announce", "build", "smoke", "ship", "verify", "report"),
        *_effects("dismissal", "ref", "deployment", "deployment-status"),
        *_moves("DismissReview", "TidyArtifacts", "Deploy"),
    ),
}

ELSEWHERE = ("archive.written", "archive.removed")
"""Points of the operator's commands, which no run passes: tests/entrypoints/test_archive.py dies there."""

REPRESENTATIVE = (
    "inbox.stored",
    "inbox.decided",
    "step.claim.after",
    "step.agent.before",
    "step.agent.after",
    "effect.push.after-call",
    "attempt.finished",
    "effect.pull-request.after-call",
    "effect.comment.after-call",
    "effect.gate-comment.before-call",
    "effect.merge.after-call",
    "step.publish.before",
)
"""The few that are tried before every commit; the others wait for CI."""
