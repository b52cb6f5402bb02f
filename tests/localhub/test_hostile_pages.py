"""Whatever people write, name or commit is shown, and does nothing."""

from pathlib import Path

import pytest

from tests.localhub.harness import Localhub, git, push_change
from tests.localhub.visitor import Visitor

SCRIPT = "<script>alert(1)</script>"
ATTRIBUTE = '"><img src=x onerror=alert(1)>'
HOSTILE_MARKDOWN = [
    SCRIPT,
    ATTRIBUTE,
    "[link](javascript:alert(1)) [other](  JaVaScRiPt:alert(1)) [data](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](javascript:alert(1)) <img src='data:image/svg+xml,<svg onload=alert(1)>'>",
    "<svg onload=alert(1)><a xlink:href='javascript:alert(1)'>x</a></svg>",
    "<details open ontoggle=alert(1)><summary onclick=alert(1)>x</summary></details>",
    "<form action=//evil.example><input name=token><button formaction=javascript:alert(1)>go</button></form>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe><object data=x></object><base href=//evil.example>",
    "<a href='&#106;avascript:alert(1)'>x</a><a href=' &#1;javascript:alert(1)'>y</a>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<p style='position:fixed;inset:0'>over everything</p>",
    '```" onmouseover=alert(1)\n</code></pre><script>alert(1)</script>\n```',
    "</div></article></main><script>alert(1)</script><!-- -->",
    "<!--><script>alert(1)</script>-->",
    "| a |\n|---|\n| <script>alert(1)</script> |",
    '# x" onclick=alert(1)\n\n@wendy<script>alert(1)</script> #1<img src=x onerror=alert(1)>',
    "<textarea></p><script>alert(1)</script>",
    "\u202e gpj.exe \x00 \ufffe &lt;script&gt;",
]


@pytest.mark.parametrize("text", HOSTILE_MARKDOWN)
def test_hostile_markdown_is_inert_wherever_it_is_shown(hub: Localhub, text: str) -> None:
    hub.by("rita", "POST", "/issues", {"title": "Look", "body": text})
    hub.by("rita", "POST", "/issues/1/comments", {"body": text})
    anyone = Visitor(hub)
    anyone.get("~/issues/1")  # Visitor looks for dangers on every page
    page = Visitor(hub, "wendy").get("~/issues/1")
    assert len(page.all("article")) == 2  # nothing broke out of its box
    assert not [form for form in page.all("form") if "evil" in form.attributes.get("action", "")]


def test_hostile_titles_labels_and_names(hub: Localhub) -> None:
    for title in (SCRIPT, ATTRIBUTE, "{{ 7 * 7 }} {% raw %}"):
        hub.by("wendy", "POST", "/issues", {"title": title, "labels": [f"{ATTRIBUTE} {{{{7*7}}}}"]})
    hub.by("wendy", "PATCH", "/issues/1", {"title": f"{SCRIPT} #2"})
    for path in ("~/issues", "~/issues/1", "~/issues/3", "~/issues?label=%22%3E%3Cscript%3E", "~/issues/new"):
        page = Visitor(hub, "wendy").get(path)
        assert "49" not in page.text.replace("tally-49", "")
    assert SCRIPT in Visitor(hub).get("~/issues/1").all("title")[0].text


def test_hostile_branches_files_and_commits(hub: Localhub, tmp_path: Path) -> None:
    token, branch = hub.tokens["wendy"], "x<script>alert(1)</script>"
    path = 'docs/"><img src=x onerror=alert(1)>.md'
    push_change(hub, tmp_path, token, branch, path, f'{SCRIPT}\n\n[up](../../../../etc) ![p](<a b".png>)\n')
    push_change(hub, tmp_path, token, branch, "a/<b>#?.py", f"x = '{SCRIPT}'\n")
    clone = tmp_path / "clone"
    (clone / "page.html").write_text(SCRIPT)
    (clone / "drawing.svg").write_text(f"<svg xmlns='http://www.w3.org/2000/svg'>{SCRIPT}</svg>")
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", f"{ATTRIBUTE}\n\n{SCRIPT} #1")
    git(clone, "push", "-q", "origin", branch)
    head = git(clone, "rev-parse", "HEAD").stdout.strip()
    wanted = {"title": "Hostile", "head": branch, "base": "main", "body": SCRIPT}
    number = hub.by("wendy", "POST", "/pulls", wanted)["number"]
    anyone = Visitor(hub)
    pull = f"~/pull/{number}"
    for place in (pull, f"{pull}/files", f"{pull}/commits", f"{pull}/checks", f"~/commit/{head}", "~/branches"):
        anyone.get(place)
    seen = set()
    waiting = [f"~/tree/{head}"]
    while waiting:
        place = waiting.pop()
        page = anyone.get(place)
        for link in page.all("a"):
            target = link.attributes["href"].partition("#")[0]
            inside = any(f"/{kind}/{head}" in target for kind in ("tree", "blob"))
            if inside and target not in seen:
                seen.add(target)
                waiting.append(target)
    assert any("onerror" in target for target in seen)
    assert any(target.endswith("/a/%3Cb%3E%23%3F.py") for target in seen)
    for commits in ("~/commits/" + branch.replace("<", "%3C").replace(">", "%3E"), f"~/commits/{head}"):
        anyone.get(commits)


def test_raw_files_do_nothing_in_a_browser(hub: Localhub, tmp_path: Path) -> None:
    token = hub.tokens["wendy"]
    push_change(hub, tmp_path, token, "main", "page.html", SCRIPT)
    push_change(hub, tmp_path, token, "main", "drawing.svg", f"<svg xmlns='http://www.w3.org/2000/svg'>{SCRIPT}</svg>")
    push_change(hub, tmp_path, token, "main", "code.js", "alert(1)")
    for name, kind in (("page.html", "text/plain"), ("drawing.svg", "image/svg+xml"), ("code.js", "text/plain")):
        answer = hub.http.get(f"{hub.url}/{hub.repository}/raw/main/{name}")
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "sandbox" in answer.headers["content-security-policy"]


def test_hostile_checks_and_statuses(hub: Localhub) -> None:
    head = hub.by("rita", "GET", "/branches/main")["commit"]["sha"]
    note = {"path": ATTRIBUTE, "start_line": 1, "end_line": 1, "annotation_level": "failure", "message": SCRIPT}
    output = {"title": SCRIPT, "summary": SCRIPT, "text": ATTRIBUTE, "annotations": [note | {"raw_details": SCRIPT}]}
    wanted = {"name": ATTRIBUTE, "head_sha": head, "conclusion": "failure", "output": output}
    run = hub.call("POST", "/check-runs", hub.bot_token(), wanted).json()
    bad = {"state": "failure", "context": SCRIPT, "target_url": "javascript:alert(1)", "description": ATTRIBUTE}
    hub.by("wendy", "POST", f"/statuses/{head}", bad)
    deployment = hub.by("wendy", "POST", "/deployments", {"ref": head, "environment": SCRIPT, "required_contexts": []})
    links = {"state": "success", "environment_url": "javascript:alert(1)", "log_url": "javascript:alert(1)"}
    hub.by("wendy", "POST", f"/deployments/{deployment['id']}/statuses", links)
    anyone = Visitor(hub)
    for place in (f"~/runs/{run['id']}", f"~/commit/{head}", "~/deployments"):
        anyone.get(place)


def test_markdown_is_laid_out(hub: Localhub) -> None:
    body = "- [x] done\n- [ ] open\n\n~~old~~ @wendy, #1 and http://example.com/a?b=1.\n\n`#1 @wendy`\n\n"
    body += "<!-- a marker -->\n"
    hub.by(
        "rita",
        "POST",
        "/issues",
        {"title": "Look", "body": body + "<details><summary>More</summary>\n\nInside\n\n</details>"},
    )
    page = Visitor(hub).get("~/issues/1")
    assert [box.attributes["title"] for box in page.all("span") if "title" in box.attributes] == ["done", "to do"]
    links = {link.attributes["href"] for link in page.all("a")}
    assert {"/wendy", f"/{hub.repository}/issues/1", "http://example.com/a?b=1"} <= links
    assert page.all("code")[0].text == "#1 @wendy"
    assert page.all("summary")
    assert "a marker" not in page.text
