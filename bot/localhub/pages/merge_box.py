"""The box under a pull request: what speaks for and against merging it, and the button."""

from dataclasses import dataclass

from bot.localhub.checks_state import Outcome, outcomes
from bot.localhub.mergeability import mergeability
from bot.localhub.pages.visit import Visit
from bot.localhub.people import Role
from bot.localhub.protection import is_behind, may_pass_over, missing
from bot.localhub.records import Issue, Pull, Repo


@dataclass(frozen=True)
class MergeBox:
    """`state` is GitHub's `mergeable_state`; `against` says why it cannot be merged now; `over` that the visitor
    may all the same."""

    state: str
    against: tuple[str, ...]
    checks: tuple[tuple[str, Outcome], ...]
    may_merge: bool
    over: bool

    @property
    def is_open_to(self) -> bool:
        """Whether the visitor's button works."""
        return self.may_merge and (not self.against or self.over)


def merge_box(visit: Visit, repo: Repo, issue: Issue, pull: Pull) -> MergeBox:
    """The box as this visitor sees it."""
    hub = visit.hub
    _, state = mergeability(hub, repo, issue, pull)
    against: list[str] = []
    fixed = state in ("dirty", "draft")
    if state == "dirty":
        against.append("This branch has conflicts that must be resolved.")
    if state == "draft":
        against.append("This pull request is still a work in progress: a draft cannot be merged.")
    if issue.state == "open":
        against += missing(hub, repo, issue, pull)
        if is_behind(hub, repo, pull):
            against.append("The head branch is not up to date with the base branch.")
    may_merge = visit.may(repo, Role.WRITE)
    over = (
        bool(against) and not fixed and visit.user is not None and may_pass_over(hub, repo, pull.base_ref, visit.actor)
    )
    checks = tuple((name, outcome) for name, _, outcome in outcomes(hub, repo, pull.head_sha))
    return MergeBox(state, tuple(against), checks, may_merge, over)
