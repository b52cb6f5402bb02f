"""Every operation that localhub serves, called at least once, as a small company would."""

from pathlib import Path
from typing import Any

import httpx

from tests.localhub.harness import Localhub, Receiver, app_jwt, push_change, wait_for

MAIN_TEXT = "# Tally\n"
WORKFLOW = ".github/workflows/deploy.yml"
WORKFLOW_TEXT = """\
name: Deploy
run-name: Deploy ${{ inputs.version }}
on:
  workflow_dispatch:
    inputs:
      version: {required: true}
"""


class Company:
    """acme/tally, its owner `acme`, `maya` who may write, `theo` who may read, and the App."""

    def __init__(self, hub: Localhub, receiver: Receiver, work: Path) -> None:
        self.hub = hub
        self.work = work
        for login in ("acme", "maya", "theo"):
            hub.user(login)
        files = {"README.md": MAIN_TEXT, "tally/__init__.py": "", "bin/run": "true\n", WORKFLOW: WORKFLOW_TEXT}
        hub.control("POST", "/repositories", {"owner": "acme", "name": "tally", "files": files})
        for login, role in (("maya", "write"), ("theo", "read")):
            place = "/repositories/acme/tally/collaborators"
            hub.control("POST", place, {"login": login, "role_name": role})
        hub.install_app(receiver.url, ["acme/tally"])
        self.token = hub.bot_token()

    def maya(self, method: str, path: str, body: object = None, status: int | None = None) -> Any:
        return self.hub.by("maya", method, path, body, status)

    def theo(self, method: str, path: str, body: object = None, status: int | None = None) -> Any:
        return self.hub.by("theo", method, path, body, status)

    def bot(self, method: str, path: str, body: object = None, status: int | None = None) -> Any:
        answer = self.hub.call(method, path, self.token, body)
        assert answer.is_success if status is None else answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def as_app(self, path: str) -> Any:
        headers = {"authorization": f"Bearer {app_jwt()}"}
        answer = self.hub.http.get(self.hub.api + path, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    def pushes(self, branch: str, path: str, text: str) -> str:
        return push_change(self.hub, self.work, self.hub.tokens["maya"], branch, path, text)

    def raw(self, path: str, **headers: str) -> httpx.Response:
        """A GET of something else than JSON."""
        token = {"authorization": f"token {self.hub.tokens['maya']}"}
        return self.hub.http.get(f"{self.hub.api}/repos/acme/tally{path}", headers=token | headers)


def drive_everything(company: Company) -> None:
    """One call after the other; each must succeed unless a status is named."""
    _apps(company)
    _people(company)
    _issues(company)
    _comments(company)
    _code(company)
    pull, head = _pull_request(company)
    _reviews(company, pull)
    _line_comments(company, pull, head)
    _checks(company, pull, head)
    _protection(company)
    _deployments(company, head)
    _workflows(company)
    _merge(company, pull, head)
    _refusals(company, pull)


def _apps(company: Company) -> None:
    app = company.as_app("/app")
    assert app["slug"] == "issuewright"
    (installation,) = company.as_app("/app/installations")
    company.as_app(f"/app/installations/{installation['id']}")
    company.as_app("/repos/acme/tally/installation")
    company.hub.bot_token(repositories=["tally"], permissions={"contents": "write", "issues": "write"})
    listed = company.bot("GET", "//installation/repositories")
    assert listed["total_count"] == 1


def _people(company: Company) -> None:
    company.maya("GET", "//user")
    company.maya("GET", "//users/theo")
    company.bot("GET", "//users/issuewright[bot]")
    company.maya("GET", "//user/repos")
    company.maya("GET", "/collaborators")
    for login in ("acme", "maya", "theo"):
        company.bot("GET", f"/collaborators/{login}/permission")
    company.bot("GET", "/collaborators/maya", status=204)
    company.bot("GET", "/collaborators/issuewright[bot]", status=404)
    company.maya("GET", "/assignees")
    for path in ("//rate_limit", "//meta", "//"):
        company.maya("GET", path)


def _issues(company: Company) -> None:
    company.maya("POST", "/issues", {"title": "Add /health", "body": "Please.", "labels": ["enhancement"]})
    company.bot("GET", "/issues?labels=enhancement&state=open&sort=created&direction=desc&per_page=100")
    company.bot("GET", "/issues/1")
    company.maya("PATCH", "/issues/1", {"title": "Add a health check", "body": "Please do.", "labels": ["spec"]})
    company.maya("POST", "/labels", {"name": "state: building", "color": "ededed", "description": "At work"})
    company.bot("GET", "/labels")
    company.bot("GET", "/labels/state:%20building")
    company.bot("POST", "/issues/1/labels", {"labels": ["state: building", "new one"]})
    company.bot("GET", "/issues/1/labels")
    company.bot("DELETE", "/issues/1/labels/new%20one")
    company.bot("PUT", "/issues/1/labels", {"labels": ["spec"]})
    company.bot("DELETE", "/issues/1/labels")
    company.bot("POST", "/issues/1/reactions", {"content": "eyes"})
    (reaction,) = company.bot("GET", "/issues/1/reactions")
    company.bot("DELETE", f"/issues/1/reactions/{reaction['id']}")
    company.maya("PATCH", "/issues/1", {"state": "closed", "state_reason": "not_planned"})
    company.maya("PATCH", "/issues/1", {"state": "open"})
    company.bot("GET", "/issues/1/events?per_page=100")


def _comments(company: Company) -> None:
    comment = company.bot("POST", "/issues/1/comments", {"body": "On it."})
    place = f"/issues/comments/{comment['id']}"
    company.bot("GET", "/issues/1/comments?since=2024-01-01T00:00:00Z")
    company.bot("GET", "/issues/comments?sort=created&direction=asc")
    company.bot("GET", place)
    company.bot("PATCH", place, {"body": "On it!"})
    company.maya("POST", f"{place}/reactions", {"content": "rocket"})
    (reaction,) = company.bot("GET", f"{place}/reactions")
    company.maya("DELETE", f"{place}/reactions/{reaction['id']}")
    company.maya("POST", "/issues/1/comments", {"body": "Thanks"})
    company.bot("DELETE", place)


def _code(company: Company) -> None:
    head = company.pushes("feature/one", "tally/one.py", "ONE = 1\n")
    company.pushes("feature/one", "tally/two.py", "TWO = 2\n")
    company.bot("GET", "")
    company.bot("GET", "/branches")
    company.bot("GET", "/branches/feature/one")
    company.bot("GET", "/commits?sha=feature/one&path=tally/one.py")
    company.bot("GET", f"/commits/{head}")
    company.bot("GET", f"/git/commits/{head}")
    company.bot("GET", "/compare/main...feature/one")
    company.bot("GET", "/readme")
    company.bot("GET", "/contents")
    company.bot("GET", "/contents/tally?ref=feature/one")
    company.bot("GET", "/contents/tally/one.py?ref=feature/one")
    assert company.raw("/contents/README.md", accept="application/vnd.github.raw+json").text == MAIN_TEXT
    assert company.raw("/commits/main", accept="application/vnd.github.sha").text == _main(company)
    company.bot("GET", "/git/ref/heads/main")
    company.bot("GET", "/git/matching-refs/heads/feature")
    company.bot("GET", "/git/refs")
    company.maya("POST", "/git/refs", {"ref": "refs/tags/v1", "sha": head})
    company.maya("POST", "/git/refs", {"ref": "refs/heads/other", "sha": _main(company)})
    company.maya("PATCH", "/git/refs/heads/other", {"sha": head, "force": False})
    company.maya("DELETE", "/git/refs/heads/other")


def _main(company: Company) -> str:
    return str(company.bot("GET", "/git/ref/heads/main")["object"]["sha"])


def _pull_request(company: Company) -> tuple[int, str]:
    company.pushes("issuewright/1-health", "tally/health.py", "OK = True\n")
    wanted = {"title": "Health", "body": "Closes #1", "head": "issuewright/1-health", "base": "main", "draft": True}
    pull = company.bot("POST", "/pulls", wanted)["number"]
    head = company.pushes("issuewright/1-health", "tally/health.py", "OK = 'yes'\n")
    company.bot("GET", "/pulls?state=all&sort=created&direction=desc&head=acme:issuewright/1-health")
    company.bot("GET", f"/pulls/{pull}")
    company.bot("PATCH", f"/pulls/{pull}", {"title": "Health check", "body": "Closes #1."})
    company.bot("PATCH", f"/pulls/{pull}", {"state": "closed"})
    company.bot("PATCH", f"/pulls/{pull}", {"state": "open"})
    node = company.bot("GET", f"/pulls/{pull}")["node_id"]
    _mark(company, "markPullRequestReadyForReview", node)
    _mark(company, "convertPullRequestToDraft", node)
    _mark(company, "markPullRequestReadyForReview", node)
    company.bot("GET", f"/pulls/{pull}/commits")
    company.bot("GET", f"/pulls/{pull}/files")
    company.bot("POST", f"/pulls/{pull}/requested_reviewers", {"reviewers": ["maya", "theo"]})
    company.bot("GET", f"/pulls/{pull}/requested_reviewers")
    company.bot("DELETE", f"/pulls/{pull}/requested_reviewers", {"reviewers": ["theo"]})
    company.maya("POST", f"/issues/{pull}/labels", {"labels": ["spec"]})
    company.maya("POST", f"/issues/{pull}/comments", {"body": "Nice"})
    company.bot("GET", f"/issues/{pull}")
    return pull, head


def _mark(company: Company, mutation: str, node: str) -> None:
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    wanted = f"mutation M($input: {kind}!) {{ {mutation}(input: $input) {{ pullRequest {{ isDraft }} }} }}"
    body = {"query": wanted, "variables": {"input": {"pullRequestId": node}}}
    answer = company.hub.http.post(
        f"{company.hub.url}/api/graphql", json=body, headers={"authorization": f"token {company.token}"}
    )
    assert "errors" not in answer.json(), answer.text


def _reviews(company: Company, pull: int) -> None:
    reviews = f"/pulls/{pull}/reviews"
    remark = company.theo("POST", reviews, {"event": "COMMENT", "body": "Hm."})
    company.theo("PUT", f"{reviews}/{remark['id']}", {"body": "Hm, well."})
    review = company.maya("POST", reviews, {"body": "Not yet"})
    company.maya("POST", f"{reviews}/{review['id']}/events", {"event": "REQUEST_CHANGES", "body": "A test, please"})
    approval = company.maya("POST", reviews, {"event": "APPROVE"})
    company.bot("GET", reviews)
    company.bot("GET", f"{reviews}/{approval['id']}")
    company.bot("PUT", f"{reviews}/{approval['id']}/dismissals", {"message": "Code followed."})
    company.bot("GET", f"/pulls/{pull}/comments")
    company.bot("GET", f"/issues/{pull}/timeline")
    company.bot("GET", f"/issues/{pull}/events")


def _line_comments(company: Company, pull: int, head: str) -> None:
    place = f"/pulls/{pull}"
    note = {"path": "tally/health.py", "line": 1, "side": "RIGHT", "body": "Why a text?"}
    review = company.theo("POST", f"{place}/reviews", {"event": "COMMENT", "comments": [note]})
    (said,) = company.bot("GET", f"{place}/reviews/{review['id']}/comments")
    company.bot("POST", f"{place}/comments/{said['id']}/replies", {"body": "So that it can say more."})
    alone = company.maya("POST", f"{place}/comments", {**note, "commit_id": head, "body": "I see"})
    company.maya("PATCH", f"/pulls/comments/{alone['id']}", {"body": "I see."})
    company.bot("GET", f"/pulls/comments/{said['id']}")
    company.bot("GET", f"{place}/comments")
    company.bot("GET", "/pulls/comments?direction=desc")


def _protection(company: Company) -> None:
    rules = {
        "required_status_checks": {"strict": False, "contexts": ["ci/test"]},
        "enforce_admins": True,
        "required_pull_request_reviews": {"required_approving_review_count": 1, "dismiss_stale_reviews": True},
        "restrictions": None,
    }
    place = "/branches/main/protection"
    company.hub.by("acme", "PUT", place, rules)
    company.hub.by("acme", "GET", place)
    company.bot("GET", "/branches/main")
    company.hub.by("acme", "DELETE", place)


def _deployments(company: Company, head: str) -> None:
    wanted = {"ref": head, "environment": "preview", "required_contexts": [], "payload": {"run": "1"}}
    deployment = company.bot("POST", "/deployments", wanted | {"description": "For a look", "auto_merge": False})
    place = f"/deployments/{deployment['id']}"
    done = {"state": "success", "description": "Healthy", "environment_url": "https://preview.example/"}
    status = company.bot("POST", f"{place}/statuses", done | {"log_url": "https://preview.example/log"})
    company.bot("GET", place)
    company.bot("GET", f"{place}/statuses")
    company.bot("GET", f"{place}/statuses/{status['id']}")
    company.bot("GET", f"/deployments?sha={head}&environment=preview")


def _workflows(company: Company) -> None:
    place = "/actions/workflows/deploy.yml"
    wanted = {"ref": "main", "inputs": {"version": "7"}}
    company.bot("POST", f"{place}/dispatches", wanted)
    made = company.bot("POST", f"{place}/dispatches", wanted | {"return_run_details": True})
    company.bot("GET", f"{place}/runs?event=workflow_dispatch")
    company.bot("GET", "/actions/runs")
    control = f"/repositories/acme/tally/workflow-runs/{made['workflow_run_id']}"
    company.hub.control("POST", control, {"status": "in_progress"})
    company.hub.control("POST", control, {"status": "completed", "conclusion": "success"})
    company.bot("GET", f"/actions/runs/{made['workflow_run_id']}")


def _checks(company: Company, pull: int, head: str) -> None:
    wanted = {
        "name": "issuewright",
        "head_sha": head,
        "status": "in_progress",
        "external_id": "run-1",
        "output": {"title": "At work", "summary": "Building"},
    }
    run = company.bot("POST", "/check-runs", wanted)["id"]
    note = {"path": "tally/health.py", "start_line": 1, "end_line": 1, "annotation_level": "warning", "message": "Hm"}
    done = {"title": "Done", "summary": "Fine", "text": "All of it", "annotations": [note]}
    company.bot("PATCH", f"/check-runs/{run}", {"status": "completed", "conclusion": "success", "output": done})
    company.bot("GET", f"/check-runs/{run}")
    company.bot("GET", f"/check-runs/{run}/annotations")
    company.bot("GET", f"/commits/{head}/check-runs?filter=all")
    wanted = {
        "state": "success",
        "context": "ci/test",
        "description": "41 passed",
        "target_url": "https://ci.example/1",
    }
    company.maya("POST", f"/statuses/{head}", wanted)
    company.bot("GET", f"/commits/{head}/status")
    company.bot("GET", f"/commits/{head}/statuses")


def _merge(company: Company, pull: int, head: str) -> None:
    company.bot("GET", f"/pulls/{pull}/merge", status=404)
    stale = {"sha": "0" * 40, "merge_method": "squash"}
    company.bot("PUT", f"/pulls/{pull}/merge", stale, status=409)
    merge = {"sha": head, "merge_method": "squash", "commit_title": "Health (#2)", "commit_message": "Closes #1"}
    company.bot("PUT", f"/pulls/{pull}/merge", merge)
    company.bot("PUT", f"/pulls/{pull}/merge", merge, status=405)
    company.bot("GET", f"/pulls/{pull}/merge")
    company.bot("GET", f"/pulls/{pull}")
    company.bot("GET", f"/issues/{pull}/timeline")
    company.bot("GET", "/issues/1")
    company.bot("GET", "/issues/1/timeline")


def _refusals(company: Company, pull: int) -> None:
    """What GitHub says no to is described too."""
    company.theo("POST", "/labels", {"name": "mine"}, status=403)
    company.theo("GET", "/issues/999", status=404)
    company.maya("GET", "//users/nobody-at-all", status=404)
    company.maya("POST", "/issues", {"title": "Long", "body": "x" * 65_537}, status=422)
    company.maya("POST", "/labels", {"name": "spec"}, status=422)
    company.maya("POST", "/git/refs", {"ref": "refs/heads/main", "sha": _main(company)}, status=422)
    company.maya("POST", "/pulls", {"title": "None", "head": "no-such-branch", "base": "main"}, status=422)
    company.maya("POST", f"/pulls/{pull}/requested_reviewers", {"reviewers": ["nobody"]}, status=422)
    company.maya("POST", "/check-runs", {"name": "mine", "head_sha": _main(company)}, status=403)
    company.bot("GET", "/collaborators/nobody-at-all/permission", status=404)
    company.bot("GET", "/contents/no/such/file", status=404)
    answer = company.hub.call("GET", "/issues/1", "ghp_nobody")
    assert answer.status_code == 401


def deliveries_have_arrived(company: Company) -> None:
    """Wait until nothing is owed any more."""

    def settled() -> bool:
        return all(delivery["state"] == "done" for delivery in company.hub.control("GET", "/deliveries"))

    wait_for("all deliveries", settled)
