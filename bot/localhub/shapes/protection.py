"""JSON of branch protection."""

from typing import Any
from urllib.parse import quote

from bot.localhub.protection import Protection, RequiredChecks
from bot.localhub.records import Repo
from bot.localhub.view import View

Json = dict[str, Any]
_SWITCHES = (
    "required_linear_history",
    "allow_force_pushes",
    "allow_deletions",
    "block_creations",
    "required_conversation_resolution",
    "lock_branch",
    "allow_fork_syncing",
)


def protection_json(view: View, repo: Repo, branch: str, rules: Protection) -> Json:
    """A `Branch Protection`, which is a `Protected Branch` too."""
    url = f"{view.repo_api(repo)}/branches/{quote(branch)}/protection"
    shape: Json = {
        "url": url,
        "enforce_admins": {"url": f"{url}/enforce_admins", "enabled": rules.enforce_admins},
        "required_signatures": {"url": f"{url}/required_signatures", "enabled": False},
        **{name: {"enabled": False} for name in _SWITCHES},
    }
    if rules.checks is not None:
        place = f"{url}/required_status_checks"
        shape["required_status_checks"] = {
            "url": place,
            "strict": rules.checks.strict,
            "contexts_url": f"{place}/contexts",
            **_checks_json(rules.checks),
        }
    if rules.reviews is not None:
        shape["required_pull_request_reviews"] = {
            "url": f"{url}/required_pull_request_reviews",
            "dismiss_stale_reviews": rules.reviews.dismiss_stale,
            "require_code_owner_reviews": False,
            "require_last_push_approval": False,
            "required_approving_review_count": rules.reviews.count,
        }
    return shape


def _checks_json(checks: RequiredChecks) -> Json:
    return {
        "contexts": [check.context for check in checks.checks],
        "checks": [{"context": check.context, "app_id": check.app_id} for check in checks.checks],
    }


def protection_summary(rules: Protection | None) -> Json:
    """What everybody who reads may know: the `protection` of a branch."""
    checks = rules.checks if rules else None
    level = "off" if rules is None or checks is None else "everyone" if rules.enforce_admins else "non_admins"
    required = {"enforcement_level": level, **_checks_json(checks or RequiredChecks())}
    return {"enabled": rules is not None, "required_status_checks": required}
