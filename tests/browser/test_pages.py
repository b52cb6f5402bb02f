"""A maintainer's way through the pages, from the issue to the merge, on a desktop and on a phone."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import Browser
from tests.localhub.harness import Localhub, push_change
from tests.support import needs

pytestmark = [
    pytest.mark.browser,
    needs.program("chromium", package="chromium"),
    needs.program("chromedriver", package="chromium-driver"),
]
LONG = "x" * 200
CHANGE = f"def total(numbers):\n    checked = list(numbers)  # {LONG}\n    return sum(checked)\n"


def opens_pull_request(hub: Localhub, work: Path) -> dict[str, Any]:
    push_change(hub, work, hub.tokens["wendy"], "a/change", "tally/core.py", CHANGE)
    wanted = {"title": "Check what is added", "head": "a/change", "base": "main", "body": f"See `{LONG}` and {LONG}."}
    made: dict[str, Any] = hub.by("wendy", "POST", "/pulls", wanted)
    return made


def test_an_issue_is_opened_labelled_discussed_and_closed(browser: Browser, hub: Localhub) -> None:
    place = f"/{hub.repository}"
    browser.sign_in("wendy", f"{place}/issues")
    browser.press("a[href$='/issues/new']")
    browser.write("input[name=title]", "Add a mean")
    browser.write("textarea[name=body]", "We **need** it.")
    browser.press("main form.stack button.go")
    assert browser.find(".text strong").text == "need"
    browser.unfold("details.more:has(button[name=add])")
    browser.press("button[name=add][value=enhancement]")
    browser.unfold("details.more:has(input[name=new])")
    browser.write("input[name=new]", "spec")
    browser.press("form:has(input[name=new]) button")
    assert "wendy added enhancement spec" in browser.text()
    browser.unfold("article .add-reaction")
    browser.press("article .add-reaction button[value=rocket]")
    browser.write("#new-comment textarea", "Soon.")
    browser.press("#new-comment button.go")
    browser.press("#new-comment button[value=close]")
    assert browser.text(".thread-head .state") == "Closed"
    issue = hub.by("rita", "GET", "/issues/1")
    labels = [label["name"] for label in issue["labels"]]
    assert (issue["state"], labels, issue["comments"]) == ("closed", ["enhancement", "spec"], 1)
    assert issue["reactions"]["rocket"] == 1
    browser.open(f"{place}/issues?state=closed")
    assert "Add a mean" in browser.text()


def test_a_pull_request_is_read_reviewed_and_merged(browser: Browser, hub: Localhub, tmp_path: Path) -> None:
    number = opens_pull_request(hub, tmp_path)["number"]
    rules = {"reviews": {"count": 1}, "enforce_admins": True}
    hub.control("PUT", f"/repositories/{hub.repository}/protection/main", rules)
    place = f"/{hub.repository}/pull/{number}"
    browser.sign_in("mary", place)
    assert "At least 1 approving review is required" in browser.text("#merge")
    assert not browser.find("#merge-button").is_enabled()
    browser.press("nav.inner a[href$='/commits']")
    assert "Change tally/core.py" in browser.text()
    browser.press("nav.inner a[href$='/files']")
    browser.press("tr.added a.add")  # the first added line
    browser.write("#comment-form textarea", "Why a list?")
    browser.press("#comment-form button[value=review]")
    assert "pending" in browser.text(".line-comment")
    browser.write("#review-form textarea", "Fine otherwise.")
    browser.find("#review-form input[value=approve]").click()
    browser.press("#review-form button.go")
    assert "mary approved these changes" in browser.text()
    assert "Why a list?" in browser.text(".review-body")
    browser.press("#merge-button")
    assert browser.text(".thread-head .state") == "Merged"
    pull = hub.by("rita", "GET", f"/pulls/{number}")
    assert (pull["merged"], pull["merged_by"]["login"], pull["review_comments"]) == (True, "mary", 1)


def test_every_page_fits_and_says_nothing_wrong(browser: Browser, hub: Localhub, tmp_path: Path) -> None:
    """`Browser.open` looks at the width, the console and the title of each."""
    pull = opens_pull_request(hub, tmp_path)
    head, number = pull["head"]["sha"], pull["number"]
    table = "| a | b |\n|---|---|\n" + f"| {LONG} | {LONG} |\n" * 2
    hub.by(
        "wendy", "POST", "/issues", {"title": LONG, "body": table + f"\n```\n{LONG}\n```\n", "labels": ["bug", "spec"]}
    )
    note = {"path": "tally/core.py", "start_line": 2, "end_line": 2, "annotation_level": "failure", "message": LONG}
    output = {"title": "1 failed", "summary": table, "annotations": [note]}
    run = {"name": "ci", "head_sha": head, "conclusion": "failure", "output": output}
    run_id = hub.call("POST", "/check-runs", hub.bot_token(), run).json()["id"]
    hub.by("wendy", "POST", "/deployments", {"ref": head, "environment": LONG, "required_contexts": []})
    comment = {"path": "tally/core.py", "line": 2, "commit_id": head, "body": LONG}
    hub.by("mary", "POST", f"/pulls/{number}/comments", comment)
    place = f"/{hub.repository}"
    paths = ["", "/issues", "/issues/2", "/issues/new", "/pulls", "/branches", "/commits", "/deployments"]
    paths += [f"/pull/{number}{tab}" for tab in ("", "/commits", "/files", "/checks")]
    paths += [f"/commit/{head}", "/tree/a/change/tally", f"/runs/{run_id}", "/compare/main...a/change"]
    paths += ["/blob/a/change/tally/core.py#L2", "/blob/main/README.md", "/blob/main/README.md?plain=1"]
    paths += [f"/pull/{number}/files?path=tally%2Fcore.py&side=RIGHT&line=2#comment-form"]
    for login in (None, "mary"):
        if login:
            browser.sign_in(login)
        for path in ("/", "/login", "/acme", "/apps/issuewright", *(place + path for path in paths)):
            browser.open(path)


def test_a_line_is_marked_by_its_anchor(browser: Browser, hub: Localhub) -> None:
    browser.open(f"/{hub.repository}/blob/main/tally/core.py#L2")
    plain, marked = (browser.find(f"#L{n}").value_of_css_property("background-color") for n in (1, 2))
    assert marked != plain
    assert browser.find("#L2 .c").text.strip() == "return sum(numbers)"


def test_hostile_content_does_nothing(browser: Browser, hub: Localhub, tmp_path: Path) -> None:
    """`Browser.open` fails on anything that the page's policy had to stop; a dialog would fail the next call."""
    taken = "document.title='taken'"
    attack = f'<script>{taken}</script><img src=a.svg onload="{taken}" onerror="{taken}"><svg onload=alert(1)>'
    drawing = f"<svg xmlns='http://www.w3.org/2000/svg'>{attack}</svg>"
    hub.by("rita", "POST", "/issues", {"title": attack[:200], "body": f"{attack}\n\n[x](javascript:alert(1))"})
    push_change(hub, tmp_path, hub.tokens["wendy"], "main", "a.svg", drawing)
    push_change(hub, tmp_path, hub.tokens["wendy"], "main", "a.html", attack)
    push_change(hub, tmp_path, hub.tokens["wendy"], "main", "<img src=x onerror=alert(1)>.md", attack)
    place = f"/{hub.repository}"
    for path in ("", "/issues", "/issues/1", "/commits", "/blob/main/a.html", "/blob/main/a.svg"):
        browser.open(place + path)
        assert browser.driver.title != "taken"
    for name in ("a.svg", "a.html"):
        browser.driver.get(f"{browser.url}{place}/raw/main/{name}")
        assert browser.driver.title != "taken"
