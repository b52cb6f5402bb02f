"""Gates: what counts as a decision, what makes it stale, who is told, and who has to work again."""

import time
from typing import Any

import pytest
from sqlalchemy import text

from bot.domain.entries import AttemptStarted, MergeWasRefused, Rejected
from tests.localhub.harness import APP_ID, PUBLIC_PEM, app_jwt
from tests.stories.conftest import NewWorld
from tests.stories.world import BOT, GOOD, MAINTAINER, OWNER, STRANGER, Issue, World

TWO_PEOPLE = "gates:\n  merge:\n    approvals: 2\n"
PLAN, REVIEW, BUILT = "{folder}/plan.md", "{folder}/review.md", "{folder}/as-built.md"
MENDED = {"app/health.py": "def health() -> str:\n    return 'well'\n"}
TEAM = """
pipeline: team
pipelines:
  team:
    name: team
    steps:
      - {stage: planner, role: planner, inputs: [spec.md], outputs: [plan.md], writes: artifacts}
      - {gate: plan, rejects_to: planner, shows: [plan.md]}
      - {stage: builder, role: builder, inputs: [plan.md], checks: [tests]}
      - stage: reviewer
        role: reviewer
        inputs: [code]
        outputs: [review.md]
        writes: artifacts
        sends_back_to: builder
      - {stage: docs, role: docs, inputs: [plan.md], outputs: [as-built.md], writes: artifacts}
      - {gate: merge, rejects_to: builder, shows: [review.md, as-built.md]}
"""


def starts(world: World, issue: Issue, stage: str) -> list[AttemptStarted]:
    return [entry for entry in world.entries(issue, AttemptStarted) if entry.stage == stage]


def at_the_merge_gate(world: World, agents: tuple[dict[str, str], ...] = (GOOD, MENDED)) -> tuple[Issue, int]:
    """A run of one builder, whose merge gate is open, and the pull request's number."""
    for files in agents:
        world.builder.writes(files)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    return issue, world.waits_for_gate(issue)


def refused(world: World, number: int, comment: int, words: str) -> None:
    """The comment was answered so, once."""
    world.waits_for_reaction(comment, "confused")
    world.waits(f"an answer with {words!r}", lambda: world.bot_comments(number, words))
    assert len(world.bot_comments(number, words)) == 1


def gets(world: World, login: str, role: str) -> None:
    """Somebody's permission is changed."""
    body = {"login": login, "role_name": role}
    world.hub.control("POST", "/repositories/acme/tally/collaborators", body)


def reviews(world: World, number: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.sees(f"/pulls/{number}/reviews")
    return found


# -- what counts ----------------------------------------------------------------------------------------------


def test_two_people_by_review_and_by_command(new_world: NewWorld, database: str) -> None:
    world = new_world(database, config=TWO_PEOPLE)
    issue, number = at_the_merge_gate(world)
    world.approves(issue)
    world.waits_for_entry(issue, "approved")
    again = world.comments(number, "/approve")
    refused(world, number, again, "You have approved gate `merge` already")
    assert not world.pull_request(issue)["merged"]
    world.comments(number, "/approve", by=OWNER)
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]
    (check,) = world.check_runs(world.pull_request(issue)["head"]["sha"])
    assert (check["conclusion"], check["output"]["title"]) == ("success", "Approved by maintainer, acme")


def test_a_push_makes_an_approval_stale_and_everybody_is_asked_again(new_world: NewWorld) -> None:
    world = new_world(config=TWO_PEOPLE)
    issue, number = at_the_merge_gate(world)
    world.approves(issue)
    world.waits_for_entry(issue, "approved")
    pushed = world.pushes(issue, "docs/by-hand.md", "By hand\n")
    world.waits_for_gate(issue, round=2)
    (asked,) = world.bot_comments(number, ":gate:merge:2 -->")
    assert f"(`{pushed}`)" in asked
    assert "Since you were last asked" in asked
    world.approves(issue, by=OWNER)
    world.waits_for_entry(issue, "approved", times=2)
    world.waits_for_quiet()
    assert not world.pull_request(issue)["merged"], "the first approval was of another commit"
    world.comments(number, "/approve")
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]
    assert world.builder.times_paid == 1


def test_a_new_attempt_makes_an_approval_stale(new_world: NewWorld) -> None:
    world = new_world(config=TWO_PEOPLE)
    issue, number = at_the_merge_gate(world)
    shown = world.pull_request(issue)["head"]["sha"]
    world.approves(issue)
    world.waits_for_entry(issue, "approved")
    world.comments(number, "/reject It should be well", by=OWNER)
    world.waits_for_gate(issue, round=2)
    late = {"event": "APPROVE", "body": "", "commit_id": shown}
    world.hub.by(OWNER, "POST", f"/pulls/{number}/reviews", late)
    world.waits("the late review to be answered", lambda: world.bot_comments(number, f"This approves {shown[:10]}"))
    world.approves(issue, by=OWNER)
    world.waits_for_entry(issue, "approved", times=2)
    world.waits_for_quiet()
    assert not world.pull_request(issue)["merged"]
    assert world.builder.times_paid == 2


@pytest.mark.parametrize("told", [True, False], ids=["by webhook", "by the reconciler"])
def test_a_dismissed_review_does_not_count(new_world: NewWorld, told: bool) -> None:
    world = new_world(config=TWO_PEOPLE, settings="reconcile_seconds = 3600" if told else "reconcile_seconds = 0.3")
    issue, number = at_the_merge_gate(world)
    world.approves(issue)
    world.waits_for_entry(issue, "approved")
    if not told:
        rule = {"event": "pull_request_review", "action": "dismissed", "do": "drop", "times": None}
        world.hub.control("POST", "/webhook-rules", rule)
    path = f"/pulls/{number}/reviews/{reviews(world, number)[0]['id']}/dismissals"
    world.hub.by(OWNER, "PUT", path, {"message": "Not this one"})
    world.waits_for_entry(issue, "approval_withdrawn")
    world.approves(issue, by=OWNER)
    world.waits_for_entry(issue, "approved", times=2)
    world.waits_for_quiet()
    assert not world.pull_request(issue)["merged"]
    world.comments(number, "/approve")
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]


def test_an_approval_while_github_refuses_to_show_the_gate_does_not_count(new_world: NewWorld) -> None:
    world = new_world()
    fault = {"method": "POST", "path_regex": "/issues/2/comments$", "caller": "installation", "when": "before"}
    world.hub.control("POST", "/faults", {**fault, "status": 422, "message": "Not now", "skip": 1, "times": 1})
    world.builder.writes(GOOD)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_pull_request(issue)
    world.waits("people to be told", lambda: world.bot_comments(issue.number, "Not now"))
    assert not world.bot_comments(number, ":gate:merge:1 -->"), "the comment was refused"
    world.approves(issue)
    world.waits_for_entry(issue, "approved")
    given = time.time()
    world.waits("another second, for GitHub's times have no finer grain", lambda: time.time() > given + 2.1)
    world.comments(issue, "/retry")
    world.waits_for_gate(issue)
    world.waits_for_quiet()
    assert not world.pull_request(issue)["merged"]
    world.approves(issue)
    world.waits_for_the_end(issue)


def test_who_has_lost_permission_decides_nothing(new_world: NewWorld) -> None:
    world = new_world()
    issue, number = at_the_merge_gate(world)
    gets(world, MAINTAINER, "read")
    refused(world, number, world.comments(number, "/approve"), "`/approve` needs write permission")
    world.approves(issue)
    words = "To approve needs write permission on this repository, which @maintainer does not have."
    world.waits("the review to be answered", lambda: world.bot_comments(number, words))
    refused(world, number, world.comments(number, "/reject No", by=STRANGER), "`/reject` needs write permission")
    world.waits_for_quiet()
    assert not {"approved", "rejected"} & {*world.kinds(issue)}


def test_an_approval_lapses_with_the_permission_to_give_it(new_world: NewWorld) -> None:
    world = new_world(config=TWO_PEOPLE)
    issue, number = at_the_merge_gate(world)
    world.approves(issue)
    world.waits_for_entry(issue, "approved")
    gets(world, MAINTAINER, "read")
    world.comments(number, "/approve", by=OWNER)
    world.waits_for_entry(issue, "approved", times=2)
    world.waits_for_quiet()
    assert not world.pull_request(issue)["merged"], "one of the two may not decide any more"
    gets(world, STRANGER, "write")
    world.comments(number, "/approve", by=STRANGER)
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]


# -- the gate before the code ---------------------------------------------------------------------------------


def test_approvals_that_come_early_or_for_the_plan_do_not_count_for_the_merge(new_world: NewWorld) -> None:
    """The plan is approved by a review; while the builder works, people approve what they have not seen yet."""
    world = new_world(config=TEAM)
    world.agent("planner").writes({PLAN: "# Plan\n"})
    world.builder.writes(GOOD, holds=True)
    world.agent("reviewer").says({REVIEW: "# Review\n"}, opinion="pass")
    world.agent("docs").writes({BUILT: "As built\n"})
    world.start_service()
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue, gate="plan")
    assert world.pull_request(issue)["draft"]
    world.approves(issue)
    world.waits_for_agent()
    refused(world, number, world.comments(number, "/approve", by=OWNER), "No gate is open")
    world.approves(issue, by=OWNER)
    world.waits("the early review to be answered", lambda: len(world.bot_comments(number, "No gate is open")) == 2)
    world.builder.is_let_go()
    world.waits_for_gate(issue)
    world.waits_for_quiet()
    assert world.kinds(issue).count("approved") == 1
    of_the_plan = next(review for review in reviews(world, number) if review["user"]["login"] == MAINTAINER)
    assert of_the_plan["state"] == "DISMISSED"
    why = next(e for e in world.sees(f"/issues/{number}/events") if e["event"] == "review_dismissed")
    assert why["actor"]["login"] == BOT
    assert "does not stand for the merge" in why["dismissed_review"]["dismissal_message"]
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]


def test_an_artifact_edited_by_hand_is_shown_and_approved_as_it_then_is(new_world: NewWorld) -> None:
    world = new_world(config=TEAM)
    world.agent("planner").writes({PLAN: "# Plan\n"})
    world.builder.writes(GOOD, holds=True)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue, gate="plan")
    folder = f"specs/{world.branch(issue).removeprefix('issuewright/')}"
    (before,) = world.bot_comments(number, ":gate:plan:1 -->")
    world.pushes(issue, f"{folder}/plan.md", "# Another plan\n")
    world.waits_for_gate(issue, round=2, gate="plan")
    (after,) = world.bot_comments(number, ":gate:plan:2 -->")
    line = next(line for line in before.splitlines() if "`plan.md`" in line)
    assert line.rpartition("| `")[2] not in after, "the digest is that of the plan as it was"
    world.comments(number, "/approve")
    world.waits_for_agent()
    assert world.agent("planner").times_paid == 1
    world.builder.is_let_go()


# -- people's own ways ----------------------------------------------------------------------------------------


def test_a_persons_own_merge_resolves_the_gate(new_world: NewWorld) -> None:
    world = new_world()
    issue, number = at_the_merge_gate(world)
    world.hub.by(MAINTAINER, "PUT", f"/pulls/{number}/merge", {"merge_method": "merge"})
    world.waits_for_the_end(issue)
    assert world.kinds(issue)[-2:] == ["pull_request_merged", "run_finished"]
    assert world.issue(issue)["state"] == "closed"
    assert world.bot_comments(issue.number, "Merged.")


def test_a_persons_own_close_ends_the_run(new_world: NewWorld) -> None:
    world = new_world()
    issue, number = at_the_merge_gate(world)
    world.hub.by(MAINTAINER, "PATCH", f"/pulls/{number}", {"state": "closed"})
    world.waits_for_the_end(issue)
    assert world.kinds(issue)[-2:] == ["pull_request_closed", "run_finished"]
    assert world.issue(issue)["state"] == "open"
    assert world.bot_comments(issue.number, "Cancelled.")


# -- who works again ------------------------------------------------------------------------------------------


def team_at_the_merge_gate(new_world: NewWorld) -> tuple[World, Issue, int]:
    world = new_world(config=TEAM)
    world.agent("planner").writes({PLAN: "# Plan\n"})
    world.builder.writes(GOOD).writes(MENDED)
    world.agent("reviewer").says({REVIEW: "# Review\n"}, opinion="pass").says({REVIEW: "# Again\n"}, opinion="pass")
    world.agent("docs").writes({BUILT: "As built\n"}).writes({BUILT: "Because {feedback}\n"})
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.comments(world.waits_for_gate(issue, gate="plan"), "/approve")
    return world, issue, world.waits_for_gate(issue)


def paid(world: World) -> dict[str, int]:
    return {role: world.agent(role).times_paid for role in ("planner", "builder", "reviewer", "docs")}


def test_a_rejection_that_names_a_stage_costs_that_stage_alone(new_world: NewWorld) -> None:
    world, issue, number = team_at_the_merge_gate(new_world)
    world.comments(number, "/reject docs: tell how to call it")
    world.waits_for_gate(issue, round=2)
    (rejection,) = world.entries(issue, Rejected)
    assert (rejection.stage, rejection.reason) == ("docs", "tell how to call it")
    assert paid(world) == {"planner": 1, "builder": 1, "reviewer": 1, "docs": 2}
    world.approves(issue)
    world.waits_for_the_end(issue)


def test_a_review_with_line_comments_goes_to_whoever_wrote_those_files(new_world: NewWorld) -> None:
    """First to the one who wrote the artifact, then, about the code, to the builder: whoever reads code looks again,
    whoever reads only the plan does not."""
    world, issue, number = team_at_the_merge_gate(new_world)
    folder = f"specs/{world.branch(issue).removeprefix('issuewright/')}"

    def asks_for_changes(path: str, line: int, body: str) -> None:
        head = world.pull_request(issue)["head"]["sha"]
        remarks = [{"path": path, "line": line, "side": "RIGHT", "body": body}]
        review = {"event": "REQUEST_CHANGES", "body": "See there", "commit_id": head, "comments": remarks}
        world.hub.by(MAINTAINER, "POST", f"/pulls/{number}/reviews", review)

    asks_for_changes(f"{folder}/as-built.md", 1, "More words")
    world.waits_for_gate(issue, round=2)
    assert paid(world) == {"planner": 1, "builder": 1, "reviewer": 1, "docs": 2}
    asks_for_changes("app/health.py", 2, "Say `well`")
    world.waits_for_gate(issue, round=3)
    assert paid(world) == {"planner": 1, "builder": 2, "reviewer": 2, "docs": 2}
    assert [rejection.stage for rejection in world.entries(issue, Rejected)] == ["docs", "builder"]
    (feedback,) = starts(world, issue, "builder")[1].feedback
    assert (feedback.source, feedback.reason) == ("rejection", "See there")
    assert [(f.path, f.line, f.message) for f in feedback.findings] == [("app/health.py", 2, "Say `well`")]
    assert world.kinds(issue).count("gate_opening") == 4, "the plan's gate stays passed"


@pytest.mark.parametrize(("said", "lag"), [("", 4), pytest.param("See there", 2, marks=pytest.mark.slow)])
def test_line_comments_that_are_not_listed_yet_are_waited_for(new_world: NewWorld, said: str, lag: float) -> None:
    """The delivery tells of the review before GitHub's list shows what it says of single lines."""
    world = new_world()
    issue, number = at_the_merge_gate(world)
    world.hub.control("POST", "/lag", {"path_regex": r"/reviews/\d+/comments$", "seconds": lag})
    remarks = [{"path": "app/health.py", "line": 2, "side": "RIGHT", "body": "Say `well`"}]
    head = world.pull_request(issue)["head"]["sha"]
    review = {"event": "REQUEST_CHANGES", "body": said, "commit_id": head, "comments": remarks}
    world.hub.by(MAINTAINER, "POST", f"/pulls/{number}/reviews", review)
    world.waits("an answer", lambda: world.entries(issue, Rejected) or world.bot_comments(number, ":reply -->"))
    (rejection,) = world.entries(issue, Rejected)
    assert (rejection.reason, [finding.message for finding in rejection.findings]) == (said, ["Say `well`"])


# -- the repository's own rules -------------------------------------------------------------------------------


def protected(world: World, **rules: object) -> None:
    world.hub.control("PUT", "/repositories/acme/tally/protection/main", rules)


def standing(world: World, issue: Issue) -> str:
    (status,) = world.bot_comments(issue.number, ":status -->")
    return status


@pytest.mark.parametrize("told", [True, False], ids=["by webhook", "by the reconciler"])
def test_a_required_check_is_waited_for(new_world: NewWorld, told: bool) -> None:
    """The reconciler asks about what is held up, although nothing about the pull request itself has changed."""
    world = new_world()
    protected(world, checks={"checks": [{"context": "ci"}, {"context": "issuewright"}]})
    issue, number = at_the_merge_gate(world)
    head = world.pull_request(issue)["head"]["sha"]
    world.approves(issue)
    world.waits_for_entry(issue, "merge_was_refused")
    said = 'Required status check "ci" is expected.'
    world.waits("the status to say it", lambda: said in standing(world, issue))
    assert "Waiting for the repository's rules to allow the merge" in standing(world, issue)
    assert said in world.waits("people to be told", lambda: world.bot_comments(number, ":held-up:"))[0]
    assert world.entries(issue, MergeWasRefused)[0].may_pass
    if not told:
        world.waits_for_quiet()
        world.kill_service()
        world.hub.control("POST", "/webhook-rules", {"event": "check_run", "do": "drop", "times": None})
        with world.database.write() as connection:
            connection.execute(text("UPDATE watermarks SET read_until = '2099-01-01T00:00:00.000000+00:00'"))
    done = {"name": "ci", "head_sha": head, "status": "completed", "conclusion": "success"}
    answer = world.hub.call("POST", "/check-runs", other_app(world), done)
    assert answer.status_code == 201, answer.text
    if not told:
        world.start_service()
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]
    assert world.kinds(issue).count("merge_was_refused") == 1


def test_changes_are_requested_while_a_required_check_is_waited_for(new_world: NewWorld) -> None:
    world = new_world()
    protected(world, checks={"checks": [{"context": "ci"}]})
    issue, number = at_the_merge_gate(world)
    head = world.pull_request(issue)["head"]["sha"]
    world.approves(issue)
    world.waits_for_entry(issue, "merge_was_refused")
    world.reviews(issue, "REQUEST_CHANGES", "It should be well", by=OWNER)
    world.waits_for_gate(issue, round=2)
    done = {"name": "ci", "head_sha": head, "status": "completed", "conclusion": "success"}
    assert world.hub.call("POST", "/check-runs", other_app(world), done).status_code == 201
    world.waits_for_quiet()
    assert not world.pull_request(issue)["merged"], "what was approved is not what is wanted any more"
    assert not world.bot_comments(number, "nothing to reject")
    assert [feedback.reason for feedback in starts(world, issue, "builder")[1].feedback] == ["It should be well"]


def other_app(world: World) -> str:
    """A token of another App, which has checks of its own."""
    about = {"app_id": APP_ID + 1, "slug": "ci", "name": "CI", "public_key": PUBLIC_PEM, "webhook_url": None}
    made = world.hub.control("POST", "/apps", {**about, "webhook_secret": "", "repositories": ["acme/tally"]})
    path = f"//app/installations/{made['installation_id']}/access_tokens"
    headers = {"authorization": f"Bearer {app_jwt(APP_ID + 1)}"}
    answer = world.hub.http.post(f"{world.hub.api}{path[1:]}", headers=headers, json={})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def test_a_required_review_that_a_command_does_not_satisfy(new_world: NewWorld) -> None:
    world = new_world()
    protected(world, reviews={"count": 1})
    issue, number = at_the_merge_gate(world)
    world.comments(number, "/approve")
    world.waits_for_entry(issue, "merge_was_refused")
    words = "At least 1 approving review is required by reviewers with write access."
    world.waits("people to be told in a new comment", lambda: world.bot_comments(number, words))
    (told,) = world.bot_comments(number, words)
    assert "`/approve` is not a review" in told
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]
    assert len(world.bot_comments(number, words)) == 1


# -- time -----------------------------------------------------------------------------------------------------


def test_a_reminder_comes_once_and_then_the_gate_expires_and_can_be_opened_again(new_world: NewWorld) -> None:
    world = new_world(config="gates:\n  merge:\n    remind_after_hours: 0.0003\n    expire_after_hours: 0.002\n")
    issue, number = at_the_merge_gate(world)
    world.waits("the reminder", lambda: world.bot_comments(number, ":reminder -->"))
    world.waits_for_entry(issue, "timer_fired", times=2)
    assert len(world.bot_comments(number, ":gate:merge:1:reminder -->")) == 1
    late = world.comments(number, "/approve")
    refused(world, number, late, "gate `merge` expired before enough people approved")
    world.waits("the status to say it", lambda: "needs your help" in standing(world, issue))
    world.comments(number, "/retry")
    world.waits_for_gate(issue, round=2)
    world.comments(number, "/approve")
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]


def test_a_gate_that_expires_may_cancel_the_run(new_world: NewWorld) -> None:
    world = new_world(config="gates:\n  merge:\n    expire_after_hours: 0.0005\n    on_expiry: cancel\n")
    issue, _ = at_the_merge_gate(world)
    world.waits_for_the_end(issue)
    pull = world.pull_request(issue)
    assert (pull["state"], pull["merged"]) == ("closed", False)
    assert world.bot_comments(issue.number, "Cancelled.")
