"""A whole story, told by PyGithub as the App, PyGithub as people, and git: from an issue to the merge."""

from pathlib import Path

import github
import pytest
from github import Auth, Github, GithubException, GithubIntegration
from github.Repository import Repository

from tests.localhub.harness import APP_ID, PRIVATE_PEM, Localhub, Receiver, git, push_change, wait_for

BRANCH = "issuewright/1-add-a-mean"


def repository_of(hub: Localhub, auth: Auth.Auth) -> Repository:
    client = Github(auth=auth, base_url=hub.api, retry=None, seconds_between_requests=0, seconds_between_writes=0)
    return client.get_repo("acme/tally")


def as_person(hub: Localhub, login: str) -> Repository:
    return repository_of(hub, Auth.Token(hub.tokens[login]))


def as_app(hub: Localhub) -> Repository:
    integration = GithubIntegration(auth=Auth.AppAuth(APP_ID, PRIVATE_PEM), base_url=hub.api)
    installation = integration.get_repo_installation("acme", "tally")
    assert installation.id == hub.installation_id
    return repository_of(hub, Auth.AppInstallationAuth(Auth.AppAuth(APP_ID, PRIVATE_PEM), installation.id))


def test_from_issue_to_merge(own_hub: Localhub, receiver: Receiver, tmp_path: Path) -> None:
    wendy, bot, mary = as_person(own_hub, "wendy"), as_app(own_hub), as_person(own_hub, "mary")

    issue = wendy.create_issue("Add a mean", body="We need it.", labels=["spec"])
    assert [label.name for label in bot.get_issue(issue.number).labels] == ["spec"]
    labeled = [event for event in bot.get_issue(1).get_events() if event.event == "labeled"]
    assert [(event.actor.login, event.label.name) for event in labeled] == [("wendy", "spec")]
    status = bot.get_issue(1).create_comment("On it.")
    status.edit("On it: building.")
    bot.get_issue(1).create_reaction("eyes")

    first = push_change(own_hub, tmp_path, own_hub.bot_token(), BRANCH, "tally/mean.py", "def mean(n): ...\n")
    pull = bot.create_pull(base="main", head=BRANCH, title="Add a mean", body="Closes #1", draft=True)
    assert (pull.number, pull.draft, pull.head.sha, pull.user.login) == (2, True, first, "issuewright[bot]")
    assert [file.filename for file in pull.get_files()] == ["tally/mean.py"]
    check = bot.create_check_run("issuewright", first, status="in_progress")
    with pytest.raises(GithubException) as refused:
        wendy.create_check_run("issuewright", first)
    assert refused.value.status == 403

    second = push_change(own_hub, tmp_path, own_hub.bot_token(), BRANCH, "tally/mean.py", "def mean(n): return 1\n")
    assert bot.get_pull(2).head.sha == second
    check.edit(status="completed", conclusion="success", output={"title": "Done", "summary": "All good."})
    assert bot.get_check_run(check.id).conclusion == "success"
    assert pull.mark_ready_for_review()["pullRequest"] == {"isDraft": False}
    pull.create_review_request(reviewers=["mary"])

    with pytest.raises(GithubException) as refused:
        bot.get_pull(2).create_review(event="APPROVE")
    assert refused.value.status == 422
    mary.get_pull(2).create_review(event="APPROVE", body="Fine.")
    reviews = list(bot.get_pull(2).get_reviews())
    assert [(review.state, review.commit_id, review.user.login) for review in reviews] == [("APPROVED", second, "mary")]
    assert bot.get_collaborator_role_name("mary") == "maintain"

    with pytest.raises(GithubException) as refused:
        bot.get_pull(2).merge(sha=first)
    assert refused.value.status == 409
    merged = bot.get_pull(2).merge(sha=second)
    assert merged.merged
    assert bot.get_branch("main").commit.sha == merged.sha
    after = bot.get_pull(2)
    assert (after.merged, after.state, after.merge_commit_sha) == (True, "closed", merged.sha)
    bot.get_git_ref(f"heads/{BRANCH}").delete()
    with pytest.raises(github.UnknownObjectException):
        bot.get_git_ref(f"heads/{BRANCH}").delete()
    bot.get_issue(1).edit(state="closed", state_reason="completed")
    content = wendy.get_contents("tally/mean.py")
    assert not isinstance(content, list)
    assert "mean" in content.decoded_content.decode()

    expected = {
        "issues.opened": 1,
        "issues.labeled": 1,
        "issue_comment.created": 1,
        "issue_comment.edited": 1,
        "push": 4,
        "create": 1,
        "pull_request.opened": 1,
        "check_run.created": 1,
        "pull_request.synchronize": 1,
        "check_run.completed": 1,
        "pull_request.ready_for_review": 1,
        "pull_request.review_requested": 1,
        "pull_request_review.submitted": 1,
        "pull_request.closed": 1,
        "delete": 1,
        "issues.closed": 1,
    }
    wait_for("all webhooks", lambda: len(receiver.got) >= sum(expected.values()))
    assert {name: receiver.names().count(name) for name in set(receiver.names())} == expected
    assert all(delivered.signed for delivered in receiver.got)
    (closed,) = receiver.named("pull_request.closed")
    assert closed.payload["pull_request"]["merged"] is True
    assert closed.payload["sender"]["id"] == own_hub.bot_id
    assert closed.payload["installation"]["id"] == own_hub.installation_id
    (moved,) = receiver.named("pull_request.synchronize")
    assert (moved.payload["before"], moved.payload["after"]) == (first, second)

    clone = tmp_path / "as-anyone"
    git(tmp_path, "clone", "-q", own_hub.remote(None), str(clone))
    assert git(clone, "rev-parse", "HEAD").stdout.strip() == merged.sha
    assert git(clone, "rev-parse", "HEAD^1", "HEAD^2").stdout.split()[1] == second


def test_everything_survives_a_kill(own_hub: Localhub, receiver: Receiver, tmp_path: Path) -> None:
    token = own_hub.bot_token()
    own_hub.by("wendy", "POST", "/issues", {"title": "Add a mean", "labels": ["spec"]})
    comment = own_hub.by("sam", "POST", "/issues/1/comments", {"body": "please"})
    sha = push_change(own_hub, tmp_path, own_hub.tokens["wendy"], "topic", "a.txt", "a\n")
    own_hub.by("wendy", "POST", "/pulls", {"title": "A", "head": "topic", "base": "main"})
    requests = own_hub.control("GET", "/requests")
    wait_for("webhooks", lambda: all(one["delivered"] for one in own_hub.control("GET", "/deliveries")))
    before = [own_hub.call("GET", path, token).json() for path in ("/issues/1", "/issues/1/comments", "/pulls/2")]

    own_hub.kill()
    own_hub.start()

    assert [
        own_hub.call("GET", path, token).json() for path in ("/issues/1", "/issues/1/comments", "/pulls/2")
    ] == before
    assert own_hub.control("GET", "/requests")[: len(requests)] == requests
    assert own_hub.by("wendy", "GET", "/git/ref/heads/topic")["object"]["sha"] == sha
    later = own_hub.by("sam", "POST", "/issues/1/comments", {"body": "again"})
    assert later["id"] > comment["id"]
    numbers = [entry["n"] for entry in own_hub.control("GET", "/requests")]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("number", [2, 15])
def test_a_signal_ends_it_at_once(own_hub: Localhub, number: int) -> None:
    assert own_hub.call("GET", "").status_code == 200  # leaves a connection open
    assert own_hub.stop(number) == 0
