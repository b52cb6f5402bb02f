"""GitHub answers late, wrongly or not at all: whatever took effect takes effect once."""

from typing import Any

import pytest

from tests.stories.conftest import NewWorld
from tests.stories.plots import PLOTS
from tests.stories.snapshot import difference, snapshot
from tests.stories.undisturbed import Undisturbed
from tests.stories.world import GOOD, Issue, World

_MOVES_BEFORE_THE_GATE = 2
ACTS = {
    "reaction": ("POST", "/reactions$"),
    "comment": ("POST", "/issues/1/comments$"),
    "reply or gate": ("POST", "/issues/2/comments$"),
    "edit": ("PATCH", "/issues/comments/"),
    "pull request": ("POST", "/pulls$"),
    "check run": ("POST", "/check-runs$"),
    "check run again": ("PATCH", "/check-runs/"),
    "ready": ("POST", "/graphql$"),
    "review request": ("POST", "/requested_reviewers$"),
    "merge": ("PUT", "/merge$"),
    "close": ("PATCH", "/issues/1$"),
}
"""Every way in which the bot changes GitHub over the API on the way to a merge."""
LABEL = ("POST", "/labels$")


def breaks(world: World, method: str, path: str, **fault: Any) -> None:
    usual = {"method": method, "path_regex": path, "caller": "installation", "when": "after", "times": 1}
    world.hub.control("POST", "/faults", {**usual, **fault})


def is_undisturbed(world: World, undisturbed: Undisturbed, plot: str = "merge") -> None:
    issue = PLOTS[plot].play(world)
    left = [fault for fault in world.hub.control("GET", "/faults") if fault["times"]]
    assert left == [], "the trouble never came"
    assert not difference(snapshot(world, issue), undisturbed[plot]["world"])


@pytest.mark.parametrize("kind", ["status", "drop"])
@pytest.mark.parametrize("act", ACTS)
def test_an_answer_that_is_lost_after_the_effect(
    new_world: NewWorld, undisturbed: Undisturbed, act: str, kind: str
) -> None:
    world = new_world("sqlite")
    breaks(world, *ACTS[act], kind=kind)
    world.start_service()
    is_undisturbed(world, undisturbed)


def test_what_was_pushed_is_not_noticed_at_once(new_world: NewWorld, undisturbed: Undisturbed) -> None:
    """Right after a push GitHub may say that there is nothing of the kind."""
    world = new_world("sqlite")
    refused: dict[str, Any] = {"when": "before", "status": 422, "times": 2}
    breaks(world, *ACTS["pull request"], **refused, message="No commits between main and issuewright/1")
    breaks(world, *ACTS["check run"], **refused, message="No commit found for SHA: 1")
    world.start_service()
    is_undisturbed(world, undisturbed)


@pytest.mark.parametrize("kind", ["status", "drop"])
def test_an_answer_that_is_lost_after_a_label(new_world: NewWorld, undisturbed: Undisturbed, kind: str) -> None:
    world = new_world("sqlite")
    breaks(world, *LABEL, kind=kind)
    world.start_service()
    is_undisturbed(world, undisturbed, "cancel")


def test_every_answer_to_a_change_is_lost_once(new_world: NewWorld, undisturbed: Undisturbed, database: str) -> None:
    world = new_world(database)
    for act, (method, path) in ACTS.items():
        breaks(world, method, path, kind="drop" if len(act) % 2 else "status")
    world.start_service()
    is_undisturbed(world, undisturbed)


@pytest.mark.parametrize("kind", ["status", "drop"])
def test_a_branch_whose_deletion_was_not_answered(new_world: NewWorld, kind: str) -> None:
    world = new_world("sqlite")
    issue = world.comes_to_its_gate()
    breaks(world, "POST", "/git-receive-pack$", kind=kind)
    branch = world.branch(issue)
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert not [fault for fault in world.hub.control("GET", "/faults") if fault["times"]], "the trouble never came"
    world.hub.by("acme", "GET", f"/git/ref/heads/{branch}", status=404)
    assert "run_parked" not in world.kinds(issue)


def test_a_list_that_lags_a_little_after_a_lost_answer(new_world: NewWorld, undisturbed: Undisturbed) -> None:
    """The look-up waits for the list: nothing is made twice."""
    world = new_world("sqlite")
    for path in ("/comments$", "/check-runs$", "/pulls$"):
        breaks(world, "POST", path, kind="drop")
    world.hub.control("POST", "/lag", {"path_regex": "(/comments|/check-runs|/pulls)$", "seconds": 1})
    world.start_service()
    is_undisturbed(world, undisturbed)
    assert world.query("SELECT sum(repaired) FROM effects")[0][0] == 0


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_lists_that_lag_for_long_after_a_lost_answer_converge_to_one(
    new_world: NewWorld, undisturbed: Undisturbed
) -> None:
    """The look-up cannot see what the lost answer told of: it is made twice, and the younger one goes again."""
    world = new_world("sqlite", settings="reconcile_seconds = 1")
    breaks(world, "POST", "/comments$", kind="drop")
    world.hub.control("POST", "/lag", {"path_regex": "/comments$", "seconds": 6})
    world.start_service()
    issue = PLOTS["merge"].play(world)

    def differs() -> str:
        return difference(snapshot(world, issue), undisturbed["merge"]["world"])

    world.waits("the duplicate to be removed", lambda: not differs(), seconds=90)
    assert world.query("SELECT sum(repaired) FROM effects")[0][0] >= 1


@pytest.mark.slow
def test_a_pull_request_that_its_list_does_not_show_is_not_opened_twice(
    new_world: NewWorld, undisturbed: Undisturbed
) -> None:
    """GitHub refuses a second one from the branch: that is no reason to ask a person for help."""
    world = new_world("sqlite")
    breaks(world, "POST", "/pulls$", kind="drop")
    world.hub.control("POST", "/lag", {"path_regex": "/pulls$", "seconds": 5})
    world.start_service()
    is_undisturbed(world, undisturbed)


def test_a_gate_whose_comment_is_in_no_list_yet_when_its_worker_dies(new_world: NewWorld) -> None:
    """Who goes on knows the comment by its id."""
    world = new_world("sqlite")
    world.builder.writes(GOOD)
    world.hub.control("POST", "/lag", {"path_regex": "/comments$", "seconds": 60})
    world.service.dies_at("step.make.after", passes=_MOVES_BEFORE_THE_GATE)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_for_entry(issue, "gate_opened")
    assert world.service.deaths == ["step.make.after"]
    assert world.query("SELECT count(*) FROM effects WHERE kind = 'gate-comment' AND tried_again_at IS NULL") == [(1,)]
    assert world.query("SELECT count(*) FROM workflow_status WHERE status = 'ERROR'") == [(0,)]


@pytest.mark.parametrize("status", [403, 429])
def test_a_limit_is_waited_for_as_long_as_github_says(new_world: NewWorld, status: int) -> None:
    world = new_world("sqlite")
    world.builder.writes(GOOD)
    limit = {"status": status, "headers": {"Retry-After": "3"}, "message": "You have exceeded a secondary rate limit"}
    breaks(world, "POST", "/pulls$", when="before", **limit)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    tried = [each["at"] for each in world.requests("POST", "/pulls$")]
    assert len(tried) == 2
    assert world.seconds_between(*tried) >= 3


def test_a_merge_that_the_rules_forbid_waits_for_a_person(new_world: NewWorld) -> None:
    world = new_world("sqlite")
    world.builder.writes(GOOD)
    breaks(world, "PUT", "/merge$", when="before", status=405, message="At least 1 approving review is required")
    world.start_service()
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.approves(issue)
    world.waits_for_entry(issue, "merge_was_refused")
    world.waits("the reason to be told", lambda: world.bot_comments(issue.number, "approving review is required"))
    assert not world.pull_request(issue)["merged"]
    world.comments(number, "/retry")
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]


def test_github_is_down_for_a_while(new_world: NewWorld) -> None:
    world = new_world("sqlite")
    world.builder.writes(GOOD)
    world.hub.control("POST", "/faults", {"caller": "installation", "status": 502, "times": 8})
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    assert world.builder.times_paid == 1


def test_somebody_deletes_what_the_bot_wrote(world: World) -> None:
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    world.waits_for_quiet()
    status = next(c for c in world.conversation(issue.number) if ":status -->" in c["body"])
    world.hub.by("acme", "DELETE", f"/issues/comments/{status['id']}")
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert len(world.bot_comments(issue.number, "Merged.")) == 1


SUSPENDED = {"status": 403, "message": "This installation has been suspended"}
PUBLISHERS_AT_WORK = (
    "SELECT 1 FROM workflow_status WHERE name = 'publish' AND status IN ('PENDING', 'ENQUEUED', 'DELAYED')"
)
RENAMED = {"status": 301, "headers": {"location": "https://github.example/repositories/1"}}


@pytest.mark.slow
@pytest.mark.parametrize("refusal", [SUSPENDED, RENAMED], ids=["suspended", "renamed"])
def test_a_run_that_was_parked_while_github_refused_everything_is_shown_so_afterwards(
    new_world: NewWorld, refusal: dict[str, Any]
) -> None:
    """Nothing happens to it any more that would have it shown, and people learn only from GitHub that it waits."""
    world = new_world("sqlite")
    world.builder.writes(GOOD, holds=True)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_for_agent()
    world.waits("the run to be shown", lambda: world.bot_comments(issue.number, ":status -->"))
    world.waits("that to be known", lambda: world.query("SELECT 1 FROM runs WHERE publisher IS NULL"))
    for method in ("POST", "PATCH", "PUT", "DELETE"):
        breaks(world, method, "^/api/", when="before", times=None, **refusal)
    world.builder.is_let_go()
    world.waits_for_entry(issue, "run_parked")
    world.waits("the label to be refused", lambda: world.requests("POST", "/labels$"))
    world.waits("the comment to be refused", lambda: world.requests("PATCH", "/issues/comments/"))
    world.waits("the publisher to end", lambda: not world.query(PUBLISHERS_AT_WORK))
    world.hub.control("DELETE", "/faults")
    world.waits("the label", lambda: "issuewright: needs help" in labels_of(world, issue))
    world.waits("the comment", lambda: world.bot_comments(issue.number, "Issuewright: needs your help"))
    world.waits_for_quiet()
    assert len(world.requests("POST", "/labels$")) <= 4, "it was tried too often"
    assert world.builder.times_paid == 1


@pytest.mark.slow
def test_a_run_whose_issue_is_gone_is_not_shown_for_ever(new_world: NewWorld) -> None:
    world = new_world("sqlite")
    issue = world.comes_to_its_gate()
    gone = {"when": "before", "times": None, "status": 410, "message": "This issue was deleted"}
    for method, path in (("POST", "/issues/1/"), ("PATCH", "/issues/(1|comments/)"), ("DELETE", "/issues/1/")):
        breaks(world, method, path, **gone)
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]
    assert not world.query("SELECT 1 FROM workflow_status WHERE name = 'publish' AND status = 'ERROR'")


def labels_of(world: World, issue: Issue) -> list[str]:
    return [label["name"] for label in world.issue(issue)["labels"]]
