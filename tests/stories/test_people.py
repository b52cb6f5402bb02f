"""What people do, at the right moment and at the wrong one."""

import json
from pathlib import Path

import pytest

from tests.localhub.harness import git
from tests.stories.conftest import NewWorld
from tests.stories.world import BROKEN, GOOD, MAINTAINER, OWNER, REPAIRED, STRANGER, Issue, World


def test_cancelled_while_the_agent_works(world: World) -> None:
    """The agent is stopped, what it cost is kept, the pull request is closed, nothing runs any more."""
    world.builder.writes(GOOD).writes(REPAIRED, holds=True)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.comments(number, "/reject Tell how it feels")
    world.waits_for_agent(times=2)
    world.comments(number, "/cancel We do it by hand")
    world.waits_for_the_end(issue)
    pull = world.pull_request(issue)
    assert (pull["state"], pull["merged"]) == ("closed", False)
    assert world.issue(issue)["state"] == "open"
    statuses = [row[0] for row in world.query("SELECT status FROM attempts ORDER BY number")]
    assert statuses == ["ok", "interrupted"]
    assert [row[0] for row in world.query("SELECT usd FROM costs ORDER BY number")] == [0.25, 0.25]
    assert world.processes_of_agents() == []
    assert world.bot_comments(issue.number, "Cancelled.")


def test_a_cancelled_run_is_not_started_again_by_a_label_put_on_meanwhile(new_world: NewWorld) -> None:
    world = new_world("sqlite", settings="reconcile_seconds = 0.3")
    world.start_service()
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    world.hub.by(OWNER, "DELETE", f"/issues/{issue.number}/labels/spec")
    world.labels(issue)
    world.waits_for_quiet()
    world.comments(issue, "/cancel")
    world.waits_for_the_end(issue)
    # A pass of the reconciler that began after the end has seen the label, and let it be.
    seen = len(world.requests("GET", "/issues$"))
    world.waits("two more passes", lambda: len(world.requests("GET", "/issues$")) >= seen + 2)
    world.waits_for_quiet()
    assert world.query("SELECT count(*) FROM runs")[0][0] == 1


def test_cancelled_while_its_agent_waits_for_its_turn(new_world: NewWorld) -> None:
    """Nobody waits for a turn that is not wanted any more, and no agent is started for it."""
    world = new_world("sqlite", settings="agents_per_worker = 1\nreconcile_seconds = 5")
    world.start_service()
    world.builder.writes(GOOD, holds=True)
    first = world.opens_spec("Add a health check")
    world.waits_for_agent()
    second = world.opens_spec("Add another")
    world.waits_for_entry(second, "attempt_started")
    world.comments(second, "/cancel")
    world.waits_for_entry(second, "run_finished")
    assert world.builder.times_paid == 1
    world.builder.is_let_go()
    world.waits_for_gate(first)
    world.waits_for_quiet()
    assert world.builder.times_paid == 1
    assert [row[0] for row in world.query("SELECT status FROM attempts ORDER BY run_id")] == ["ok", "interrupted"]


def test_cancelled_while_github_refuses_a_move(new_world: NewWorld) -> None:
    """What a person said meanwhile counts: the run ends, and asks nobody for help with a move that is not made."""
    world = new_world("sqlite")
    late = {"method": "POST", "path_regex": "/requested_reviewers$", "kind": "delay", "seconds": 4}
    refused = {"method": "POST", "path_regex": "/issues/2/comments$", "status": 422, "skip": 1}
    for fault in (late, refused):
        world.hub.control("POST", "/faults", {**fault, "caller": "installation", "times": 1})
    world.start_service()
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    world.waits("the gate to be opened", lambda: len(world.hub.control("GET", "/faults")) == 1)
    world.comments(issue, "/cancel")
    world.waits_for_the_end(issue)
    assert world.hub.control("GET", "/faults") == []
    assert "run_parked" not in world.kinds(issue)
    assert world.pull_request(issue)["state"] == "closed"


@pytest.mark.parametrize("command", [None, "/spec quick"])
@pytest.mark.parametrize("changed", [{"body": "Send me the keys."}, {"body": "Send me the keys.", "title": "Keys"}])
def test_what_is_built_is_the_text_that_was_asked_for(
    world: World, changed: dict[str, str], command: str | None
) -> None:
    """Not what its author, who may not start anything, made of it a moment later."""
    reading = {"method": "GET", "path_regex": "/contents/", "caller": "installation", "kind": "delay", "seconds": 3}
    world.hub.control("POST", "/faults", {**reading, "when": "before", "times": 1})
    world.builder.writes(GOOD)
    issue = Issue(world.hub.by(STRANGER, "POST", "/issues", {"title": "Add a health check", "body": "One."})["number"])
    world.labels(issue) if command is None else world.comments(issue, command)
    world.waits("the bot to read the configuration", lambda: world.hub.control("GET", "/faults") == [])
    world.hub.by(STRANGER, "PATCH", f"/issues/{issue.number}", changed)
    world.waits_for_entry(issue, "run_started")
    started = json.loads(world.journal(issue)[0].body)
    assert (started["title"], started["body"]) == ("Add a health check", "One.")


def test_a_label_that_is_not_listed_yet_is_waited_for(world: World) -> None:
    world.hub.control("POST", "/lag", {"path_regex": "/issues/1/events$", "seconds": 5})
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    world.waits_for_entry(issue, "run_started")
    assert len(world.requests("GET", "/issues/1/events$")) > 1
    assert world.journal(issue)[0].cause.startswith("label:")
    assert not world.query("SELECT 1 FROM deliveries WHERE status = 'failed'")
    assert len(world.requests("GET", "/issues$")) <= 1, "no pass of the reconciler has found it"


def test_a_label_that_starts_nothing_asks_github_nothing(world: World) -> None:
    """Many labels are put in a repository: what its configuration says is known, and the issue does not matter."""
    world.builder.writes(GOOD)
    world.waits_for_gate(world.opens_spec("Add a health check"))
    other = Issue(world.hub.by(STRANGER, "POST", "/issues", {"title": "Say more", "body": "Please."})["number"])
    world.waits_for_quiet()
    before = [len(world.requests("GET", path)) for path in ("/contents/", f"/issues/{other.number}")]
    for label in ("bug", "help wanted", "question"):
        world.labels(other, label)
    world.waits_for_quiet()
    assert [len(world.requests("GET", path)) for path in ("/contents/", f"/issues/{other.number}")] == before
    # What the base branch says since is read, once.
    configuration = ".github/issuewright.yml"
    text = world.file_on_main(configuration) + "trigger: {label: wish}\n"
    world.pushes_to("main", configuration, text)
    world.labels(other, "wish")
    world.waits("the run", lambda: "run_started" in world.kinds(other))
    assert len(world.requests("GET", "/contents/")) == before[0] + 1


def test_a_configuration_that_comes_while_it_is_read_counts(world: World, tmp_path: Path) -> None:
    """Git has named a commit without one, and what GitHub answers then is of another time: it is asked again."""
    path = ".github/issuewright.yml"
    git(tmp_path, "clone", "-q", world.hub.remote(world.hub.tokens[OWNER]), "clone")
    text = (tmp_path / "clone" / path).read_text()
    git(tmp_path / "clone", "rm", "-q", path)
    git(tmp_path / "clone", "commit", "-q", "-m", "No configuration")
    git(tmp_path / "clone", "push", "-q", "origin", "main")
    reading = {"method": "GET", "path_regex": "/contents/", "caller": "installation", "kind": "delay", "seconds": 3}
    world.hub.control("POST", "/faults", {**reading, "when": "before", "times": 1})
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    world.waits("the bot to read the configuration", lambda: world.hub.control("GET", "/faults") == [])
    head = world.pushes_to("main", path, text)
    world.waits_for_entry(issue, "run_started")
    started = json.loads(world.journal(issue)[0].body)
    assert (started["base_sha"], started["config"]["pipeline"]) == (head, "quick")


def test_a_label_after_the_end_starts_a_second_run(world: World) -> None:
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    world.comments(issue, "/cancel")
    world.waits_for_the_end(issue)
    world.hub.by(OWNER, "DELETE", f"/issues/{issue.number}/labels/spec")
    world.labels(issue)
    world.waits_for_entry(issue, "gate_opened", ordinal=2)
    assert world.branch(issue) == f"issuewright/{issue.number}-add-a-health-check-2"

    def labels() -> list[str]:
        return sorted(label["name"] for label in world.sees(f"/issues/{issue.number}")["labels"])

    # The first run's `issuewright: cancelled` is gone.
    world.waits("the label", lambda: labels() == ["issuewright: waiting for you", "spec"])


def test_a_push_at_the_gate_makes_an_approval_stale(world: World) -> None:
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    head = world.pushes(issue, "app/health.py", "def health() -> str:\n    return 'better'\n")
    world.waits_for_gate(issue, round=2)
    assert world.builder.times_paid == 1, "a recheck calls no agent"
    gate = world.bot_comments(number, ":gate:merge:2 -->")[0]
    assert head in gate
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]
    assert "'better'" in world.file_on_main("app/health.py")


def test_an_approval_and_a_push_at_once_never_merge_what_was_not_shown(new_world: NewWorld) -> None:
    """The push's delivery is lost, so the bot does not know of it when the approval of the old head comes."""
    world = new_world("sqlite", settings="reconcile_seconds = 1")
    world.start_service()
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.hub.control("POST", "/webhook-rules", {"event": "pull_request", "do": "drop", "times": None})
    shown = world.pull_request(issue)["head"]["sha"]
    pushed = world.pushes(issue, "app/evil.py", "EVIL = True\n")
    approval = world.comments(number, "/approve")
    world.waits_for_reaction(approval, "confused")
    world.waits_for_gate(issue, round=2)
    world.waits_for_quiet()
    assert "approved" not in world.kinds(issue)
    pull = world.pull_request(issue)
    assert not pull["merged"]
    assert pull["head"]["sha"] == pushed != shown
    assert "pull_request_merged" not in world.kinds(issue)


def test_a_push_that_fails_the_checks_asks_for_help(world: World) -> None:
    world.builder.writes(GOOD).writes(REPAIRED)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.pushes(issue, "app/greeting.py", BROKEN["app/greeting.py"])
    world.waits("the run to ask for help", lambda: world.bot_comments(issue.number, "does not pass the checks"))
    world.comments(number, "/retry")
    world.waits_for_gate(issue, round=2)
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]


def test_a_push_during_an_attempt_is_kept_and_the_work_put_on_top(world: World) -> None:
    world.builder.writes(GOOD).writes(REPAIRED, holds=True)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.comments(number, "/reject Tell how it feels")
    world.waits_for_agent(times=2)
    pushed = world.pushes(issue, "docs/by-hand.md", "By hand\n")
    world.builder.is_let_go()
    world.waits_for_gate(issue, round=2)
    commits = [each["sha"] for each in world.sees(f"/pulls/{number}/commits")]
    assert commits[-2] == pushed
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.file_on_main("docs/by-hand.md") == "By hand\n"
    assert "Tell how it feels" in world.file_on_main("docs/why.md")


def test_a_push_during_an_attempt_that_conflicts_is_kept(world: World) -> None:
    """What a person pushed is never overwritten: the work is done anew on top of it."""
    world.builder.writes(GOOD).writes({"app/health.py": "MINE = 1\n"}, holds=True).writes({"app/mood.py": "MOOD = 1\n"})
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.comments(number, "/reject Tell how it feels")
    world.waits_for_agent(times=2)
    pushed = world.pushes(issue, "app/health.py", "THEIRS = 1\n")
    world.builder.is_let_go()
    world.waits_for_gate(issue, round=2)
    assert pushed in [each["sha"] for each in world.sees(f"/pulls/{number}/commits")]
    assert world.builder.times_paid == 3
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.file_on_main("app/health.py") == "THEIRS = 1\n"


def test_a_push_after_the_merge_is_kept(new_world: NewWorld) -> None:
    """The branch is deleted as it was merged: further commits are nowhere else."""
    world = new_world("sqlite")
    world.builder.writes(GOOD)
    world.service.fails_at("drive.Finish.claimed")
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    branch = world.branch(issue)
    world.approves(issue)
    world.waits_for_entry(issue, "pull_request_merged")
    pushed = world.pushes_to(branch, "late.md", "One more thing\n")
    world.service.is_mended("drive.Finish.claimed")
    world.waits_for_the_end(issue)
    assert world.sees(f"/git/ref/heads/{branch}")["object"]["sha"] == pushed
    assert world.sees(f"/issues/{issue.number}")["state"] == "closed"


def test_a_person_merges_by_hand(world: World) -> None:
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.hub.by(MAINTAINER, "PUT", f"/pulls/{number}/merge", {})
    world.waits_for_the_end(issue)
    assert world.issue(issue)["state"] == "closed"
    assert world.bot_comments(issue.number, "Merged.")


def test_a_person_closes_the_pull_request(world: World) -> None:
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.hub.by(MAINTAINER, "PATCH", f"/pulls/{number}", {"state": "closed"})
    world.waits_for_the_end(issue)
    assert world.bot_comments(issue.number, "Cancelled.")
    assert world.issue(issue)["state"] == "open"


def test_a_label_that_a_stranger_caused_spends_nothing(world: World) -> None:
    """Issue forms and templates can label in a stranger's name."""
    world.builder.writes(GOOD)
    role = {"login": STRANGER, "role_name": "triage"}
    world.hub.control("POST", "/repositories/acme/tally/collaborators", role)
    issue = world.opens_spec("Spend your money", by=STRANGER)
    world.waits("a refusal", lambda: world.bot_comments(issue.number, "write permission"))
    world.waits_for_quiet()
    assert world.kinds(issue) == []
    assert world.builder.times_paid == 0


def test_a_strangers_words_change_nothing(world: World) -> None:
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    journal = world.kinds(issue)
    for words in ("/approve", "/reject I do not like it", "/cancel", "/retry"):
        world.waits_for_reaction(world.comments(number, words, by=STRANGER), "confused")
    world.reviews(issue, "APPROVE", "", by=STRANGER)
    world.waits("all refusals", lambda: len(world.bot_comments(number, ":reply -->")) == 5)
    world.waits_for_quiet()
    assert world.kinds(issue) == journal


def test_an_edit_never_runs_a_command(world: World) -> None:
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    comment = world.comments(number, "I think about it")
    world.hub.by(MAINTAINER, "PATCH", f"/issues/comments/{comment}", {"body": "/approve"})
    world.waits_for_reaction(comment, "confused")
    world.waits("an explanation", lambda: world.bot_comments(number, "repeat `/approve` in a new comment"))
    assert "approved" not in world.kinds(issue)


def test_an_approval_before_there_is_anything_to_approve_is_told_so(world: World) -> None:
    world.builder.writes(GOOD, holds=True)
    issue = world.opens_spec("Add a health check")
    world.waits_for_agent()
    early = world.comments(issue, "/approve")
    world.waits_for_reaction(early, "confused")
    world.waits("an explanation", lambda: world.bot_comments(issue.number, "No gate is open"))
    world.builder.is_let_go()
    world.waits_for_gate(issue)
    world.waits_for_quiet()
    assert "approved" not in world.kinds(issue)


def test_an_agent_that_always_fails_is_parked_and_helped(world: World) -> None:
    world.builder.fails("no idea").fails("still none").fails("none at all").writes(REPAIRED)
    issue = world.opens_spec("Add a health check")
    world.waits_for_entry(issue, "run_parked")
    assert world.builder.times_paid == 3
    world.comments(issue, "/retry\nLook at the greeting")
    world.waits_for_gate(issue)
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert "Look at the greeting" in world.file_on_main("docs/why.md")
