"""GitHub's own command line, `gh`, as an independent client: what it does arrives, what it reads is there."""

import json
import os
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import founded_company
from tests.contract.drive import Company
from tests.contract.recordings import Recording
from tests.contract.waivers import unexcused

PROGRAM = Path(sysconfig.get_path("scripts")) / "gh"


class Gh:
    """`gh` of one person. It wants https for hosts, but takes whole URLs as they are."""

    def __init__(self, company: Company, login: str, folder: Path) -> None:
        self._api = company.hub.api
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "GH_CONFIG_DIR": str(folder / "gh"),
            "GH_HOST": company.hub.url.removeprefix("http://"),
            "GH_ENTERPRISE_TOKEN": company.hub.tokens[login],
            "GH_PROMPT_DISABLED": "1",
            "GH_NO_UPDATE_NOTIFIER": "1",
            "NO_PROXY": "127.0.0.1",
        }

    def run(self, *arguments: str, body: object = None) -> subprocess.CompletedProcess[str]:
        """`gh api`; the first argument is a path below the repository acme/tally."""
        place, *options = arguments
        argv = [str(PROGRAM), "api", f"{self._api}/repos/acme/tally{place}", *options]
        if body is not None:
            argv += ["--input", "-"]
        given = None if body is None else json.dumps(body)
        return subprocess.run(argv, env=self._environment, input=given, capture_output=True, text=True, timeout=60)

    def api(self, *arguments: str, body: object = None) -> Any:
        """The JSON that a successful `gh api` prints."""
        done = self.run(*arguments, body=body)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "record.jsonl"


@pytest.fixture
def company(tmp_path: Path, record: Path) -> Iterator[Company]:
    with founded_company(tmp_path / "company", record) as company:
        yield company


def test_gh_takes_an_issue_to_the_merge(company: Company, record: Path, tmp_path: Path) -> None:
    acme, maya, theo = (Gh(company, login, tmp_path) for login in ("acme", "maya", "theo"))

    issue = theo.api("/issues", "-f", "title=Add /health", "-f", "body=Please.")
    assert (issue["number"], issue["user"]["login"]) == (1, "theo")
    for number in range(2, 8):
        theo.api("/issues", "-f", f"title=Number {number}")
    listed = maya.run("/issues?per_page=3&direction=asc", "--paginate", "--jq", ".[].number")
    assert listed.stdout.split() == [str(number) for number in range(1, 8)]

    maya.api("/issues/1/labels", "-f", "labels[]=spec")
    comment = maya.api("/issues/1/comments", "-f", "body=On it.")
    maya.api(f"/issues/comments/{comment['id']}", "-X", "PATCH", "-f", "body=On it!")
    maya.api(f"/issues/comments/{comment['id']}/reactions", "-f", "content=eyes")
    assert [each["body"] for each in theo.api("/issues/1/comments")] == ["On it!"]
    assert theo.api("/issues/1")["labels"][0]["name"] == "spec"

    head = company.pushes("health", "tally/health.py", "OK = True\n")
    wanted = {"title": "Health", "head": "health", "base": "main", "body": "Closes #1", "draft": False}
    pull = maya.api("/pulls", body=wanted)["number"]
    assert maya.run(f"/pulls/{pull}/reviews", "-f", "event=APPROVE").returncode != 0  # nobody approves their own
    review = acme.api(f"/pulls/{pull}/reviews", "-f", "event=APPROVE", "-f", "body=Good.")
    assert (review["state"], review["commit_id"]) == ("APPROVED", head)
    assert [each["user"]["login"] for each in maya.api(f"/pulls/{pull}/reviews")] == ["acme"]

    stale = maya.run(f"/pulls/{pull}/merge", "-X", "PUT", "-f", f"sha={'0' * 40}")
    assert stale.returncode != 0
    assert "HTTP 409" in stale.stderr
    merged = maya.api(f"/pulls/{pull}/merge", "-X", "PUT", "-f", f"sha={head}", "-f", "merge_method=squash")
    assert merged["merged"] is True
    assert maya.api("/git/ref/heads/main")["object"]["sha"] == merged["sha"]
    assert theo.run(f"/pulls/{pull}/merge", "--silent").returncode == 0

    recording = Recording(record)
    assert len(recording.exchanges) > 20
    problems = unexcused(recording.problems())
    assert not problems, "\n".join(map(str, problems))


def test_gh_tells_what_it_was_refused(company: Company, tmp_path: Path) -> None:
    theo = Gh(company, "theo", tmp_path)
    missing = theo.run("/issues/99")
    assert missing.returncode != 0
    assert "Not Found (HTTP 404)" in missing.stderr
    forbidden = theo.run("/labels", "-f", "name=mine", "-f", "color=ededed")
    assert forbidden.returncode != 0
    assert "(HTTP 403)" in forbidden.stderr
    invalid = theo.run("/issues", "-f", "body=no title")
    assert invalid.returncode != 0
    assert "(HTTP 422)" in invalid.stderr
