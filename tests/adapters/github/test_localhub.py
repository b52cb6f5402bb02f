"""The adapter against a running localhub: one issue's way to the merged pull request, and faults on it."""

import base64
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.adapters.github import CommentTarget, GitHub, IssueTarget, Repository
from bot.domain.errors import NotFound, Transient
from bot.domain.forge import CheckRunReport, Merged, MergeRefused
from bot.domain.permissions import Permission
from tests.adapters.github.conftest import TALLY

PATIENCE_SECONDS = 20
BRANCH = "issuewright/1-add-health"
IDENTITY = ["-c", "user.name=Issuewright", "-c", "user.email=bot@example.invalid"]


@dataclass
class Hub:
    """A running localhub with the repository acme/tally, its owner `acme`, and `maya`, who may write."""

    url: str
    slug: str = ""

    def control(self, path: str, **body: Any) -> Any:
        answer = requests.post(f"{self.url}/_localhub/{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def as_person(self, login: str, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"token ghp_{login}"}
        url = f"{self.url}/api/v3/repos/acme/tally{path}"
        answer = requests.request(method, url, json=body, headers=headers, timeout=10)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def bot_requests(self) -> list[str]:
        log = requests.get(f"{self.url}/_localhub/requests", timeout=10).json()
        return [
            f"{line['method']} {line['path']}"
            for line in log
            if line["as"] in ("app", "installation") and line["kind"] != "git"
        ]


@pytest.fixture
def localhub(tmp_path: Path, private_key: str) -> Iterator[Hub]:
    argv = [sys.executable, "-m", "bot.localhub", "--dir", str(tmp_path / "hub"), "--port", "0"]
    with (tmp_path / "hub.err").open("wb") as errors, subprocess.Popen(argv, stderr=errors) as process:
        try:
            hub = Hub(_wait_for_url(process, tmp_path / "hub" / "url"))
            for login in ("acme", "maya"):
                hub.control("users", login=login, token=f"ghp_{login}")
            hub.control("repositories", owner="acme", name="tally", files={"README.md": "Tally\n"})
            hub.control("repositories/acme/tally/collaborators", login="maya", role_name="write")
            public = load_pem_private_key(private_key.encode(), None).public_key()
            form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            app = hub.control(
                "apps",
                app_id=1001,
                slug="issuewright",
                name="Issuewright",
                public_key=public.public_bytes(*form).decode(),
                webhook_url="http://127.0.0.1:9/webhook",
                webhook_secret="s",
                repositories=["acme/tally"],
            )
            hub.slug = app["slug"]
            yield hub
        finally:
            process.terminate()


def _wait_for_url(process: subprocess.Popen[bytes], file: Path) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if file.exists() and file.read_text().strip():
            return file.read_text().strip()
        time.sleep(0.02)
    raise AssertionError("localhub did not start")


@pytest.fixture
def github(localhub: Hub, private_key: str) -> GitHub:
    return GitHub(api_url=f"{localhub.url}/api/v3", app_id=1001, private_key=private_key)


@pytest.fixture
def repository(github: GitHub) -> Repository:
    return github.repository(TALLY)


def push_a_change(hub: Hub, repository: Repository, folder: Path, text: str) -> str:
    """Commit `health.py` on the branch and push it with the App's token; returns the SHA."""
    login = base64.b64encode(f"x-access-token:{repository.push_token()}".encode()).decode()
    environment = os.environ | {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {login}",
    }

    def git(*argv: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *argv], env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    if not folder.exists():
        folder.mkdir()
        git("clone", "--quiet", f"{hub.url}/acme/tally.git", ".")
        git("checkout", "--quiet", "-b", BRANCH)
    (folder / "health.py").write_text(text)
    git("add", "health.py")
    git(*IDENTITY, "commit", "--quiet", "-m", "Add health")
    git("push", "--quiet", "origin", BRANCH)
    return git("rev-parse", "HEAD")


def report(sha: str, **changes: Any) -> CheckRunReport:
    pending = CheckRunReport(
        name="issuewright",
        head_sha=sha,
        external_id="acme--tally--1",
        status="in_progress",
        title="Waiting for a review",
        summary="The build is done.",
    )
    return pending.model_copy(update=changes)


def test_from_the_label_to_the_merge(localhub: Hub, github: GitHub, repository: Repository, tmp_path: Path) -> None:
    number = localhub.as_person("maya", "POST", "/issues", {"title": "Add health", "body": "Please."})["number"]
    localhub.as_person("maya", "POST", f"/issues/{number}/labels", {"labels": ["spec"]})

    # Who wants what?
    (issue,) = repository.open_issues_labelled("spec")
    assert issue == repository.issue(number)
    assert (issue.title, issue.body, issue.author.login, issue.is_pull_request) == (
        "Add health",
        "Please.",
        "maya",
        False,
    )
    label = repository.latest_label(number, "spec")
    assert label is not None
    assert label.actor == issue.author
    assert repository.latest_label(number, "bug") is None
    assert repository.permission("maya") is Permission.WRITE
    assert repository.permission("acme") is Permission.ADMIN
    assert repository.permission("nobody-at-all") is Permission.NONE
    assert repository.default_branch() == "main"
    assert repository.branch_head(BRANCH) is None
    main = repository.branch_head("main")
    assert main is not None
    assert repository.file_at("README.md", main) == "Tally\n"
    assert repository.file_at(".github/issuewright.yml", main) is None

    # Answer.
    bot = github.bot()
    assert (bot.login, bot.is_bot) == ("issuewright[bot]", True)
    repository.react(IssueTarget(number=number), "eyes")
    said = repository.create_comment(number, "<!-- status --> Working on it.")
    assert said.author == bot
    repository.react(CommentTarget(comment_id=said.id), "rocket")
    assert repository.comment(number, said.id) == said
    repository.edit_comment(said.id, "<!-- status --> Still working.")
    assert repository.find_comment(number, "<!-- status -->", bot.id, said.created_at) == [said.id]
    assert repository.find_comment(number, "<!-- status -->", issue.author.id, None) == []
    extra = repository.create_comment(number, "<!-- status --> again")
    repository.delete_comment(extra.id)
    repository.delete_comment(extra.id)
    with pytest.raises(NotFound):
        repository.edit_comment(extra.id, "gone")
    with pytest.raises(NotFound):
        repository.comment(number, extra.id)
    assert [each.body for each in repository.comments(number)] == ["<!-- status --> Still working."]
    repository.add_labels(number, ["state: building", "issuewright"])
    repository.remove_label(number, "state: building")
    repository.remove_label(number, "state: building")
    assert repository.issue(number).labels == ("spec", "issuewright")

    # Build, and let it be reviewed.
    sha = push_a_change(localhub, repository, tmp_path / "clone", "OK = True\n")
    assert repository.branch_head(BRANCH) == sha
    assert repository.find_pull_request(BRANCH) is None
    pull = repository.open_pull_request("Add health", f"Closes #{number}", BRANCH, "main")
    assert (pull.draft, pull.head_sha, pull.base_sha, pull.author) == (True, sha, main, bot)
    assert repository.find_pull_request(BRANCH) == pull.model_copy(update={"mergeable_state": "unknown"})
    check_run = repository.create_check_run(report(sha))
    assert repository.find_check_runs(sha, "acme--tally--1") == [check_run]
    repository.mark_ready(pull.node_id)
    assert not repository.pull_request(pull.number).draft
    repository.request_reviewers(pull.number, ["maya"])
    localhub.as_person("maya", "POST", f"/pulls/{pull.number}/reviews", {"event": "APPROVE", "body": "Nice"})
    (review,) = repository.reviews(pull.number)
    assert (review.state, review.author, review.commit_id) == ("APPROVED", issue.author, sha)

    # Code follows: the approval goes, and so does a merge of the old head.
    newer = push_a_change(localhub, repository, tmp_path / "clone", "OK = 'yes'\n")
    repository.dismiss_review(pull.number, review.id, "Code followed.")
    assert [each.state for each in repository.reviews(pull.number)] == ["DISMISSED"]
    refused = repository.merge(pull.number, sha, "squash", "Add health", "")
    assert isinstance(refused, MergeRefused)
    assert refused.head_moved

    # Merge.
    repository.update_check_run(check_run, report(sha, status="completed", conclusion="success"))
    repository.edit_pull_request(pull.number, body=f"Closes #{number}. Really.", title="Add a health check")
    merged = repository.merge(pull.number, newer, "squash", "Add a health check (#2)", f"Closes #{number}")
    assert isinstance(merged, Merged)
    assert repository.branch_head("main") == merged.sha
    after = repository.pull_request(pull.number)
    assert (after.state, after.merged, after.merge_commit_sha) == ("closed", True, merged.sha)
    again = repository.merge(pull.number, newer, "squash", "t", "")
    assert isinstance(again, MergeRefused)
    assert not again.head_moved
    repository.close_issue(number)
    closed = repository.issue(number)
    assert (closed.state, closed.labels) == ("closed", ("spec", "issuewright"))
    assert repository.open_issues_labelled("spec") == []


def test_an_effect_whose_answer_is_lost_is_found_not_repeated(
    localhub: Hub, github: GitHub, repository: Repository
) -> None:
    number = localhub.as_person("maya", "POST", "/issues", {"title": "Add health"})["number"]
    bot = github.bot()
    before = len(localhub.bot_requests())
    localhub.control("faults", method="POST", path_regex="/comments$", when="after", kind="drop")
    with pytest.raises(Transient):
        repository.create_comment(number, "<!-- status -->")
    assert len(localhub.bot_requests()) == before + 1
    assert len(repository.find_comment(number, "<!-- status -->", bot.id)) == 1


def test_a_limit_says_when_to_come_back(localhub: Hub, repository: Repository) -> None:
    repository.default_branch()
    limit = {"Retry-After": "17"}
    localhub.control("faults", method="GET", kind="status", status=403, headers=limit, message="slow down")
    with pytest.raises(Transient) as caught:
        repository.default_branch()
    assert caught.value.retry_after == 17
    assert repository.default_branch() == "main"


def test_a_run_of_the_bot_starts_with_three_requests(localhub: Hub, github: GitHub, repository: Repository) -> None:
    repository.push_token()
    github.bot()
    assert [re.sub(r"/\d+/", "/ID/", line) for line in localhub.bot_requests()] == [
        "GET /api/v3/repos/acme/tally/installation",
        "POST /api/v3/app/installations/ID/access_tokens",
        "GET /api/v3/users/issuewright[bot]",
    ]
