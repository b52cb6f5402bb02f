"""The judge of chaos can say no: each kind of defect, planted into a finished world, is reported."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.chaos.campaign import Campaign
from tests.chaos.field import fields
from tests.chaos.judgement import Pictures, judge, pictures
from tests.chaos.leftovers import problems_of_record
from tests.chaos.people import Spec
from tests.chaos.project import deployed_file
from tests.chaos.specs import KINDS
from tests.stories.world import BOT, OWNER

pytestmark = pytest.mark.slow


@pytest.fixture
def over(tmp_path: Path) -> Iterator[tuple[Campaign, Pictures]]:
    """A campaign in peace that is over, its service stopped, and what it should look like."""
    with fields("sqlite") as made:
        campaign = Campaign(made.new(tmp_path / "world", 1), time.time() + 300)
        campaign.in_peace(kind for kind in KINDS if kind.name == "six")
        expected = pictures(campaign)
        for member in campaign.field.members:
            member.kill()
        yield campaign, expected


def test_every_kind_of_defect_is_seen(over: tuple[Campaign, Pictures]) -> None:
    campaign, expected = over
    assert judge(campaign, expected).problems == []
    assert list(problems_of_record(campaign.field)) == []

    plants = Plants(campaign)
    plants.a_difference()
    problems = judge(campaign, expected).problems
    assert problems
    assert all(": /issue/reactions" in problem for problem in problems), problems

    wanted = plants.all_at_once()
    problems = judge(campaign, expected).problems
    unseen = [text for text in wanted if not any(text in problem for problem in problems)]
    assert not unseen, problems
    assert any("the journal's chain breaks" in problem for problem in problems_of_record(campaign.field))

    plants.a_second_pull_request()
    assert any("2 pull requests" in problem for problem in judge(campaign, expected).problems)
    plants.end_process()


def test_a_run_that_is_not_over_or_paid_too_often_is_seen(over: tuple[Campaign, Pictures]) -> None:
    campaign, expected = over
    (spec,) = campaign.people.specs
    plants = Plants(campaign)
    plants.executes("DELETE FROM entries WHERE kind = 'run_finished'")
    assert any("it ended with " in problem for problem in judge(campaign, expected).problems)
    # Under another number it is no second call of the same attempt, but still one too many.
    plants.appends("agent-calls.jsonl", {"attempt": f"{spec.run_id}.builder.9"})
    plants.appends("agents/paid.jsonl", {"attempt": f"{spec.run_id}.builder.9"})
    assert any("at most" in problem for problem in judge(campaign, expected).problems)


class Plants:
    """Defects to be planted into a campaign's world, of which nothing but the hub still runs."""

    def __init__(self, campaign: Campaign) -> None:
        self._field = campaign.field
        self._world = campaign.field.world
        self._hub = self._world.hub
        self._spec: Spec = campaign.people.specs[0]
        self._pull = self._world.pull_request(self._spec.issue)
        self._process: subprocess.Popen[bytes] | None = None

    def all_at_once(self) -> list[str]:
        """Plant those that do not hide one another; what must be said of them."""
        issue, head = self._spec.issue.number, self._pull["head"]["sha"]
        comment = next(c for c in self._world.conversation(self._pull["number"]) if c["user"]["login"] == BOT)
        self._by_bot("POST", f"/issues/{issue}/comments", {"body": comment["body"]})
        self._by_bot("POST", f"/issues/{issue}/comments", {"body": "What is this?"})
        (check_run,) = self._world.check_runs(head)
        again = {"name": "issuewright", "head_sha": head, "external_id": check_run["external_id"]}
        self._by_bot("POST", "/check-runs", again)
        deployment = next(each for each in self._world.pages("/deployments?") if each["environment"] == "production")
        again = {"ref": deployment["sha"], "environment": "production", "description": deployment["description"]}
        self._by_bot("POST", "/deployments", {**again, "required_contexts": []})
        self._hub.by(OWNER, "POST", f"/issues/{issue}/labels", {"labels": ["issuewright: waiting for you"]})
        self._hub.by(OWNER, "PATCH", f"/issues/{issue}", {"state": "open"})
        self._commits()
        self._lines()
        self._rows()
        self._leftovers()
        return [
            *("2 comments ", "a comment without a marker", "2 check runs on", "2 deployments on GitHub"),
            *("the issue's labels are ['issuewright: waiting for you']", "the issue is open"),
            *("2 commits of docs.1", "is not in the journal", "1 commits of people", "2 merges"),
            *("2 agent calls for", "2 payments for", "deployed 2 times to preview", "are in the books"),
            *("unsettled reservations", "live attempts", "open gates", "effects without an outcome"),
            *("deliveries not read", "deliveries were answered 2xx and are lost", "unfinished deployments"),
            *("workflow ", "the journal's chain breaks at entry", "only in the journal", "only in the table"),
            *(
                "left in worktrees/*",
                "left in mirrors/*.git/**/*.lock",
                "left in mirrors/*.git/worktrees/*",
                "process ",
            ),
        ]

    def a_difference(self) -> None:
        """Nothing that is wrong by itself, but the world is not the undisturbed one."""
        self._hub.by(OWNER, "POST", f"/issues/{self._spec.issue.number}/reactions", {"content": "heart"})

    def a_second_pull_request(self) -> None:
        """Hides what is wrong with the first."""
        branch = f"issuewright/{self._spec.issue.number}-again"
        parent = self._world.git("rev-parse", "main").strip()
        tree = self._world.git("rev-parse", f"{self._pull['head']['sha']}^{{tree}}").strip()
        made = self._world.git("commit-tree", tree, "-p", parent, "-m", "Again").strip()
        self._by_bot("POST", "/git/refs", {"ref": f"refs/heads/{branch}", "sha": made})
        self._by_bot("POST", "/pulls", {"title": "Again", "head": branch, "base": "main"})

    def executes(self, *statements: str) -> None:
        for statement in statements:
            self._world.executes(statement)

    def appends(self, name: str, line: dict[str, object]) -> None:
        with (self._world.directory / name).open("a") as file:
            file.write(f"{json.dumps(line)}\n")

    def end_process(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _commits(self) -> None:
        """A commit of an attempt once more, one of nobody, and the merge once more."""
        head, ref = self._pull["head"]["sha"], f"refs/pull/{self._pull['number']}/head"
        message = self._world.git("log", "-1", "--format=%B", "--grep=Issuewright-Stage: docs", head)
        twice = self._commit(head, message)
        self._world.git("update-ref", ref, self._commit(twice, "By nobody"))
        main = self._world.git("rev-parse", "main").strip()
        subject = self._world.git("log", "-1", "--format=%s", "main").strip()
        self._world.git("update-ref", "refs/heads/main", self._commit(main, subject))

    def _commit(self, parent: str, message: str) -> str:
        return self._world.git("commit-tree", f"{parent}^{{tree}}", "-p", parent, "-m", message).strip()

    def _lines(self) -> None:
        """Whoever is called, paid or deployed a second time notes it."""
        attempt: dict[str, object] = {"attempt": self._world.agent_calls()[0]}
        self.appends("agent-calls.jsonl", attempt)
        self.appends("agents/paid.jsonl", attempt)
        file = deployed_file(self._world.directory)
        first = next(
            line for line in map(json.loads, file.read_text().splitlines()) if line["environment"] == "preview"
        )
        self.appends(file.name, first)

    def _rows(self) -> None:
        self.executes(
            "UPDATE reservations SET settled_usd = NULL",
            "UPDATE attempts SET finished_at = NULL WHERE stage = 'planner'",
            "UPDATE deployments SET finished_at = NULL",
            "UPDATE gates SET state = 'open' WHERE gate = 'plan'",
            "UPDATE effects SET done_at = NULL WHERE kind = 'merge'",
            "DELETE FROM deliveries WHERE id = (SELECT min(id) FROM deliveries)",
            "UPDATE deliveries SET status = 'received' WHERE id = (SELECT max(id) FROM deliveries)",
            "UPDATE workflow_status SET status = 'ERROR' WHERE name = 'drive'",
            "UPDATE entries SET body = replace(body, 'planner', 'spammer') WHERE kind = 'attempt_finished'",
        )

    def _leftovers(self) -> None:
        data = self._field.directory / "data"
        (data / "worktrees" / "one").mkdir()
        (mirror,) = (data / "mirrors").glob("*.git")
        (mirror / "worktrees" / "one").mkdir(parents=True)
        (mirror / "refs" / "one.lock").touch()
        self._process = subprocess.Popen(["sleep", "300"], cwd=self._field.directory)
        assert psutil.Process(self._process.pid).cwd() == str(self._field.directory)

    def _by_bot(self, method: str, path: str, body: object) -> None:
        answer = self._hub.call(method, path, self._hub.bot_token(), body)
        assert answer.status_code < 300, answer.text
