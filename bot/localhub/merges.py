"""Merging a pull request, in the three ways that GitHub offers."""

import time

from bot.localhub.errors import ApiError, invalid
from bot.localhub.git import Signature
from bot.localhub.hub import Hub
from bot.localhub.mergeability import merges_cleanly
from bot.localhub.merging import Conflict, merge_commit, rebased_commit, squash_commit
from bot.localhub.protection import is_behind, may_pass_over, missing
from bot.localhub.pulls import mark_merged
from bot.localhub.pushes import move_ref
from bot.localhub.records import Actor, Issue, Pull, Repo
from bot.localhub.threads import pull_of

MERGE_METHODS = ("merge", "squash", "rebase")


def merge(
    hub: Hub,
    repo: Repo,
    issue: Issue,
    method: str,
    title: str | None,
    message: str | None,
    sha: str | None,
    by: Actor,
) -> str:
    """Merge a pull request and close it; answers the new commit of the base branch. 409 when the head is not
    `sha`, 405 when it cannot be merged. The caller holds the repository's `ref_lock`."""
    pull = pull_of(hub, issue)
    if method not in MERGE_METHODS:
        raise invalid("PullRequest", "merge_method", "invalid")
    if pull.merged_at is not None or issue.state != "open":
        raise ApiError(405, "Pull Request is not mergeable")
    if sha is not None and sha != pull.head_sha:
        raise ApiError(409, "Head branch was modified. Review and try the merge again.")
    if pull.draft:
        raise ApiError(405, "Pull Request is still a draft")
    if not merges_cleanly(hub, repo, pull):
        raise ApiError(405, "Pull Request is not mergeable")
    if not may_pass_over(hub, repo, pull.base_ref, by):
        _respect_rules(hub, repo, issue, pull)
    try:
        new = _merged(hub, repo, issue, pull, method, title, message, by)
    except Conflict:
        raise ApiError(405, "This branch can't be rebased") from None
    # Merged first: seen from the moving base, its pull request is no longer open.
    mark_merged(hub, repo, issue, new, by)
    move_ref(hub, repo, f"refs/heads/{pull.base_ref}", pull.base_sha, new, by)
    return new


def _respect_rules(hub: Hub, repo: Repo, issue: Issue, pull: Pull) -> None:
    """Raise 405 with everything that the base branch still demands."""
    demands = missing(hub, repo, issue, pull)
    if is_behind(hub, repo, pull):
        demands.append("The head branch is not up to date with the base branch.")
    if demands:
        raise ApiError(405, " ".join(demands))


def _merged(
    hub: Hub, repo: Repo, issue: Issue, pull: Pull, method: str, title: str | None, message: str | None, by: Actor
) -> str:
    """Write the commits of a merge; no ref moves yet."""
    git, now = hub.git(repo), time.time()
    person = Signature(by.user.name or by.user.login, by.user.email, now)
    github = Signature("GitHub", "noreply@github.com", now)
    if method == "rebase":
        return rebased_commit(git, pull.base_sha, pull.head_sha, person)
    if method == "squash":
        commits = git.commits("--reverse", f"{pull.base_sha}..{pull.head_sha}")
        subject = title or f"{issue.title} (#{issue.number})"
        listed = commits[0].message.partition("\n")[2].strip()
        if len(commits) > 1:
            listed = "\n\n".join(f"* {commit.message}" for commit in commits)
        body = listed if message is None else message
        text = f"{subject}\n\n{body}".rstrip() + "\n"
        return squash_commit(git, pull.base_sha, pull.head_sha, text, person, github)
    subject = title or f"Merge pull request #{issue.number} from {repo.owner}/{pull.head_ref}"
    body = issue.title if message is None else message
    return merge_commit(git, pull.base_sha, pull.head_sha, f"{subject}\n\n{body}".rstrip() + "\n", person, github)
