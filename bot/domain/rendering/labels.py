"""The label that shows a run's state in a list of issues."""

from bot.domain.run import Run
from bot.domain.standing import Status, status

STATE_LABELS: dict[Status, str] = {
    "working": "issuewright: working",
    "waiting": "issuewright: waiting for you",
    "parked": "issuewright: needs help",
    "merged": "issuewright: merged",
    "cancelled": "issuewright: cancelled",
}


def state_label(run: Run) -> str:
    """The one state label that the issue should carry."""
    return STATE_LABELS[status(run)]
