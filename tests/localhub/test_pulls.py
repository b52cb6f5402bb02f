"""Pull requests: real branches, real merges, reviews, and following what is pushed."""

from pathlib import Path

import pytest

from tests.localhub.harness import Localhub, git, push_change


@pytest.fixture
def pull(hub: Localhub, tmp_path: Path) -> str:
    """Pull request 1 by wendy, from `topic` with one new file; answers its head."""
    sha = push_change(hub, tmp_path, hub.tokens["wendy"], "topic", "new.txt", "new\n")
    hub.by("wendy", "POST", "/pulls", {"title": "New", "head": "topic", "base": "main"})
    return sha


def test_what_cannot_be_opened(hub: Localhub, pull: str) -> None:
    def message(body: dict[str, str]) -> str:
        answer = hub.by("wendy", "POST", "/pulls", {"title": "t", **body}, status=422)
        (error,) = answer["errors"]
        return str(error.get("message") or error["field"])

    assert message({"head": "acme:topic", "base": "main"}) == "A pull request already exists for acme:topic."
    assert message({"head": "main", "base": "main"}) == "No commits between main and main"
    assert message({"head": "nowhere", "base": "main"}) == "head"
    assert message({"head": "topic", "base": "nowhere"}) == "base"
    hub.by("rita", "POST", "/pulls", {"title": "t", "head": "topic", "base": "main"}, status=403)


def test_how_it_looks(hub: Localhub, pull: str) -> None:
    shown = hub.by("wendy", "GET", "/pulls/1")
    assert (shown["commits"], shown["changed_files"], shown["additions"], shown["deletions"]) == (1, 1, 1, 0)
    assert (shown["mergeable"], shown["mergeable_state"], shown["merged"]) == (True, "clean", False)
    found = hub.by("wendy", "GET", "/pulls?head=acme:topic&base=main")
    assert [one["number"] for one in found] == [1]
    assert hub.by("wendy", "GET", "/pulls?head=acme:other") == []
    (file,) = hub.by("wendy", "GET", "/pulls/1/files")
    assert (file["filename"], file["status"], file["patch"]) == ("new.txt", "added", "@@ -0,0 +1 @@\n+new")
    assert hub.by("wendy", "GET", "/issues/1")["pull_request"]["merged_at"] is None


@pytest.mark.parametrize(("method", "parents"), [("merge", 2), ("squash", 1), ("rebase", 1)])
def test_each_way_to_merge(hub: Localhub, pull: str, tmp_path: Path, method: str, parents: int) -> None:
    second = push_change(hub, tmp_path, hub.tokens["wendy"], "topic", "tally/core.py", "def total(n): return sum(n)\n")
    push_change(hub, tmp_path, hub.tokens["acme"], "main", "meanwhile.txt", "on main\n")
    body = {"sha": second, "merge_method": method, "commit_title": "All of it"}
    merged = hub.by("mary", "PUT", "/pulls/1/merge", body)
    commit = hub.by("mary", "GET", f"/commits/{merged['sha']}")
    assert len(commit["parents"]) == parents
    first_line = commit["commit"]["message"].split("\n")[0]
    assert first_line == ("Change tally/core.py" if method == "rebase" else "All of it")
    names = {entry["name"] for entry in hub.by("mary", "GET", "/contents")}
    assert {"new.txt", "meanwhile.txt"} <= names
    assert hub.call("GET", "/pulls/1/merge").status_code == 204
    shown = hub.by("mary", "GET", "/pulls/1")
    assert (shown["merged_by"]["login"], shown["commits"]) == ("mary", 2)
    clone = tmp_path / "fresh"
    git(tmp_path, "clone", "-q", hub.remote(None), str(clone))
    assert git(clone, "rev-parse", "HEAD").stdout.strip() == merged["sha"]
    git(clone, "fsck", "--strict")


def test_what_is_not_merged(hub: Localhub, pull: str, tmp_path: Path) -> None:
    hub.by("tom", "PUT", "/pulls/1/merge", {}, status=403)
    hub.by("mary", "PUT", "/pulls/1/merge", {"sha": "0" * 40}, status=409)
    push_change(hub, tmp_path, hub.tokens["acme"], "main", "new.txt", "something else\n")
    shown = hub.by("mary", "GET", "/pulls/1")
    assert (shown["mergeable"], shown["mergeable_state"]) == (False, "dirty")
    before = hub.by("mary", "GET", "/git/ref/heads/main")
    for method in ("merge", "squash", "rebase"):
        hub.by("mary", "PUT", "/pulls/1/merge", {"merge_method": method}, status=405)
    assert hub.by("mary", "GET", "/git/ref/heads/main") == before
    hub.by("wendy", "PATCH", "/pulls/1", {"state": "closed"})
    hub.by("mary", "PUT", "/pulls/1/merge", {}, status=405)


def test_a_draft_is_not_merged_until_it_is_ready(hub: Localhub, tmp_path: Path) -> None:
    push_change(hub, tmp_path, hub.tokens["wendy"], "topic", "new.txt", "new\n")
    made = hub.by("wendy", "POST", "/pulls", {"title": "t", "head": "topic", "base": "main", "draft": True})
    hub.by("mary", "PUT", "/pulls/1/merge", {}, status=405)

    def ready(login: str) -> dict[str, object]:
        query = (
            "mutation M($input: MarkPullRequestReadyForReviewInput!)"
            " { markPullRequestReadyForReview(input: $input) { pullRequest { isDraft } } }"
        )
        body = {"query": query, "variables": {"input": {"pullRequestId": made["node_id"]}}}
        headers = {"authorization": f"bearer {hub.tokens[login]}"}
        answer: dict[str, object] = hub.http.post(f"{hub.url}/api/graphql", json=body, headers=headers).json()
        return answer

    assert "errors" in ready("rita")
    assert hub.by("wendy", "PATCH", "/pulls/1", {"draft": False})["draft"], "REST cannot do it, as on GitHub"
    assert "errors" not in ready("wendy")
    hub.by("mary", "PUT", "/pulls/1/merge", {})


def test_reviews(hub: Localhub, pull: str, tmp_path: Path) -> None:
    own = hub.by("wendy", "POST", "/pulls/1/reviews", {"event": "APPROVE"}, status=422)
    assert own["errors"] == ["Can not approve your own pull request"]
    hub.by("wendy", "POST", "/pulls/1/reviews", {"event": "COMMENT", "body": "a note"})
    hub.by("mary", "POST", "/pulls/1/reviews", {"event": "REQUEST_CHANGES"}, status=422)
    approval = hub.by("rita", "POST", "/pulls/1/reviews", {"event": "APPROVE"})
    assert (approval["state"], approval["commit_id"]) == ("APPROVED", pull)
    push_change(hub, tmp_path, hub.tokens["wendy"], "topic", "new.txt", "newer\n")
    reviews = hub.by("mary", "GET", "/pulls/1/reviews")
    assert [(one["state"], one["commit_id"]) for one in reviews] == [("COMMENTED", pull), ("APPROVED", pull)]
    place = f"/pulls/1/reviews/{approval['id']}"
    hub.by("rita", "PUT", f"{place}/dismissals", {"message": "stale"}, status=403)
    assert hub.by("wendy", "PUT", f"{place}/dismissals", {"message": "stale"})["state"] == "DISMISSED"
    pending = hub.by("mary", "POST", "/pulls/1/reviews", {"body": "to be finished"})
    assert pending["id"] not in [one["id"] for one in hub.by("rita", "GET", "/pulls/1/reviews")]
    hub.by("mary", "POST", f"/pulls/1/reviews/{pending['id']}/events", {"event": "APPROVE"})
    assert hub.by("rita", "GET", "/pulls/1/reviews")[-1]["state"] == "APPROVED"


def test_what_a_review_says_can_be_edited_and_its_verdict_cannot(hub: Localhub, pull: str) -> None:
    remark = hub.by("rita", "POST", "/pulls/1/reviews", {"event": "COMMENT", "body": "Hm."})
    place = f"/pulls/1/reviews/{remark['id']}"
    hub.by("tom", "PUT", place, {"body": "Not mine"}, status=403)
    hub.by("rita", "PUT", place, {"body": " "}, status=422)
    edited = hub.by("rita", "PUT", place, {"body": "Well.", "state": "APPROVED"})
    assert edited == remark | {"body": "Well."} == hub.by("mary", "GET", "/pulls/1/reviews")[-1]
    pending = hub.by("mary", "POST", "/pulls/1/reviews", {"body": "to be finished"})
    hub.by("tom", "PUT", f"/pulls/1/reviews/{pending['id']}", {"body": "Not mine"}, status=404)
    assert hub.by("mary", "PUT", f"/pulls/1/reviews/{pending['id']}", {"body": "finished"})["body"] == "finished"


def test_reviewers_are_asked(hub: Localhub, pull: str) -> None:
    hub.by("wendy", "POST", "/pulls/1/requested_reviewers", {"reviewers": ["wendy"]}, status=422)
    hub.by("wendy", "POST", "/pulls/1/requested_reviewers", {"reviewers": ["sam"]}, status=422)
    hub.by("wendy", "POST", "/pulls/1/requested_reviewers", {"reviewers": ["mary", "tom"]}, status=201)
    hub.by("wendy", "DELETE", "/pulls/1/requested_reviewers", {"reviewers": ["tom"]})
    asked = hub.by("wendy", "GET", "/pulls/1/requested_reviewers")["users"]
    assert [user["login"] for user in asked] == ["mary"]
    hub.by("mary", "POST", "/pulls/1/reviews", {"event": "APPROVE"})
    assert hub.by("wendy", "GET", "/pulls/1/requested_reviewers")["users"] == []


def test_a_persons_own_merge_is_seen(hub: Localhub, pull: str, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(clone, "checkout", "-q", "main")
    git(clone, "merge", "-q", "--no-ff", "-m", "By hand", "topic")
    git(clone, "remote", "set-url", "origin", hub.remote(hub.tokens["mary"]))
    git(clone, "push", "-q", "origin", "main")
    shown = hub.by("mary", "GET", "/pulls/1")
    assert (shown["merged"], shown["merged_by"]["login"]) == (True, "mary")
    events = [event["event"] for event in hub.by("mary", "GET", "/issues/1/events")]
    assert events == ["merged", "closed"]


def test_a_deleted_branch_closes_its_pull_request(hub: Localhub, pull: str) -> None:
    hub.by("rita", "DELETE", "/git/refs/heads/topic", status=403)
    hub.by("wendy", "DELETE", "/git/refs/heads/topic", status=204)
    hub.by("wendy", "DELETE", "/git/refs/heads/topic", status=422)
    hub.by("acme", "DELETE", "/git/refs/heads/main", status=422)
    assert hub.by("wendy", "GET", "/pulls/1")["state"] == "closed"
    hub.by("wendy", "PATCH", "/pulls/1", {"state": "open"}, status=422)
    hub.by("wendy", "POST", "/git/refs", {"ref": "refs/heads/topic", "sha": pull}, status=201)
    assert hub.by("wendy", "PATCH", "/pulls/1", {"state": "open"})["state"] == "open"


def test_commits_and_comparisons(hub: Localhub, pull: str) -> None:
    compared = hub.by("wendy", "GET", "/compare/main...topic")
    assert (compared["status"], compared["ahead_by"], compared["behind_by"]) == ("ahead", 1, 0)
    assert [file["filename"] for file in compared["files"]] == ["new.txt"]
    assert hub.by("wendy", "GET", "/branches/topic")["commit"]["sha"] == pull
    assert hub.by("wendy", "GET", "/branches/nowhere", status=404)["message"] == "Branch not found"
    raw = hub.http.get(
        f"{hub.api}/repos/{hub.repository}/contents/new.txt?ref=topic", headers={"accept": "application/vnd.github.raw"}
    )
    assert raw.text == "new\n"
    hub.by("wendy", "GET", "/contents/new.txt", status=404)


def test_check_runs_are_for_apps(hub: Localhub, pull: str) -> None:
    bot = hub.bot_token()

    def bot_call(method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
        answer = hub.call(method, path, bot, body)
        return answer.status_code, answer.json()

    wanted = {"name": "issuewright", "head_sha": pull, "status": "in_progress", "external_id": "run-1"}
    refused = hub.by("acme", "POST", "/check-runs", wanted, status=403)
    assert refused["message"] == "You must authenticate via a GitHub App."
    assert bot_call("POST", "/check-runs", wanted | {"head_sha": "0" * 40})[0] == 422
    assert bot_call("POST", "/check-runs", wanted | {"output": {"title": "t"}})[0] == 422, "and leaves nothing"
    status, made = bot_call("POST", "/check-runs", wanted)
    assert (status, made["status"], made["external_id"]) == (201, "in_progress", "run-1")
    place = f"/check-runs/{made['id']}"
    assert hub.by("wendy", "GET", "/pulls/1")["mergeable_state"] == "unstable"
    long = {"title": "t", "summary": "x" * 65536}
    assert bot_call("PATCH", place, {"output": long})[0] == 422
    many = [{"path": "a", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"}] * 51
    assert bot_call("PATCH", place, {"output": {"title": "t", "summary": "s", "annotations": many}})[0] == 422
    assert bot_call("PATCH", place, {"conclusion": "success"})[1]["status"] == "completed"
    assert hub.by("wendy", "GET", "/pulls/1")["mergeable_state"] == "clean"
    bot_call("POST", "/check-runs", wanted)

    def listed(query: str) -> int:
        return int(str(bot_call("GET", f"/commits/topic/check-runs?{query}")[1]["total_count"]))

    assert listed("check_name=issuewright") == 1
    assert listed("check_name=issuewright&filter=all") == 2
    assert listed("check_name=other") == 0
    assert listed("filter=all&status=completed") == 1
