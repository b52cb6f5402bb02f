"""What becomes of a run's branch and its pull request, up to the merge."""

from typing import Literal

from bot.domain.forge import Actor
from bot.domain.gates import Subject
from bot.domain.values import Value


class PullRequestOpened(Value):
    """The run's pull request exists."""

    kind: Literal["pull_request_opened"] = "pull_request_opened"
    version: Literal[1] = 1
    number: int
    node_id: str


class HeadMoved(Value):
    """The branch's head is a commit that is not ours; `by` is None when GitHub did not say whose."""

    kind: Literal["head_moved"] = "head_moved"
    version: Literal[1] = 1
    head: str
    by: Actor | None = None


class ArtifactsTidied(Value):
    """The run's folder of artifacts was taken out of what is to be merged. `parent` is the commit that has it."""

    kind: Literal["artifacts_tidied"] = "artifacts_tidied"
    version: Literal[1] = 1
    commit: str
    parent: str
    diff_digest: str
    artifacts_digest: str


class MergeStarted(Value):
    """The last gate is approved, and GitHub is about to be asked to merge exactly `subject.head`."""

    kind: Literal["merge_started"] = "merge_started"
    version: Literal[1] = 1
    subject: Subject


class MergeWasRefused(Value):
    """GitHub would not merge the approved head: the repository's rules are not met. `may_pass` when they can be met
    without anybody touching this run (a required check still runs, a required review is missing)."""

    kind: Literal["merge_was_refused"] = "merge_was_refused"
    version: Literal[1] = 1
    reason: str
    may_pass: bool = False


class MergeUnblocked(Value):
    """The repository's rules, which a merge waited for, are met now."""

    kind: Literal["merge_unblocked"] = "merge_unblocked"
    version: Literal[1] = 1


class PullRequestMerged(Value):
    """The pull request is merged; `by` is None when we did it."""

    kind: Literal["pull_request_merged"] = "pull_request_merged"
    version: Literal[1] = 1
    sha: str
    by: Actor | None = None


class PullRequestClosed(Value):
    """A person closed the pull request without merging it, or merged it into another branch than the run's base: the
    run is over."""

    kind: Literal["pull_request_closed"] = "pull_request_closed"
    version: Literal[1] = 1
    by: Actor
