"""Whether a pull request can be merged, in GitHub's words."""

from bot.localhub.hub import Hub
from bot.localhub.merging import merged_tree
from bot.localhub.records import Issue, Pull, Repo

_FINE = ("success", "neutral", "skipped")


def merges_cleanly(hub: Hub, repo: Repo, pull: Pull) -> bool:
    """Whether git finds no conflict between base and head as they stand."""
    key = ("merges", repo.id, pull.base_sha, pull.head_sha)
    return hub.remember(key, lambda: merged_tree(hub.git(repo), pull.base_sha, pull.head_sha) is not None)


def mergeability(hub: Hub, repo: Repo, issue: Issue, pull: Pull) -> tuple[bool | None, str]:
    """`mergeable` and `mergeable_state` (dirty, draft, unstable, clean; unknown once closed)."""
    if issue.state != "open":
        return None, "unknown"
    if not merges_cleanly(hub, repo, pull):
        return False, "dirty"
    if pull.draft:
        return True, "draft"
    return True, "clean" if checks_pass(hub, repo, pull.head_sha) else "unstable"


def checks_pass(hub: Hub, repo: Repo, sha: str) -> bool:
    """Whether every latest check run and commit status on a commit is done and good."""
    runs = hub.store.rows(
        "SELECT status, conclusion FROM check_runs WHERE id IN"
        " (SELECT max(id) FROM check_runs WHERE repo_id = ? AND head_sha = ? GROUP BY app_id, name)",
        repo.id,
        sha,
    )
    statuses = hub.store.rows(
        "SELECT state FROM statuses WHERE id IN"
        " (SELECT max(id) FROM statuses WHERE repo_id = ? AND sha = ? GROUP BY context)",
        repo.id,
        sha,
    )
    good_runs = all(run["status"] == "completed" and run["conclusion"] in _FINE for run in runs)
    return good_runs and all(status["state"] == "success" for status in statuses)
