"""Every act of the adapter as one row: what is asked of GitHub, in how many requests, and what comes back."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses

from bot.adapters.github import CommentTarget, IssueTarget, Repository
from bot.adapters.github_deployments import WorkflowRun
from bot.adapters.github_snapshots import GHOST
from bot.domain.agents import Finding
from bot.domain.errors import Rejected
from bot.domain.forge import (
    Actor,
    CheckRunReport,
    Comment,
    Issue,
    Label,
    Merged,
    MergeRefused,
    PullRequest,
    Review,
)
from bot.domain.permissions import Permission
from bot.domain.refs import RepoRef
from tests.adapters.github import payloads
from tests.adapters.github.conftest import authorization, sent
from tests.adapters.github.payloads import API, OTHER_SHA, REPO, SHA

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MAYA = Actor(id=7, login="maya")
BOT = Actor(id=99, login="issuewright[bot]", is_bot=True)
TALLY = RepoRef(owner="acme", name="tally")
BRANCH = "issuewright/3-add-health"

ISSUE = Issue(
    repo=TALLY,
    number=3,
    id=1003,
    title="Add /health",
    body="It should answer 200.",
    state="open",
    labels=("spec",),
    author=MAYA,
)
COMMENT = Comment(id=50, issue_number=3, author=MAYA, body="Hello", created_at=NOON, updated_at=NOON)
PULL = PullRequest(
    number=4,
    node_id="PR_4",
    state="open",
    draft=True,
    merged=False,
    merge_commit_sha=None,
    head_ref=BRANCH,
    head_sha=SHA,
    base_ref="main",
    base_sha=OTHER_SHA,
    author=BOT,
)
REPORT = CheckRunReport(
    name="issuewright",
    head_sha=SHA,
    external_id="acme--tally--3",
    status="in_progress",
    title="Building",
    summary="One stage of two is done.",
)
OUTPUT = {"title": "Building", "summary": "One stage of two is done."}
DONE = REPORT.model_copy(update={"status": "completed", "conclusion": "success"})


@dataclass
class Act:
    """One call and the one request that it makes; `sent` is the body, None for none."""

    name: str
    call: Callable[[Repository], object]
    request: str
    answer: Any = None
    status: int = 200
    sent: Any = None
    query: tuple[tuple[str, str], ...] = ()
    returns: object = None


PAGE = ("per_page", "100")
NOT_FOUND = {"message": "Not Found", "documentation_url": "", "status": "404"}

ACTS = [
    Act(
        "permission",
        lambda r: r.permission("maya"),
        "GET /collaborators/maya/permission",
        {"permission": "write", "role_name": "maintain", "user": payloads.user()},
        returns=Permission.MAINTAIN,
    ),
    Act(
        "permission of an organisation's own role",
        lambda r: r.permission("maya"),
        "GET /collaborators/maya/permission",
        {"permission": "write", "role_name": "release-engineer", "user": payloads.user()},
        returns=Permission.WRITE,
    ),
    Act(
        "permission of an App",
        lambda r: r.permission("renovate[bot]"),
        "GET /collaborators/renovate%5Bbot%5D/permission",
        {"message": "renovate[bot] is not a user"},
        404,
        returns=Permission.NONE,
    ),
    Act("default branch", lambda r: r.default_branch(), "GET ", {"default_branch": "trunk"}, returns="trunk"),
    Act(
        "branch head",
        lambda r: r.branch_head(BRANCH),
        f"GET /git/ref/heads/{BRANCH}",
        {"ref": f"refs/heads/{BRANCH}", "object": {"type": "commit", "sha": SHA}},
        returns=SHA,
    ),
    Act(
        "head of no branch",
        lambda r: r.branch_head(BRANCH),
        f"GET /git/ref/heads/{BRANCH}",
        NOT_FOUND,
        404,
    ),
    Act(
        "head of a branch of an empty repository",
        lambda r: r.branch_head(BRANCH),
        f"GET /git/ref/heads/{BRANCH}",
        {"message": "Git Repository is empty."},
        409,
    ),
    Act(
        "file",
        lambda r: r.file_at(".github/issuewright.yml", SHA),
        "GET /contents/.github/issuewright.yml",
        {"type": "file", "encoding": "base64", "content": "cGlwZWxpbmU6IHF1\naWNrCg==\n", "size": 16},
        query=(("ref", SHA),),
        returns="pipeline: quick\n",
    ),
    Act(
        "no file",
        lambda r: r.file_at(".github/issuewright.yml", "main"),
        "GET /contents/.github/issuewright.yml",
        NOT_FOUND,
        404,
        query=(("ref", "main"),),
    ),
    Act("issue", lambda r: r.issue(3), "GET /issues/3", payloads.issue(), returns=ISSUE),
    Act(
        "issue without text or author",
        lambda r: r.issue(3),
        "GET /issues/3",
        payloads.issue(body=None, user=None),
        returns=ISSUE.model_copy(update={"body": "", "author": GHOST}),
    ),
    Act(
        "labelled issues, among them a pull request",
        lambda r: r.open_issues_labelled("spec"),
        "GET /issues",
        [payloads.issue(4, pull_request={"url": f"{REPO}/pulls/4"}), payloads.issue(3)],
        query=(("labels", "spec"), PAGE, ("state", "open")),
        returns=[
            ISSUE.model_copy(update={"number": 4, "id": 1004, "is_pull_request": True}),
            ISSUE,
        ],
    ),
    Act(
        "latest label",
        lambda r: r.latest_label(3, "Spec"),
        "GET /issues/3/events",
        [
            payloads.event(10),
            payloads.event(11, "unlabeled"),
            payloads.event(12, actor=payloads.user("noor", 8)),
            payloads.event(13, label="bug"),
            payloads.event(14, "closed", None),
        ],
        query=(PAGE,),
        returns=Label(event_id=12, name="spec", actor=Actor(id=8, login="noor"), at=NOON),
    ),
    Act(
        "the last that happened is a label",
        lambda r: r.latest_label(3, "spec"),
        "GET /issues/3/events",
        [payloads.event(10, "closed", None), payloads.event(12)],
        query=(PAGE,),
        returns=Label(event_id=12, name="spec", actor=Actor(id=7, login="maya"), at=NOON, is_last=True),
    ),
    Act("no such label", lambda r: r.latest_label(3, "spec"), "GET /issues/3/events", [], query=(PAGE,)),
    Act(
        "close issue",
        lambda r: r.close_issue(3),
        "PATCH /issues/3",
        payloads.issue(state="closed"),
        sent={"state": "closed", "state_reason": "completed"},
    ),
    Act(
        "close an issue that was deleted",
        lambda r: r.close_issue(3),
        "PATCH /issues/3",
        {"message": "This issue was deleted"},
        410,
        sent={"state": "closed", "state_reason": "completed"},
    ),
    Act(
        "close an issue that was moved to another repository",
        lambda r: r.close_issue(3),
        "PATCH /issues/3",
        {"message": "Moved Permanently", "url": f"{API}/repositories/9/issues/1"},
        301,
        sent={"state": "closed", "state_reason": "completed"},
    ),
    Act(
        "add labels",
        lambda r: r.add_labels(3, ["issuewright", "building"]),
        "POST /issues/3/labels",
        [],
        sent=["issuewright", "building"],
    ),
    Act(
        "remove label",
        lambda r: r.remove_label(3, "state/wait ing"),
        "DELETE /issues/3/labels/state%2Fwait%20ing",
        [],
    ),
    Act(
        "remove no label",
        lambda r: r.remove_label(3, "waiting"),
        "DELETE /issues/3/labels/waiting",
        {"message": "Label does not exist"},
        404,
    ),
    Act(
        "comments",
        lambda r: r.comments(3),
        "GET /issues/3/comments",
        [payloads.comment()],
        query=(PAGE,),
        returns=[COMMENT],
    ),
    Act(
        "comments since a time elsewhere",
        lambda r: r.comments(3, NOON.astimezone(timezone(timedelta(hours=9)))),
        "GET /issues/3/comments",
        [],
        query=(PAGE, ("since", "2026-11-20T12:00:00Z")),
        returns=[],
    ),
    Act(
        "comments anywhere",
        lambda r: r.comments_anywhere(NOON),
        "GET /issues/comments",
        [payloads.comment() | {"issue_url": f"{REPO}/issues/3"}],
        query=(("direction", "asc"), PAGE, ("since", "2026-11-20T12:00:00Z"), ("sort", "updated")),
        returns=[COMMENT],
    ),
    Act(
        "changed pull requests",
        lambda r: r.pull_requests_changed(NOON),
        "GET /pulls",
        [payloads.pull(), payloads.pull(5, updated_at="2026-11-20T11:59:59Z")],
        query=(("direction", "desc"), PAGE, ("sort", "updated"), ("state", "all")),
        returns=[PULL],
    ),
    Act(
        "create deployment",
        lambda r: r.create_deployment(
            sha=SHA, environment="preview", description="Release 1", key="run:deploy:1", production=False
        ),
        "POST /deployments",
        {"id": 81},
        sent={
            "ref": SHA,
            "task": "deploy",
            "auto_merge": False,
            "required_contexts": [],
            "payload": {"issuewright": "run:deploy:1"},
            "environment": "preview",
            "description": "Release 1",
            "transient_environment": True,
            "production_environment": False,
        },
        returns=81,
    ),
    Act(
        "find deployment",
        lambda r: r.find_deployment(sha=SHA, environment="preview", key="k"),
        "GET /deployments",
        [
            {"id": 83, "payload": {"issuewright": "k"}},
            {"id": 82, "payload": {"issuewright": "k"}},
            {"id": 1, "payload": ""},
        ],
        query=(("environment", "preview"), PAGE, ("sha", SHA)),
        returns=82,
    ),
    Act(
        "deployment status",
        lambda r: r.set_deployment_status(81, "success", "deployed", "https://preview.example"),
        "POST /deployments/81/statuses",
        {"id": 1},
        sent={"state": "success", "description": "deployed", "environment_url": "https://preview.example"},
        returns=None,
    ),
    Act(
        "dispatch workflow",
        lambda r: r.dispatch_workflow("deploy.yml", "main", {"commit": SHA}),
        "POST /actions/workflows/deploy.yml/dispatches",
        {"workflow_run_id": 91, "run_url": "u", "html_url": "h"},
        sent={"ref": "main", "inputs": {"commit": SHA}, "return_run_details": True},
        returns=91,
    ),
    Act(
        "dispatch workflow, of which nothing is told",
        lambda r: r.dispatch_workflow("deploy.yml", "main", {"commit": SHA}),
        "POST /actions/workflows/deploy.yml/dispatches",
        status=204,
        sent={"ref": "main", "inputs": {"commit": SHA}, "return_run_details": True},
        returns=None,
    ),
    Act(
        "find dispatched workflow",
        lambda r: r.find_dispatched_workflow("deploy.yml", "key", NOON),
        "GET /actions/workflows/deploy.yml/runs",
        {"workflow_runs": [{"id": 92, "display_title": "Deploy key"}, {"id": 91, "display_title": "Deploy other"}]},
        query=(("created", ">=2026-11-20T12:00:00Z"), ("event", "workflow_dispatch"), PAGE),
        returns=92,
    ),
    Act(
        "a workflow's run",
        lambda r: r.workflow_run(91),
        "GET /actions/runs/91",
        {"id": 91, "status": "completed", "conclusion": "failure", "html_url": "h"},
        returns=WorkflowRun(id=91, url="h", succeeded=False),
    ),
    Act(
        "line comments of a review",
        lambda r: r.review_comments(4, 7),
        "GET /pulls/4/reviews/7/comments",
        [{"body": "off by one", "path": "app.py", "line": 3}, {"body": "old", "path": "b.py", "original_line": 9}],
        query=(PAGE,),
        returns=[
            Finding(message="off by one", path="app.py", line=3),
            Finding(message="old", path="b.py", line=9),
        ],
    ),
    Act(
        "find comment",
        lambda r: r.find_comment(3, "<!-- m -->", 99),
        "GET /issues/3/comments",
        [
            payloads.comment(53, "<!-- m --> twice", payloads.BOT),
            payloads.comment(51, "<!-- m --> once", payloads.BOT),
            payloads.comment(52, "<!-- m --> quoted by somebody"),
            payloads.comment(54, "another, about <!-- m -->", payloads.BOT),
        ],
        query=(PAGE,),
        returns=[51, 53],
    ),
    Act("one comment", lambda r: r.comment(3, 50), "GET /issues/comments/50", payloads.comment(), returns=COMMENT),
    Act(
        "create comment",
        lambda r: r.create_comment(3, "Hello"),
        "POST /issues/3/comments",
        payloads.comment(),
        201,
        sent={"body": "Hello"},
        returns=COMMENT,
    ),
    Act(
        "edit comment",
        lambda r: r.edit_comment(50, "New"),
        "PATCH /issues/comments/50",
        payloads.comment(body="New"),
        sent={"body": "New"},
    ),
    Act("delete comment", lambda r: r.delete_comment(50), "DELETE /issues/comments/50", None, 204),
    Act("delete no comment", lambda r: r.delete_comment(50), "DELETE /issues/comments/50", NOT_FOUND, 404),
    Act(
        "react to issue",
        lambda r: r.react(IssueTarget(number=3), "eyes"),
        "POST /issues/3/reactions",
        {"id": 1, "content": "eyes", "user": payloads.BOT},
        201,
        sent={"content": "eyes"},
    ),
    Act(
        "react to comment",
        lambda r: r.react(CommentTarget(comment_id=50), "+1"),
        "POST /issues/comments/50/reactions",
        {"id": 1, "content": "+1", "user": payloads.BOT},
        200,
        sent={"content": "+1"},
    ),
    Act("pull request", lambda r: r.pull_request(4), "GET /pulls/4", payloads.pull(), returns=PULL),
    Act(
        "merged pull request",
        lambda r: r.pull_request(4),
        "GET /pulls/4",
        payloads.pull(state="closed", draft=False, merged_at=payloads.NOON),
        returns=PULL.model_copy(
            update={"state": "closed", "draft": False, "merged": True, "merge_commit_sha": "c" * 40}
        ),
    ),
    Act(
        "find pull request",
        lambda r: r.find_pull_request(BRANCH),
        "GET /pulls",
        [payloads.pull(6, "else"), payloads.pull(4), payloads.pull(2)],
        query=(("direction", "desc"), ("head", f"acme:{BRANCH}"), PAGE, ("sort", "created"), ("state", "all")),
        returns=PULL,
    ),
    Act(
        "open pull request",
        lambda r: r.open_pull_request("Add /health", "Closes #3", BRANCH, "main"),
        "POST /pulls",
        payloads.pull(),
        201,
        sent={"title": "Add /health", "body": "Closes #3", "head": BRANCH, "base": "main", "draft": True},
        returns=PULL,
    ),
    Act(
        "edit pull request",
        lambda r: r.edit_pull_request(4, body="New"),
        "PATCH /pulls/4",
        payloads.pull(),
        sent={"body": "New"},
    ),
    Act(
        "mark ready",
        lambda r: r.mark_ready(PULL.node_id),
        "POST /graphql",
        {"data": {"markPullRequestReadyForReview": {"pullRequest": {"isDraft": False}}}},
        sent={
            "query": "mutation Mutation($input: MarkPullRequestReadyForReviewInput!) { "
            "markPullRequestReadyForReview(input: $input) { pullRequest { isDraft } } }",
            "variables": {"input": {"pullRequestId": "PR_4"}},
        },
    ),
    Act(
        "request reviewers",
        lambda r: r.request_reviewers(4, ("maya", "noor")),
        "POST /pulls/4/requested_reviewers",
        payloads.pull(),
        201,
        sent={"reviewers": ["maya", "noor"]},
    ),
    Act(
        "reviews",
        lambda r: r.reviews(4),
        "GET /pulls/4/reviews",
        [payloads.review(), payloads.review(81, "PENDING", submitted_at=None)],
        query=(PAGE,),
        returns=[
            Review(
                id=80,
                pull_number=4,
                author=MAYA,
                state="APPROVED",
                body="",
                commit_id=SHA,
                submitted_at=NOON,
            )
        ],
    ),
    Act(
        "dismiss review",
        lambda r: r.dismiss_review(4, 80, "Code followed."),
        "PUT /pulls/4/reviews/80/dismissals",
        payloads.review(state="DISMISSED"),
        sent={"message": "Code followed."},
    ),
    Act(
        "merge",
        lambda r: r.merge(4, SHA, "squash", "Add /health (#4)", "Closes #3"),
        "PUT /pulls/4/merge",
        {"sha": OTHER_SHA, "merged": True, "message": "Pull Request successfully merged"},
        sent={
            "sha": SHA,
            "merge_method": "squash",
            "commit_title": "Add /health (#4)",
            "commit_message": "Closes #3",
        },
        returns=Merged(sha=OTHER_SHA),
    ),
    Act(
        "merge a head that moved",
        lambda r: r.merge(4, SHA, "merge", "t", "m"),
        "PUT /pulls/4/merge",
        {"message": "Head branch was modified. Review and try the merge again."},
        409,
        sent={"sha": SHA, "merge_method": "merge", "commit_title": "t", "commit_message": "m"},
        returns=MergeRefused(head_moved=True, reason="Head branch was modified. Review and try the merge again."),
    ),
    Act(
        "merge against the rules",
        lambda r: r.merge(4, SHA, "rebase", "t", "m"),
        "PUT /pulls/4/merge",
        {"message": "At least 1 approving review is required."},
        405,
        sent={"sha": SHA, "merge_method": "rebase", "commit_title": "t", "commit_message": "m"},
        returns=MergeRefused(head_moved=False, reason="At least 1 approving review is required."),
    ),
    Act(
        "create check run",
        lambda r: r.create_check_run(REPORT),
        "POST /check-runs",
        payloads.check_run(),
        201,
        sent={
            "name": "issuewright",
            "head_sha": SHA,
            "external_id": "acme--tally--3",
            "status": "in_progress",
            "output": OUTPUT,
        },
        returns=70,
    ),
    Act(
        "complete check run",
        lambda r: r.update_check_run(70, DONE),
        "PATCH /check-runs/70",
        payloads.check_run(),
        sent={
            "name": "issuewright",
            "external_id": "acme--tally--3",
            "status": "completed",
            "conclusion": "success",
            "output": OUTPUT,
        },
    ),
    Act(
        "find check runs",
        lambda r: r.find_check_runs(SHA, "acme--tally--3"),
        f"GET /commits/{SHA}/check-runs",
        {
            "total_count": 3,
            "check_runs": [payloads.check_run(72), payloads.check_run(71, "else"), payloads.check_run(70)],
        },
        query=(("filter", "all"), PAGE),
        returns=[70, 72],
    ),
]


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)
def test_an_act_is_one_request(act: Act, repository: Repository, hub: responses.RequestsMock) -> None:
    method, path = act.request.split(" ")
    url = f"{API.removesuffix('/v3')}/graphql" if path == "/graphql" else REPO + path
    body = "" if act.answer is None else json.dumps(act.answer)
    hub.add(method, url, body, status=act.status, content_type="application/json")

    assert act.call(repository) == act.returns

    (call,) = hub.calls
    asked = urlsplit(call.request.url or "")
    assert f"{call.request.method} {asked.path}" == f"{method} {urlsplit(url).path}"
    assert tuple(parse_qsl(asked.query)) == act.query
    assert sent(call) == act.sent
    assert authorization(call) == "token ghs_1001_secret"


@pytest.mark.parametrize("status", [400, 422])
def test_an_older_server_is_not_asked_to_tell_of_the_run(
    status: int, repository: Repository, hub: responses.RequestsMock
) -> None:
    url = f"{REPO}/actions/workflows/deploy.yml/dispatches"
    hub.post(url, json={"message": "Invalid request. return_run_details is not a permitted key."}, status=status)
    hub.post(url, status=204)
    assert repository.dispatch_workflow("deploy.yml", "main", {"commit": SHA}) is None
    assert sent(hub.calls[-1]) == {"ref": "main", "inputs": {"commit": SHA}}
    assert len(hub.calls) == 2


def test_a_workflow_that_cannot_be_dispatched(repository: Repository, hub: responses.RequestsMock) -> None:
    url = f"{REPO}/actions/workflows/deploy.yml/dispatches"
    hub.post(url, json={"message": "Workflow does not have 'workflow_dispatch' trigger"}, status=422)
    with pytest.raises(Rejected, match="trigger"):
        repository.dispatch_workflow("deploy.yml", "main", {})


def test_nothing_to_say_asks_nothing(repository: Repository, hub: responses.RequestsMock) -> None:
    repository.add_labels(3, [])
    repository.request_reviewers(4, [])
    assert repository.push_token() == "ghs_1001_secret"
    assert len(hub.calls) == 0


def test_every_act_has_a_row() -> None:
    acts = {name for name in dir(Repository) if not name.startswith("_")} - {"token_refused", "push_token"}
    named = {name for act in ACTS for name in act.call.__code__.co_names}
    assert acts <= named
