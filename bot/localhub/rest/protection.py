"""REST: branch protection, for administrators."""

from typing import Any

from bot.localhub.api import Call, Routes
from bot.localhub.errors import ApiError, not_found
from bot.localhub.people import Role
from bot.localhub.protection import Protection, RequiredCheck, RequiredChecks, RequiredReviews, protect, protection_of
from bot.localhub.records import Repo
from bot.localhub.shapes.protection import protection_json

routes = Routes()
PROTECTION = "/repos/{owner}/{repo}/branches/{branch:path}/protection"
_NEEDED = ("required_status_checks", "enforce_admins", "required_pull_request_reviews", "restrictions")


def _branch(call: Call, level: str) -> tuple[Repo, str]:
    repo, name = call.repo(Role.ADMIN, "administration", level), str(call.parameters["branch"])
    if call.hub.head(repo, name) is None:
        raise not_found("Branch not found")
    return repo, name


@routes.get(PROTECTION)
def get_protection(call: Call) -> object:
    """GitHub's `repos/get-branch-protection`."""
    repo, name = _branch(call, "read")
    rules = protection_of(call.hub, repo, name)
    if rules is None:
        raise not_found("Branch not protected")
    return protection_json(call.view, repo, name, rules)


@routes.add("PUT", PROTECTION)
def update_protection(call: Call) -> object:
    """GitHub's `repos/update-branch-protection`."""
    repo, name = _branch(call, "write")
    rules = protection_from(call.body())
    protect(call.hub, repo, name, rules)
    return protection_json(call.view, repo, name, rules)


@routes.add("DELETE", PROTECTION, 204)
def delete_protection(call: Call) -> object:
    """GitHub's `repos/delete-branch-protection`."""
    repo, name = _branch(call, "write")
    if protection_of(call.hub, repo, name) is None:
        raise not_found("Branch not protected")
    protect(call.hub, repo, name, None)
    return None


def protection_from(body: dict[str, Any]) -> Protection:
    """The rules that a request describes; 422 when one of the four needed fields is absent."""
    absent = [field for field in _NEEDED if field not in body]
    if absent:
        missing = ", ".join(f'"{field}" wasn\'t supplied' for field in absent)
        raise ApiError(422, f"Invalid request.\n\n{missing}.")
    checks, reviews = body["required_status_checks"], body["required_pull_request_reviews"]
    return Protection(
        checks=None if checks is None else _checks(checks),
        reviews=None if reviews is None else _reviews(reviews),
        enforce_admins=bool(body["enforce_admins"]),
    )


def _checks(wanted: dict[str, Any]) -> RequiredChecks:
    named = wanted.get("checks") or [{"context": context} for context in wanted.get("contexts", [])]
    # -1 is GitHub's other way to say: from anybody.
    apps = [check.get("app_id") for check in named]
    checks = [
        RequiredCheck(context=str(check["context"]), app_id=None if app in (None, -1) else int(app))
        for check, app in zip(named, apps, strict=True)
    ]
    return RequiredChecks(strict=bool(wanted.get("strict", False)), checks=tuple(checks))


def _reviews(wanted: dict[str, Any]) -> RequiredReviews:
    count = wanted.get("required_approving_review_count", 1)
    if not isinstance(count, int) or not 0 <= count <= 6:
        raise ApiError(422, "Invalid request.\n\nrequired_approving_review_count must be from 0 to 6.")
    return RequiredReviews(count=count, dismiss_stale=bool(wanted.get("dismiss_stale_reviews", False)))
