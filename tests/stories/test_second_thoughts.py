"""People who change their minds, and news of it that comes late or in another order: what counts is how it stands."""

import pytest

from bot.domain.entries import MergeWasRefused
from tests.stories.conftest import NewWorld
from tests.stories.world import GOOD, MAINTAINER, OWNER, Issue, World

SELDOM = "reconcile_seconds = 3600"


def at_the_gate(new_world: NewWorld, settings: str = "", title: str = "Add a health check") -> tuple[World, Issue, int]:
    world = new_world("sqlite", settings=settings)
    world.start_service()
    world.builder.writes(GOOD)
    issue = world.opens_spec(title)
    return world, issue, world.waits_for_gate(issue)


def held(world: World) -> list[str]:
    """The deliveries that GitHub has not sent, the first one first."""
    return [each["guid"] for each in world.hub.control("GET", "/deliveries") if each["state"] == "held"]


def redeliver(world: World, guid: str) -> None:
    world.hub.control("POST", f"/deliveries/{guid}/redeliver")


def test_a_pull_request_that_was_given_another_base_is_not_merged(new_world: NewWorld) -> None:
    """The approved head is the same; what would become of it is not what was shown."""
    world, issue, number = at_the_gate(new_world)
    world.git("push", "-q", world.hub.remote(world.hub.tokens[OWNER]), "main:refs/heads/release")
    world.hub.by(OWNER, "PATCH", f"/pulls/{number}", {"base": "release"})
    world.approves(issue)
    world.waits("the reason to be told", lambda: world.bot_comments(issue.number, "change its base back to main"))
    assert not world.pull_request(issue)["merged"]
    assert "merge_was_refused" not in world.kinds(issue), "GitHub was not even asked"
    world.hub.by(OWNER, "PATCH", f"/pulls/{number}", {"base": "main"})
    world.comments(number, "/retry")
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]


def merges_elsewhere(world: World, number: int) -> None:
    """Somebody gives the pull request another base, and merges it there."""
    world.git("push", "-q", world.hub.remote(world.hub.tokens[OWNER]), "main:refs/heads/sandbox")
    world.hub.by(OWNER, "PATCH", f"/pulls/{number}", {"base": "sandbox"})
    world.hub.by(OWNER, "PUT", f"/pulls/{number}/merge", {"merge_method": "merge"})


def ends_as_if_closed(world: World, issue: Issue) -> None:
    world.waits_for_the_end(issue)
    assert world.kinds(issue)[-2:] == ["pull_request_closed", "run_finished"]
    assert world.issue(issue)["state"] == "open"
    assert world.bot_comments(issue.number, "Cancelled.")
    assert world.query("SELECT count(*) FROM effects WHERE done_at IS NULL")[0][0] == 0


def test_a_persons_merge_into_another_branch_is_not_the_merge(new_world: NewWorld) -> None:
    world, issue, number = at_the_gate(new_world)
    merges_elsewhere(world, number)
    ends_as_if_closed(world, issue)
    assert not world.requests("PATCH", f"/pulls/{number}$"), "it is closed already"


def test_a_merge_that_died_does_not_take_another_branchs_for_its_own(new_world: NewWorld) -> None:
    """Whoever goes on with it looks whether it took place, before anybody has told of what the person did."""
    world, issue, number = at_the_gate(new_world, SELDOM)
    world.service.dies_at("effect.merge.before-call")
    world.approves(issue)
    world.waits_without_a_service("its death", world.service.death)
    world.hub.control("POST", "/webhook-rules", {"event": "pull_request", "do": "hold", "times": None})
    merges_elsewhere(world, number)
    world.start_service()
    ends_as_if_closed(world, issue)
    assert not world.bot_comments(number, ":held-up:"), "GitHub's rules have nothing to do with it"


def test_an_approval_is_told_of_after_its_dismissal(new_world: NewWorld) -> None:
    world, issue, number = at_the_gate(new_world, SELDOM)
    world.hub.control("POST", "/webhook-rules", {"event": "pull_request_review", "do": "hold", "times": None})
    world.approves(issue)
    (review,) = world.hub.by(OWNER, "GET", f"/pulls/{number}/reviews")
    world.hub.by(OWNER, "PUT", f"/pulls/{number}/reviews/{review['id']}/dismissals", {"message": "Not yet"})
    submitted, dismissed = held(world)
    redeliver(world, dismissed)
    redeliver(world, submitted)
    world.waits_for_quiet()
    assert "approved" not in world.kinds(issue)
    assert not world.pull_request(issue)["merged"]
    world.hub.control("DELETE", "/webhook-rules")
    world.approves(issue)
    world.waits_for_the_end(issue)


def test_an_approval_is_read_after_the_same_person_has_asked_for_changes(new_world: NewWorld) -> None:
    world, issue, number = at_the_gate(new_world, SELDOM)
    world.hub.control("POST", "/webhook-rules", {"event": "pull_request_review", "do": "hold", "times": None})
    world.approves(issue)
    world.reviews(issue, "REQUEST_CHANGES", "It must say `well`")
    world.builder.writes({"app/health.py": "def health() -> str:\n    return 'well'\n"})
    approval, rejection = held(world)
    redeliver(world, approval)
    world.waits_for_reaction(world.comments(number, "/status"), "+1")  # what is said in one place is read in order
    assert "approved" not in world.kinds(issue)
    redeliver(world, rejection)
    world.waits_for_gate(issue, round=2)


def test_a_label_that_was_taken_off_at_once_costs_nothing(new_world: NewWorld) -> None:
    world = new_world("sqlite", settings=SELDOM)
    world.start_service()
    world.hub.control("POST", "/webhook-rules", {"event": "issues", "action": "labeled", "do": "hold", "times": None})
    issue = world.opens_spec("Add a health check")
    world.hub.by(OWNER, "DELETE", f"/issues/{issue.number}/labels/spec")
    (labelled,) = held(world)
    redeliver(world, labelled)
    world.waits_for_quiet()
    assert world.query("SELECT count(*) FROM runs")[0][0] == 0
    # Put on again, it means what it says.
    world.hub.control("DELETE", "/webhook-rules")
    world.builder.writes(GOOD)
    world.labels(issue)
    world.waits_for_gate(issue)


def test_a_merge_that_another_one_overtook_is_tried_again(new_world: NewWorld) -> None:
    world = new_world("sqlite", settings="reconcile_seconds = 0.5")
    world.builder.writes(GOOD)
    said = "Base branch was modified. Review and try the merge again."
    fault = {"method": "PUT", "path_regex": "/merge$", "caller": "installation", "when": "before", "times": 1}
    world.hub.control("POST", "/faults", {**fault, "status": 405, "message": said})
    world.start_service()
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]
    assert [entry.may_pass for entry in world.entries(issue, MergeWasRefused)] == [True]
    assert not world.bot_comments(number, ":held-up:"), "nobody has anything to do"


@pytest.mark.parametrize("status", [410, 301], ids=["deleted", "transferred"])
def test_an_issue_that_is_gone_holds_nothing_up(new_world: NewWorld, status: int) -> None:
    """What happens to the issue is no reason to lose the pull request, nor to wait for a person once it is merged."""
    world, issue, number = at_the_gate(new_world)
    world.waits_for_quiet()
    fault = {"path_regex": f"/issues/{issue.number}(/.*)?$", "caller": "installation", "when": "before", "times": None}
    world.hub.control("POST", "/faults", {**fault, "status": status, "message": "This issue is gone"})
    world.comments(number, "/approve", by=MAINTAINER)
    world.waits("the merge", lambda: world.pull_request(issue)["merged"])
    world.waits("the run to end", lambda: "run_finished" in world.kinds(issue))


def test_a_pull_request_that_is_ready_already_is_no_trouble(new_world: NewWorld) -> None:
    world = new_world("sqlite")
    fault = {"method": "POST", "path_regex": "/graphql$", "caller": "installation", "when": "after", "times": 1}
    world.hub.control("POST", "/faults", {**fault, "status": 422, "message": "The pull request is no draft"})
    world.builder.writes(GOOD)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    assert not world.pull_request(issue)["draft"]


def test_a_repositorys_name_may_be_written_in_another_case(new_world: NewWorld) -> None:
    world = new_world("sqlite", settings=SELDOM)
    settings = world.directory / "service.toml"
    settings.write_text(settings.read_text().replace('"acme/tally"', '"Acme/Tally"'))
    world.start_service()
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits("a gate", lambda: world.find_pull_request(issue))["number"]
    world.waits("its comment", lambda: world.bot_comments(number, ":gate:merge:1 -->"))
    world.approves(issue)
    world.waits("the merge", lambda: world.pull_request(issue)["merged"])
