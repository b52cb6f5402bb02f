"""Deployments, CI workflows that somebody plays, and what commit statuses and check runs tell."""

from pathlib import Path
from typing import Any

import pytest

from tests.localhub.harness import Localhub, Receiver, push_change, wait_for

WORKFLOW = """\
name: Deploy
run-name: Deploy ${{ inputs.version }} (${{ inputs.where }})
on:
  workflow_dispatch:
    inputs:
      version: {required: true, type: string}
      where: {default: preview}
"""


@pytest.fixture
def bot(hub: Localhub) -> "Bot":
    return Bot(hub)


class Bot:
    """The App, calling."""

    def __init__(self, hub: Localhub) -> None:
        self.hub, self.token = hub, hub.bot_token()
        self.main = hub.by("rita", "GET", "/branches/main")["commit"]["sha"]

    def __call__(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        answer = self.hub.call(method, path, self.token, body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None


def test_a_deployment_and_what_became_of_it(hub: Localhub, bot: Bot) -> None:
    wanted = {"ref": "main", "environment": "preview", "payload": {"key": "1"}, "required_contexts": []}
    made = bot("POST", "/deployments", wanted, 201)
    assert (made["sha"], made["ref"], made["payload"]) == (bot.main, "main", {"key": "1"})
    place = f"/deployments/{made['id']}/statuses"
    bot("POST", place, {"state": "in_progress"}, 201)
    bot("POST", place, {"state": "success", "environment_url": "http://127.0.0.1:1/"}, 201)
    states = [status["state"] for status in hub.by("rita", "GET", place)]
    assert states == ["success", "in_progress"]
    assert [one["id"] for one in bot("GET", f"/deployments?sha={bot.main}&environment=preview")] == [made["id"]]
    assert bot("GET", "/deployments?environment=production") == []
    second = bot("POST", "/deployments", wanted, 201)
    bot("POST", f"/deployments/{second['id']}/statuses", {"state": "success"}, 201)
    assert bot("GET", place)[0]["state"] == "inactive"


def test_who_may_deploy_what(hub: Localhub, bot: Bot) -> None:
    hub.by("rita", "POST", "/deployments", {"ref": "main"}, status=403)
    bot("POST", "/deployments", {"ref": "no-such-branch"}, 422)
    without = hub.bot_token(permissions={"contents": "write"})
    assert hub.call("POST", "/deployments", without, {"ref": "main"}).status_code == 403
    hub.by("wendy", "POST", f"/statuses/{bot.main}", {"state": "failure", "context": "ci"})
    bot("POST", "/deployments", {"ref": "main"}, 409)
    bot("POST", "/deployments", {"ref": "main", "required_contexts": []}, 201)
    made = bot("GET", "/deployments")[0]["id"]
    bot("POST", f"/deployments/{made}/statuses", {"state": "great"}, 422)
    bot("POST", f"/deployments/{made}/statuses", {"state": "success", "description": "x" * 141}, 422)


def test_a_workflow_is_dispatched_and_played(hub: Localhub, bot: Bot, tmp_path: Path) -> None:
    push_change(hub, tmp_path, hub.tokens["wendy"], "main", ".github/workflows/deploy.yml", WORKFLOW)
    place = "/actions/workflows/deploy.yml"
    bot("POST", f"{place}/dispatches", {"ref": "main", "inputs": {"version": "1"}}, 204)
    wanted = {"ref": "main", "inputs": {"version": "2"}, "return_run_details": True}
    details = bot("POST", f"{place}/dispatches", wanted)
    run = bot("GET", f"/actions/runs/{details['workflow_run_id']}")
    assert (run["status"], run["conclusion"], run["run_number"]) == ("queued", None, 2)
    assert (run["name"], run["display_title"]) == ("Deploy", "Deploy 2 (preview)")
    control = f"/repositories/{hub.repository}/workflow-runs/{run['id']}"
    hub.control("POST", control, {"status": "in_progress"})
    assert bot("GET", f"/actions/runs/{run['id']}")["status"] == "in_progress"
    hub.control("POST", control, {"status": "completed", "conclusion": "failure"})
    listed = bot("GET", f"{place}/runs?event=workflow_dispatch&created=%3E%3D2020-01-01T00:00:00Z")
    assert [(one["status"], one["conclusion"]) for one in listed["workflow_runs"]] == [
        ("completed", "failure"),
        ("queued", None),
    ]
    assert bot("GET", f"{place}/runs?created=%3C2020-01-01T00:00:00Z")["total_count"] == 0


def test_what_cannot_be_dispatched(hub: Localhub, bot: Bot, tmp_path: Path) -> None:
    push_change(hub, tmp_path, hub.tokens["wendy"], "main", ".github/workflows/deploy.yml", WORKFLOW)
    push_change(hub, tmp_path, hub.tokens["wendy"], "main", ".github/workflows/test.yml", "name: Test\non: [push]\n")
    actions = "/actions/workflows"
    bot("POST", f"{actions}/none.yml/dispatches", {"ref": "main"}, 404)
    bot("POST", f"{actions}/deploy.yml/dispatches", {"ref": "nowhere", "inputs": {"version": "1"}}, 422)
    refused = bot("POST", f"{actions}/test.yml/dispatches", {"ref": "main"}, 422)
    assert refused["message"] == "Workflow does not have 'workflow_dispatch' trigger"
    refused = bot("POST", f"{actions}/deploy.yml/dispatches", {"ref": "main"}, 422)
    assert refused["message"] == "Required input 'version' not provided"
    inputs = {"version": "1", "other": "2"}
    refused = bot("POST", f"{actions}/deploy.yml/dispatches", {"ref": "main", "inputs": inputs}, 422)
    assert refused["message"] == 'Unexpected inputs provided: ["other"]'


def test_webhooks_of_machines(own_hub: Localhub, receiver: Receiver, tmp_path: Path) -> None:
    work = {"version": "1"}
    push_change(own_hub, tmp_path, own_hub.tokens["wendy"], "main", ".github/workflows/deploy.yml", WORKFLOW)
    head = push_change(own_hub, tmp_path, own_hub.tokens["wendy"], "change", "new.txt", "1\n")
    own_hub.by("wendy", "POST", "/pulls", {"title": "Change", "head": "change", "base": "main"})
    bot = Bot(own_hub)
    bot("POST", "/check-runs", {"name": "ci", "head_sha": head, "conclusion": "success"}, 201)
    own_hub.by("wendy", "POST", f"/statuses/{head}", {"state": "success", "context": "lint"})
    deployment = bot("POST", "/deployments", {"ref": head, "required_contexts": []}, 201)
    bot("POST", f"/deployments/{deployment['id']}/statuses", {"state": "success"}, 201)
    place = "/actions/workflows/deploy.yml/dispatches"
    run = bot("POST", place, {"ref": "main", "inputs": work, "return_run_details": True})["workflow_run_id"]
    own_hub.control("POST", f"/repositories/acme/tally/workflow-runs/{run}", {"conclusion": "success"})
    wait_for("the end of the run", lambda: receiver.named("workflow_run.completed"))
    wait_for("all", lambda: {"workflow_dispatch", "workflow_run.requested"} <= set(receiver.names()))
    (checked,) = receiver.named("check_run.completed")
    assert [pull["number"] for pull in checked.payload["check_run"]["pull_requests"]] == [1]
    (status,) = receiver.named("status")
    assert (status.payload["context"], status.payload["branches"][0]["name"]) == ("lint", "change")
    (deployed,) = receiver.named("deployment_status.created")
    assert deployed.payload["deployment"]["id"] == receiver.named("deployment.created")[0].payload["deployment"]["id"]
