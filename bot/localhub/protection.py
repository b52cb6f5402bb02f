"""Branch protection: what a base branch demands of a pull request, and what is still missing, in GitHub's words."""

from pydantic import BaseModel, ConfigDict, Field

from bot.localhub.checks_state import Outcome, outcome_of
from bot.localhub.hub import Hub
from bot.localhub.people import Role, role_of
from bot.localhub.records import Actor, Issue, Pull, Repo, Review


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RequiredCheck(_Rules):
    """A check run's or status's name; `app_id` None takes it from anybody."""

    context: str
    app_id: int | None = None


class RequiredChecks(_Rules):
    """`strict`: the head must contain the base as it is now."""

    strict: bool = False
    checks: tuple[RequiredCheck, ...] = ()


class RequiredReviews(_Rules):
    """`dismiss_stale`: a push takes approvals out of force."""

    count: int = Field(1, ge=0, le=6)
    dismiss_stale: bool = False


class Protection(_Rules):
    """One branch's rules; without `enforce_admins` administrators may pass them over."""

    checks: RequiredChecks | None = None
    reviews: RequiredReviews | None = None
    enforce_admins: bool = False


def protection_of(hub: Hub, repo: Repo, branch: str) -> Protection | None:
    """The rules of a branch, None when it is not protected."""
    sql = "SELECT rules FROM protections WHERE repo_id = ? AND branch = ?"
    rules = hub.store.value(sql, repo.id, branch)
    return None if rules is None else Protection.model_validate_json(rules)


def protect(hub: Hub, repo: Repo, branch: str, rules: Protection | None) -> None:
    """Set the rules of a branch; None lifts them."""
    hub.store.run("DELETE FROM protections WHERE repo_id = ? AND branch = ?", repo.id, branch)
    if rules is not None:
        hub.store.insert("protections", repo_id=repo.id, branch=branch, rules=rules.model_dump_json())


def may_pass_over(hub: Hub, repo: Repo, branch: str, by: Actor) -> bool:
    """Whether somebody may merge although something is missing."""
    rules = protection_of(hub, repo, branch)
    is_admin = by.via_app is None and role_of(hub, repo, by.user) >= Role.ADMIN
    return rules is None or (is_admin and not rules.enforce_admins)


def standing_reviews(hub: Hub, issue: Issue) -> list[Review]:
    """Each reviewer's last word that still counts: an approval, or a request for changes."""
    found = hub.store.all(
        Review,
        "SELECT * FROM reviews WHERE issue_id = ? AND state IN ('APPROVED', 'CHANGES_REQUESTED', 'DISMISSED')"
        " ORDER BY submitted_at, id",
        issue.id,
    )
    last = {review.author_id: review for review in found}
    return [review for review in last.values() if review.state != "DISMISSED"]


def missing(hub: Hub, repo: Repo, issue: Issue, pull: Pull) -> list[str]:
    """Every demand of the base branch that is not met, one sentence each; the checks come last."""
    rules = protection_of(hub, repo, pull.base_ref)
    if rules is None:
        return []
    found = []
    if rules.reviews is not None:
        found += _missing_reviews(hub, repo, issue, rules.reviews)
    if rules.checks is not None:
        found += _missing_checks(hub, repo, pull, rules.checks)
    return found


def is_behind(hub: Hub, repo: Repo, pull: Pull) -> bool:
    """Whether the head lacks commits of a base that demands them."""
    rules = protection_of(hub, repo, pull.base_ref)
    if rules is None or rules.checks is None or not rules.checks.strict:
        return False
    key = ("contains", repo.id, pull.base_sha, pull.head_sha)
    return not hub.remember(key, lambda: hub.git(repo).is_ancestor(pull.base_sha, pull.head_sha))


def _missing_reviews(hub: Hub, repo: Repo, issue: Issue, wanted: RequiredReviews) -> list[str]:
    # Everybody who reads may review; only the word of those who write counts here.
    words = [
        review.state
        for review in standing_reviews(hub, issue)
        if role_of(hub, repo, hub.user(review.author_id)) >= Role.WRITE
    ]
    found = []
    if "CHANGES_REQUESTED" in words:
        found.append("Changes have been requested by a reviewer with write access.")
    if words.count("APPROVED") < wanted.count:
        noun = "review is" if wanted.count == 1 else "reviews are"
        found.append(f"At least {wanted.count} approving {noun} required by reviewers with write access.")
    return found


def _missing_checks(hub: Hub, repo: Repo, pull: Pull, wanted: RequiredChecks) -> list[str]:
    words = {Outcome.FAILED: "failing", Outcome.PENDING: "expected", Outcome.ABSENT: "expected"}
    open_checks = [
        (check.context, words[outcome])
        for check in wanted.checks
        if (outcome := outcome_of(hub, repo, pull.head_sha, check.context, check.app_id)) in words
    ]
    if len(open_checks) > 1:
        every = len(wanted.checks)
        if all(word == "expected" for _, word in open_checks):
            return [f"{len(open_checks)} of {every} required status checks are expected."]
        counts = [f"{n} {word}" for word in ("expected", "failing") if (n := [w for _, w in open_checks].count(word))]
        return [f"{len(open_checks)} of {every} required status checks have not succeeded: {', '.join(counts)}."]
    return [f'Required status check "{context}" is {word}.' for context, word in open_checks]
