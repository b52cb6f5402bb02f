"""What `next_moves` can ask for. A move says all that is needed to make it, and names the entry that claims it."""

from bot.domain.agents import Feedback
from bot.domain.entries import (
    AttemptMode,
    AttemptStarted,
    DeploymentStarted,
    Environment,
    GateOpening,
    MergeStarted,
    Outcome,
    Recorded,
    RunParked,
    StopRequested,
)
from bot.domain.gates import Subject
from bot.domain.values import Value


class StartAttempt(Value):
    """Start one try at a stage from `start_commit`, with `feedback` to answer."""

    stage: str
    number: int
    mode: AttemptMode
    start_commit: str
    feedback: tuple[Feedback, ...]


class StopAttempt(Value):
    """Ask the live attempt to stop, keeping what it cost."""

    stage: str
    number: int
    reason: str


class OpenPullRequest(Value):
    """Open the run's draft pull request."""


class OpenGate(Value):
    """Show people a subject, and ask for their decision."""

    gate: str
    round: int
    subject: Subject


class Remind(Value):
    """Remind people of the open gate."""

    gate: str
    round: int


class TidyArtifacts(Value):
    """Take the run's folder of artifacts out of what is to be merged."""

    parent: str


class DismissReview(Value):
    """Take the approving review of an earlier gate out of force: code has followed what it approved."""

    gate: str
    review_id: int


class Deploy(Value):
    """Bring a commit to an environment: build, deploy, verify."""

    environment: Environment
    number: int
    commit: str


class Merge(Value):
    """Merge exactly what was approved."""

    subject: Subject


class Park(Value):
    """Stop, and ask a person."""

    reason: str


class Finish(Value):
    """Tidy up on GitHub, and end the run."""

    outcome: Outcome


Move = (
    StartAttempt
    | StopAttempt
    | OpenPullRequest
    | OpenGate
    | Remind
    | TidyArtifacts
    | DismissReview
    | Deploy
    | Merge
    | Park
    | Finish
)


def claim(move: Move) -> Recorded | None:
    """The entry that records the intent to make this move; None for moves that GitHub itself fences."""
    match move:
        case StartAttempt():
            return AttemptStarted(**move.model_dump())
        case StopAttempt():
            return StopRequested(**move.model_dump())
        case OpenGate():
            return GateOpening(**move.model_dump())
        case Deploy():
            return DeploymentStarted(**move.model_dump())
        case Merge():
            return MergeStarted(**move.model_dump())
        case Park():
            return RunParked(**move.model_dump())
        case OpenPullRequest() | Remind() | TidyArtifacts() | DismissReview() | Finish():
            return None


def describe(move: Move) -> str:
    """What the move does, as a phrase for people."""
    match move:
        case StartAttempt(mode="recheck"):
            return "checking the commit that a person pushed"
        case StartAttempt():
            return f"starting attempt {move.number} of {move.stage}"
        case StopAttempt():
            return f"stopping attempt {move.number} of {move.stage}"
        case OpenPullRequest():
            return "opening the pull request"
        case OpenGate():
            return f"opening gate {move.gate}"
        case Remind():
            return f"reminding of gate {move.gate}"
        case TidyArtifacts():
            return "taking the artifacts out of what is merged"
        case DismissReview():
            return f"dismissing the review that approved gate {move.gate}"
        case Deploy():
            return f"deploying {move.commit[:10]} ({move.environment})"
        case Merge():
            return "merging"
        case Park():
            return "asking a person"
        case Finish():
            return "tidying up"
