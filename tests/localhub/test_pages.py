"""The pages do what the REST API does, by the same rules, and only for whoever sits at this machine."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.localhub.harness import Localhub, Receiver, push_change, wait_for
from tests.localhub.visitor import Page, Visitor


@pytest.fixture
def pull(hub: Localhub, tmp_path: Path) -> dict[str, Any]:
    push_change(hub, tmp_path, hub.tokens["wendy"], "a/change", "tally/core.py", "def total(n):\n    return sum(n)\n")
    made: dict[str, Any] = hub.by("wendy", "POST", "/pulls", {"title": "Change", "head": "a/change", "base": "main"})
    return made


def test_addresses_in_answers_lead_to_pages(hub: Localhub, pull: dict[str, Any]) -> None:
    anyone, number = Visitor(hub), pull["number"]
    issue = hub.by("rita", "POST", "/issues", {"title": "Why?", "body": "Because."})
    said = hub.by("tom", "POST", f"/issues/{issue['number']}/comments", {"body": "I see"})
    review = hub.by("mary", "POST", f"/pulls/{number}/reviews", {"event": "APPROVE", "body": "Good"})
    note = {"path": "tally/core.py", "line": 1, "body": "Why?", "commit_id": pull["head"]["sha"]}
    line = hub.by("mary", "POST", f"/pulls/{number}/comments", note)
    run = hub.call("POST", "/check-runs", hub.bot_token(), {"name": "ci", "head_sha": pull["head"]["sha"]}).json()
    for thing in (issue, said, review, line, run, pull):
        url, _, anchor = thing["html_url"].partition("#")
        page = anyone.get(url.removeprefix(hub.url))
        assert not anchor or page.all("article", id=anchor) or page.all("div", id=anchor), thing["html_url"]
    commit = hub.by("rita", "GET", f"/commits/{pull['head']['sha']}")
    entry = hub.by("rita", "GET", "/contents/tally/core.py?ref=a/change")
    places = [commit["html_url"], entry["html_url"], commit["files"][0]["blob_url"], pull["user"]["html_url"]]
    places += [hub.by("rita", "GET", "/branches/a/change")["_links"]["html"], pull["base"]["repo"]["html_url"]]
    places += [hub.by("rita", "GET", "/compare/main...a/change")["html_url"], run["app"]["html_url"]]
    for url in places:
        anyone.get(url.removeprefix(hub.url))
    for url in (pull["diff_url"], pull["patch_url"], commit["files"][0]["raw_url"], entry["download_url"]):
        assert "def total" in hub.http.get(url).text
    assert hub.http.get(pull["user"]["avatar_url"]).headers["content-type"] == "image/svg+xml"


def test_an_issue_from_its_form_to_its_end(own_hub: Localhub, receiver: Receiver) -> None:
    wendy = Visitor(own_hub, "wendy")
    made = wendy.post("~/issues/new", "~/issues/new", title="Add a mean", body="We need it.\r\n", label="bug")
    assert made.headers["location"] == "/acme/tally/issues/1"
    wendy.post("~/issues/1", "~/issues/1/labels", add="question")
    wendy.post("~/issues/1", "~/issues/1/labels", new="spec")
    wendy.post("~/issues/1", "~/issues/1/labels", remove="question")
    said = wendy.post("~/issues/1", "~/issues/1/comments", body="**Soon**")
    wendy.post("~/issues/1", "~/issues/1/reactions", content="eyes")
    wendy.post("~/issues/1", "~/issues/1/comments", body="Done", action="close")
    page = wendy.get("~/issues/1")
    assert page.all("article", id=said.headers["location"].partition("#")[2])
    assert [label.attributes["value"] for label in page.all("button", name="remove")] == ["bug", "spec"]
    assert page.all("button", name="content", value="eyes")[0].text == "👀 1"
    assert "wendy added bug question spec removed question" in page.text
    assert "wendy closed this" in page.text
    names = ["issues.opened", "issues.labeled", "issues.unlabeled", "issue_comment.created", "issues.closed"]
    wait_for("webhooks", lambda: set(names) <= set(receiver.names()))
    assert own_hub.by("rita", "GET", "/issues/1")["state"] == "closed"
    wendy.post("~/issues/1", "~/issues/1/comments", action="reopen", body="")
    assert own_hub.by("rita", "GET", "/issues/1")["state_reason"] == "reopened"


def test_a_pull_request_from_its_line_comments_to_its_merge(hub: Localhub, pull: dict[str, Any]) -> None:
    mary, place = Visitor(hub, "mary"), f"~/pull/{pull['number']}"
    form = mary.get(f"{place}/files?path=tally%2Fcore.py&side=RIGHT&line=1#comment-form")
    assert form.all("textarea", placeholder="Comment on line 1")
    line = {"path": "tally/core.py", "side": "RIGHT", "line": "1", "head": pull["head"]["sha"]}
    mary.post(f"{place}/files", f"{place}/line-comments", body="Shorter?", how="review", **line)
    assert hub.by("wendy", "GET", f"/pulls/{pull['number']}/comments") == []  # not submitted yet
    assert "pending" in mary.get(f"{place}/files").text
    mary.post(f"{place}/files", f"{place}/reviews", event="request_changes", body="One thing", head=pull["head"]["sha"])
    (review,) = hub.by("rita", "GET", f"/pulls/{pull['number']}/reviews")
    assert (review["state"], review["body"]) == ("CHANGES_REQUESTED", "One thing")
    (said,) = hub.by("rita", "GET", f"/pulls/{pull['number']}/comments")
    assert (said["line"], said["body"]) == (1, "Shorter?")
    wendy = Visitor(hub, "wendy")
    wendy.post(place, f"{place}/answers", to=str(said["id"]), body="No")
    assert "mary requested changes" in wendy.get(place).text
    mary.post(f"{place}/files", f"{place}/reviews", event="approve", body="", head=pull["head"]["sha"])
    hub.control("PUT", f"/repositories/{hub.repository}/protection/main", {"checks": {"checks": [{"context": "ci"}]}})
    blocked = mary.get(place)
    assert 'Required status check "ci" is expected.' in blocked.text
    assert "disabled" in blocked.all("button", id="merge-button")[0].attributes
    refused = mary.post(place, f"{place}/merge", 405, method="squash", head=pull["head"]["sha"])
    assert "is expected." in refused.text
    hub.by("wendy", "POST", f"/statuses/{pull['head']['sha']}", {"state": "success", "context": "ci"})
    mary.post(place, f"{place}/merge", method="squash", head=pull["head"]["sha"])
    assert hub.by("rita", "GET", f"/pulls/{pull['number']}")["merged"]
    assert "Merged" in wendy.get(place).text
    wendy.post(place, "~/branches/delete", branch="a/change")
    hub.by("rita", "GET", "/branches/a/change", status=404)


def test_a_decision_is_about_what_was_shown(hub: Localhub, pull: dict[str, Any], tmp_path: Path) -> None:
    mary, place = Visitor(hub, "mary"), f"~/pull/{pull['number']}"
    push_change(hub, tmp_path, hub.tokens["wendy"], "a/change", "tally/core.py", "import os\n")
    refused = mary.post(f"{place}/files", f"{place}/reviews", 409, event="approve", head=pull["head"]["sha"])
    assert "New commits were pushed" in refused.text
    mary.post(place, f"{place}/merge", 409, head=pull["head"]["sha"])
    assert hub.by("rita", "GET", f"/pulls/{pull['number']}/reviews") == []


def test_roles_bound_what_the_forms_do(hub: Localhub, pull: dict[str, Any]) -> None:
    hub.by("wendy", "POST", "/issues", {"title": "One"})
    issue, place = "~/issues/2", f"~/pull/{pull['number']}"
    rita, wendy, nobody = Visitor(hub, "rita"), Visitor(hub, "wendy"), Visitor(hub)
    rita.post(issue, f"{issue}/labels", 403, add="bug")
    rita.post(issue, f"{issue}/comments", 403, action="close", body="")
    rita.post(issue, f"{issue}/edit", 403, title="Mine")
    rita.post(place, f"{place}/merge", 403)
    rita.post(place, f"{place}/draft", 403, draft="yes")
    rita.post(issue, "~/branches/delete", 403, branch="a/change")
    refused = wendy.post(f"{place}/files", f"{place}/reviews", 422, event="approve")
    assert "Can not approve your own pull request" in refused.text
    nobody.post("/", f"{issue}/comments", 401, body="Hello")
    assert hub.by("rita", "GET", issue[1:])["labels"] == []


def test_private_repositories_stay_private(hub: Localhub) -> None:
    name = f"secret-{hub.repository.rpartition('-')[2]}"
    wanted = {"owner": "acme", "name": name, "private": True, "files": {"a.txt": "x\n"}}
    hub.control("POST", "/repositories", wanted)
    for visitor in (Visitor(hub), Visitor(hub, "sam")):
        for path in ("", "/issues", "/blob/main/a.txt", "/raw/main/a.txt", "/commits"):
            visitor.get(f"/acme/{name}{path}", 404)
        assert name not in visitor.get("/").text
    assert name in Visitor(hub, "acme").get("/").text


def test_forms_want_their_own_token_and_a_browser_on_this_machine(hub: Localhub) -> None:
    hub.by("wendy", "POST", "/issues", {"title": "One"})
    wendy, other = Visitor(hub, "wendy"), Visitor(hub, "wendy")
    place = f"/{hub.repository}/issues/1/comments"
    for token in ("", "x", other.token("~/issues/1")):
        assert wendy.ask("POST", place, {"token": token, "body": "forged"}).status_code == 403
    # A stranger's page that made its own name point here may read what is public, and gets no further.
    rebound, name = Visitor(hub), f"evil.example:{hub.port}"
    token = Page(rebound.ask("GET", "/login", host=name).text).all("input", name="token")[0].attributes["value"]
    answer = rebound.ask("POST", "/login", {"token": token, "login": "wendy"}, host=name)
    assert (answer.status_code, "on the machine that localhub runs on" in answer.text) == (403, True)
    assert hub.by("rita", "GET", "/issues/1/comments") == []
    stolen = f"localhub_{hub.port}=0.{hub.bot_id}.00"
    forged = httpx.get(f"{hub.url}/", headers={"cookie": stolen}, trust_env=False)
    assert "Sign in" in Page(forged.text).text
    elsewhere = wendy.post("/login", "/login", login="wendy", back="//evil.example/")
    assert elsewhere.headers["location"] == "/"
    wendy.post("/login", "/login", 422, login="issuewright[bot]")


def test_the_api_keeps_its_places(hub: Localhub) -> None:
    for path in ("/api/v3/issues", "/api/v3/nothing/here", "/_localhub/nothing"):
        answer = hub.http.get(hub.url + path)
        assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")
