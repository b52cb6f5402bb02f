"""The labels that show in a list of issues which runs wait for people, and which were given up. What GitHub shows there
itself, an issue that is closed by a merge, has none."""

from bot.domain.run import Run
from bot.domain.standing import Status, status

STATE_LABELS: dict[Status, str] = {
    "waiting": "issuewright: waiting for you",
    "parked": "issuewright: needs help",
    "cancelled": "issuewright: cancelled",
}

LABELS = (*STATE_LABELS.values(), "issuewright: merged")
"""Those that are taken off again; the last was put by earlier releases."""


def state_label(run: Run) -> str | None:
    """The one state label that the issue should carry; None while the run works and needs nobody, and
    after its merge."""
    return STATE_LABELS.get(status(run))
