"""Branch protection: what it demands of a merge, in GitHub's words, and who can meet it."""

from pathlib import Path
from typing import Any

import pytest

from tests.localhub.harness import Localhub, Receiver, push_change, wait_for

REVIEW = "At least 1 approving review is required by reviewers with write access."


@pytest.fixture
def pull(hub: Localhub, tmp_path: Path) -> dict[str, Any]:
    push_change(hub, tmp_path, hub.tokens["wendy"], "change", "new.txt", "1\n")
    made: dict[str, Any] = hub.by("wendy", "POST", "/pulls", {"title": "Change", "head": "change", "base": "main"})
    return made


def protect(
    hub: Localhub, contexts: list[str] | None = None, reviews: dict[str, Any] | None = None, **more: Any
) -> Any:
    rules = {
        "required_status_checks": None
        if contexts is None
        else {"strict": more.get("strict", False), "contexts": contexts},
        "enforce_admins": more.get("enforce_admins", False),
        "required_pull_request_reviews": reviews,
        "restrictions": None,
    }
    return hub.by("acme", "PUT", "/branches/main/protection", rules)


def state(hub: Localhub, pull: dict[str, Any]) -> str:
    return str(hub.by("rita", "GET", f"/pulls/{pull['number']}")["mergeable_state"])


def merge(hub: Localhub, pull: dict[str, Any], by: str = "wendy", status: int = 405) -> str:
    return str(hub.by(by, "PUT", f"/pulls/{pull['number']}/merge", {}, status=status)["message"])


def review(hub: Localhub, pull: dict[str, Any], by: str, event: str = "APPROVE") -> Any:
    return hub.by(by, "POST", f"/pulls/{pull['number']}/reviews", {"event": event, "body": "So."})


def test_only_administrators_set_the_rules(hub: Localhub) -> None:
    protect(hub, ["ci"], {"required_approving_review_count": 2, "dismiss_stale_reviews": True})
    rules = hub.by("acme", "GET", "/branches/main/protection")
    assert rules["required_status_checks"]["contexts"] == ["ci"]
    assert rules["required_pull_request_reviews"]["required_approving_review_count"] == 2
    hub.by("mary", "GET", "/branches/main/protection", status=403)
    summary = hub.by("rita", "GET", "/branches/main")
    assert summary["protected"]
    assert summary["protection"]["required_status_checks"]["contexts"] == ["ci"]
    assert [branch["protected"] for branch in hub.by("rita", "GET", "/branches")] == [True]
    hub.by("acme", "DELETE", "/branches/main/protection")
    hub.by("acme", "GET", "/branches/main/protection", status=404)
    hub.by("acme", "PUT", "/branches/main/protection", {"enforce_admins": True}, status=422)


def test_a_review_by_somebody_who_only_reads_is_not_enough(hub: Localhub, pull: dict[str, Any]) -> None:
    protect(hub, reviews={})
    review(hub, pull, "rita")
    review(hub, pull, "tom")
    assert (state(hub, pull), merge(hub, pull)) == ("blocked", REVIEW)
    review(hub, pull, "mary", "REQUEST_CHANGES")
    assert merge(hub, pull) == f"Changes have been requested by a reviewer with write access. {REVIEW}"
    review(hub, pull, "mary")
    assert state(hub, pull) == "clean"
    merge(hub, pull, status=200)


def test_a_dismissed_approval_does_not_count(hub: Localhub, pull: dict[str, Any]) -> None:
    protect(hub, reviews={})
    given = review(hub, pull, "mary")
    place = f"/pulls/{pull['number']}/reviews/{given['id']}/dismissals"
    hub.by("wendy", "PUT", place, {"message": "Code followed"})
    assert merge(hub, pull) == REVIEW


def test_required_checks_come_from_runs_and_from_statuses(hub: Localhub, pull: dict[str, Any]) -> None:
    protect(hub, ["ci", "lint"])
    head, token = pull["head"]["sha"], hub.bot_token()
    assert merge(hub, pull) == "2 of 2 required status checks are expected."
    hub.by("wendy", "POST", f"/statuses/{head}", {"state": "success", "context": "lint"})
    assert (state(hub, pull), merge(hub, pull)) == ("blocked", 'Required status check "ci" is expected.')
    run = hub.call("POST", "/check-runs", token, {"name": "ci", "head_sha": head, "status": "in_progress"}).json()
    assert merge(hub, pull) == 'Required status check "ci" is expected.'
    hub.call("PATCH", f"/check-runs/{run['id']}", token, {"conclusion": "failure"})
    assert merge(hub, pull) == 'Required status check "ci" is failing.'
    hub.call("POST", "/check-runs", token, {"name": "ci", "head_sha": head, "conclusion": "success"})
    assert state(hub, pull) == "clean"
    hub.by("wendy", "POST", f"/statuses/{head}", {"state": "failure", "context": "unrelated"})
    assert state(hub, pull) == "unstable"
    merge(hub, pull, status=200)


def test_a_check_of_one_app_is_not_met_by_another(hub: Localhub, pull: dict[str, Any]) -> None:
    rules = {"checks": {"checks": [{"context": "ci", "app_id": 77}]}}
    hub.control("PUT", f"/repositories/{hub.repository}/protection/main", rules)
    head = pull["head"]["sha"]
    hub.call("POST", "/check-runs", hub.bot_token(), {"name": "ci", "head_sha": head, "conclusion": "success"})
    assert merge(hub, pull) == 'Required status check "ci" is expected.'
    hub.control("DELETE", f"/repositories/{hub.repository}/protection/main")
    merge(hub, pull, status=200)


def test_strict_rules_want_the_base_in_the_head(hub: Localhub, pull: dict[str, Any], tmp_path: Path) -> None:
    protect(hub, [], strict=True)
    (tmp_path / "other").mkdir()
    push_change(hub, tmp_path / "other", hub.tokens["wendy"], "main", "later.txt", "2\n")
    assert (state(hub, pull), "not up to date" in merge(hub, pull)) == ("behind", True)


def test_administrators_pass_them_over_unless_told_otherwise(hub: Localhub, pull: dict[str, Any]) -> None:
    protect(hub, ["ci"], enforce_admins=True)
    assert merge(hub, pull, by="acme") == 'Required status check "ci" is expected.'
    protect(hub, ["ci"])
    assert merge(hub, pull, by="mary") == 'Required status check "ci" is expected.'
    merge(hub, pull, by="acme", status=200)


def test_a_push_takes_approvals_out_of_force(own_hub: Localhub, receiver: Receiver, tmp_path: Path) -> None:
    push_change(own_hub, tmp_path, own_hub.tokens["wendy"], "change", "new.txt", "1\n")
    pull = own_hub.by("wendy", "POST", "/pulls", {"title": "Change", "head": "change", "base": "main"})
    protect(own_hub, reviews={"dismiss_stale_reviews": True})
    given = review(own_hub, pull, "mary")
    assert state(own_hub, pull) == "clean"
    push_change(own_hub, tmp_path, own_hub.tokens["wendy"], "change", "new.txt", "2\n")
    assert merge(own_hub, pull) == REVIEW
    (dismissed,) = wait_for("the webhook", lambda: receiver.named("pull_request_review.dismissed"))
    assert dismissed.payload["review"]["id"] == given["id"]
    assert dismissed.payload["review"]["state"] == "dismissed"
