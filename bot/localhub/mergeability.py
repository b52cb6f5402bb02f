"""Whether a pull request can be merged, in GitHub's words."""

from bot.localhub.checks_state import Outcome, rollup
from bot.localhub.hub import Hub
from bot.localhub.merging import merged_tree
from bot.localhub.protection import is_behind, missing
from bot.localhub.records import Issue, Pull, Repo


def merges_cleanly(hub: Hub, repo: Repo, pull: Pull) -> bool:
    """Whether git finds no conflict between base and head as they stand."""
    key = ("merges", repo.id, pull.base_sha, pull.head_sha)
    return hub.remember(key, lambda: merged_tree(hub.git(repo), pull.base_sha, pull.head_sha) is not None)


def mergeability(hub: Hub, repo: Repo, issue: Issue, pull: Pull) -> tuple[bool | None, str]:
    """`mergeable` and `mergeable_state` (dirty, draft, blocked, behind, unstable, clean; unknown once closed)."""
    if issue.state != "open":
        return None, "unknown"
    if not merges_cleanly(hub, repo, pull):
        return False, "dirty"
    if pull.draft:
        return True, "draft"
    if missing(hub, repo, issue, pull):
        return True, "blocked"
    if is_behind(hub, repo, pull):
        return True, "behind"
    return True, "clean" if rollup(hub, repo, pull.head_sha) in (Outcome.PASSED, Outcome.ABSENT) else "unstable"
