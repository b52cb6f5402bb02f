"""The labels that show in a list of issues which runs wait for people, and how the others ended."""

from bot.domain.run import Run
from bot.domain.standing import Status, status

STATE_LABELS: dict[Status, str] = {
    "waiting": "issuewright: waiting for you",
    "parked": "issuewright: needs help",
    "merged": "issuewright: merged",
    "cancelled": "issuewright: cancelled",
}


def state_label(run: Run) -> str | None:
    """The one state label that the issue should carry; None while the run works and needs nobody."""
    return STATE_LABELS.get(status(run))
