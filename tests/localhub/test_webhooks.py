"""Webhooks: what is sent, and dropping, delaying, doubling, holding and sending again."""

from typing import Any

from tests.localhub.harness import Localhub, Receiver, wait_for


def open_issue(hub: Localhub, title: str = "t") -> None:
    hub.by("wendy", "POST", "/issues", {"title": title})


def titles(receiver: Receiver) -> list[str]:
    return [delivered.payload["issue"]["title"] for delivered in receiver.named("issues.opened")]


def deliveries(hub: Localhub) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = hub.control("GET", "/deliveries")
    return found


def test_an_issue_opened_with_labels(own_hub: Localhub, receiver: Receiver) -> None:
    own_hub.by("wendy", "POST", "/issues", {"title": "t", "body": "é✓", "labels": ["spec", "bug"]})
    wait_for("three webhooks", lambda: len(receiver.got) == 3)
    assert sorted(receiver.names()) == ["issues.labeled", "issues.labeled", "issues.opened"]
    (opened,) = receiver.named("issues.opened")
    assert [label["name"] for label in opened.payload["issue"]["labels"]] == ["spec", "bug"]
    assert {one.payload["label"]["name"] for one in receiver.named("issues.labeled")} == {"spec", "bug"}
    for delivered in receiver.got:
        assert delivered.signed
        assert delivered.headers["content-type"] == "application/json"
        assert delivered.headers["user-agent"].startswith("GitHub-Hookshot/")
        assert delivered.payload["repository"]["full_name"] == "acme/tally"
        assert delivered.payload["sender"]["login"] == "wendy"
        assert delivered.payload["installation"]["id"] == own_hub.installation_id
    assert len({delivered.guid for delivered in receiver.got}) == 3
    # The hub takes a delivery for delivered a moment after the receiver has it.
    wait_for("three answers", lambda: all(one["delivered"] for one in deliveries(own_hub)))
    assert {one["attempts"][0]["status"] for one in deliveries(own_hub)} == {202}


def test_comments_on_pull_requests_say_so(own_hub: Localhub, receiver: Receiver) -> None:
    sha = own_hub.by("wendy", "GET", "/git/ref/heads/main")["object"]["sha"]
    own_hub.by("wendy", "POST", "/git/refs", {"ref": "refs/heads/same", "sha": sha}, status=201)
    own_hub.by("wendy", "POST", "/pulls", {"title": "t", "head": "same", "base": "main"}, status=422)
    own_hub.by("wendy", "POST", "/issues", {"title": "t"})
    own_hub.by("wendy", "POST", "/issues/1/comments", {"body": "hi"})
    wait_for("the comment", lambda: receiver.named("issue_comment.created"))
    assert "pull_request" not in receiver.named("issue_comment.created")[0].payload["issue"]


def test_drop_then_redeliver(own_hub: Localhub, receiver: Receiver) -> None:
    own_hub.control("POST", "/webhook-rules", {"event": "issues", "action": "opened", "do": "drop"})
    open_issue(own_hub, "lost")
    open_issue(own_hub, "seen")
    wait_for("the second issue", lambda: titles(receiver) == ["seen"])
    (lost,) = (one for one in deliveries(own_hub) if not one["attempts"])
    assert (lost["state"], lost["delivered"]) == ("dropped", False)
    again = own_hub.control("POST", f"/deliveries/{lost['guid']}/redeliver")
    assert again["delivered"]
    assert titles(receiver) == ["seen", "lost"]
    assert receiver.got[-1].guid == lost["guid"]
    own_hub.control("POST", f"/deliveries/{lost['guid']}/redeliver")
    assert receiver.got[-1].guid == lost["guid"], "identical on redelivery"


def test_a_failed_delivery_is_not_tried_again_by_itself(own_hub: Localhub, receiver: Receiver) -> None:
    receiver.status = 503
    open_issue(own_hub)
    (failed,) = wait_for("an attempt", lambda: [one for one in deliveries(own_hub) if one["attempts"]])
    assert (failed["delivered"], failed["attempts"][0]["status"]) == (False, 503)
    receiver.status = 200
    own_hub.kill()
    own_hub.start()
    open_issue(own_hub, "later")
    wait_for("the later issue", lambda: "later" in titles(receiver))
    assert titles(receiver) == ["t", "later"]


def test_double(own_hub: Localhub, receiver: Receiver) -> None:
    own_hub.control("POST", "/webhook-rules", {"do": "duplicate"})
    open_issue(own_hub)
    wait_for("two of one", lambda: len(receiver.got) == 2)
    assert len({delivered.guid for delivered in receiver.got}) == 1


def test_delay(own_hub: Localhub, receiver: Receiver) -> None:
    own_hub.control("POST", "/webhook-rules", {"do": "delay", "seconds": 1.5})
    open_issue(own_hub, "late")
    open_issue(own_hub, "early")
    wait_for("both", lambda: len(receiver.got) == 2)
    assert titles(receiver) == ["early", "late"]


def test_hold_and_release_in_any_order(own_hub: Localhub, receiver: Receiver) -> None:
    own_hub.control("POST", "/webhook-rules", {"event": "issues", "do": "hold", "times": None})
    for title in "abc":
        open_issue(own_hub, title)
    own_hub.control("DELETE", "/webhook-rules")
    open_issue(own_hub, "d")
    wait_for("what is not held", lambda: titles(receiver) == ["d"])
    released = own_hub.control("POST", "/deliveries/release", {"order": "reverse"})["released"]
    wait_for("the rest", lambda: len(receiver.got) == 4)
    assert titles(receiver) == ["d", "c", "b", "a"]
    assert released == [delivered.guid for delivered in receiver.got[1:]]


def test_what_a_killed_hub_owed_is_sent_after_its_restart(own_hub: Localhub, receiver: Receiver) -> None:
    own_hub.control("POST", "/webhook-rules", {"do": "delay", "seconds": 2})
    own_hub.control("POST", "/webhook-rules", {"do": "hold"})
    open_issue(own_hub, "owed")
    open_issue(own_hub, "held")
    own_hub.kill()
    assert receiver.got == []
    own_hub.start()
    wait_for("what was owed", lambda: titles(receiver) == ["owed"])
    own_hub.control("POST", "/deliveries/release", {"order": "fifo"})
    wait_for("what was held", lambda: titles(receiver) == ["owed", "held"])


def test_the_bots_own_doings_come_back(own_hub: Localhub, receiver: Receiver) -> None:
    open_issue(own_hub)
    own_hub.call("POST", "/issues/1/comments", own_hub.bot_token(), {"body": "On it."})
    (mine,) = wait_for("the comment", lambda: receiver.named("issue_comment.created"))
    assert mine.payload["sender"] == mine.payload["comment"]["user"]
    assert (mine.payload["sender"]["id"], mine.payload["sender"]["type"]) == (own_hub.bot_id, "Bot")
    assert mine.payload["comment"]["performed_via_github_app"]["slug"] == "issuewright"


def test_edits_say_what_was_there(own_hub: Localhub, receiver: Receiver) -> None:
    open_issue(own_hub, "before")
    comment = own_hub.by("wendy", "POST", "/issues/1/comments", {"body": "one"})["id"]
    own_hub.by("wendy", "PATCH", f"/issues/comments/{comment}", {"body": "two"})
    own_hub.by("wendy", "PATCH", "/issues/1", {"title": "after"})
    own_hub.by("wendy", "DELETE", f"/issues/comments/{comment}", status=204)
    wait_for("five webhooks", lambda: len(receiver.got) == 5)
    assert receiver.named("issue_comment.edited")[0].payload["changes"] == {"body": {"from": "one"}}
    assert receiver.named("issues.edited")[0].payload["changes"] == {"title": {"from": "before"}}
    assert receiver.named("issue_comment.deleted")[0].payload["comment"]["body"] == "two"
