"""What is there twice, or was changed behind the bot's back, is put right by the reconciler."""

import pytest
from sqlalchemy import text

from tests.stories.conftest import NewWorld
from tests.stories.test_deliveries import OFTEN
from tests.stories.world import GOOD, Issue, World


def at_a_gate(new_world: NewWorld, database: str) -> tuple[World, int]:
    world = new_world(database, settings=OFTEN)
    world.start_service()
    world.builder.writes(GOOD)
    number = world.waits_for_gate(world.opens_spec("Add a health check"))
    world.waits_for_quiet()
    return world, number


def as_the_bot(world: World, method: str, path: str, body: object) -> int:
    answer = world.hub.call(method, path, world.hub.bot_token(), body)
    assert answer.is_success, answer.text
    return int(answer.json()["id"])


def test_comments_of_a_worker_that_slept_are_removed(new_world: NewWorld, database: str) -> None:
    world, number = at_a_gate(new_world, database)
    before = world.conversation(number)
    for comment in before:
        as_the_bot(world, "POST", f"/issues/{number}/comments", {"body": comment["body"]})
    repaired = "SELECT sum(repaired) FROM effects"
    world.waits("the duplicates to be counted", lambda: world.query(repaired)[0][0] == len(before))
    assert [each["id"] for each in world.conversation(number)] == [each["id"] for each in before]


def test_a_text_that_a_worker_wrote_too_late_is_shown_as_it_should_be(new_world: NewWorld, database: str) -> None:
    world, _ = at_a_gate(new_world, database)
    comment = next(c for c in world.conversation(1) if ":status -->" in c["body"])
    stale = comment["body"].splitlines()[0] + "\nWorking: something of long ago."
    as_the_bot(world, "PATCH", f"/issues/comments/{comment['id']}", {"body": stale})
    path = f"/issues/comments/{comment['id']}"
    world.waits("the true state to be shown", lambda: world.sees(path)["body"] == comment["body"])


def test_the_older_of_two_check_runs_is_closed(new_world: NewWorld, database: str) -> None:
    world, number = at_a_gate(new_world, database)
    head = world.sees(f"/pulls/{number}")["head"]["sha"]
    [check] = world.check_runs(head)
    body = {"name": check["name"], "head_sha": head, "external_id": check["external_id"], "status": "in_progress"}
    newer = as_the_bot(world, "POST", "/check-runs", body)
    with world.database.write() as connection:
        due = "UPDATE effects SET look_again_at = '2000-01-01T00:00:00+00:00' WHERE kind = 'check-run'"
        connection.execute(text(due))

    def repaired() -> bool:
        first, second = sorted(world.check_runs(head), key=lambda each: int(each["id"]))
        closed = (first["status"], first["conclusion"], first["output"]["title"])
        return (
            closed == ("completed", "cancelled", "Replaced") and second["output"]["title"] == check["output"]["title"]
        )

    world.waits("the older one to be closed, the newer one to say how it stands", repaired)
    assert world.query("SELECT remote_id FROM effects WHERE kind = 'check-run'")[0][0] == str(newer)


def test_a_check_run_that_was_being_made_when_its_head_was_replaced_is_settled(
    new_world: NewWorld, database: str
) -> None:
    """Of one the call arrived, of the other it did not: the intents are all that a process left that died."""
    world, number = at_a_gate(new_world, database)
    head = world.sees(f"/pulls/{number}")["head"]["sha"]
    base = world.sees(f"/pulls/{number}")["base"]["sha"]
    [check] = world.check_runs(head)
    run_id = world.run_id(Issue(1))
    made, wanted = f"{run_id}:check:{base}", f"{run_id}:check:{'0' * 40}"
    body = {"name": check["name"], "head_sha": base, "external_id": made, "status": "in_progress"}
    arrived = as_the_bot(world, "POST", "/check-runs", body)
    for key in (made, wanted, f"{run_id}:check:{head}"):
        world.executes(f"DELETE FROM effects WHERE key = '{key}'")
        values = f"'{key}', '{run_id}', 'check-run', '', '2000-01-01T00:00:00+00:00'"
        world.executes(f"INSERT INTO effects (key, run_id, kind, intended, intended_at) VALUES ({values})")
    left = "SELECT key, remote_id FROM effects WHERE kind = 'check-run' ORDER BY done_at IS NULL"
    settled = [(made, str(arrived)), (f"{run_id}:check:{head}", None)]
    world.waits("the others to be settled", lambda: world.query(left) == settled)


def test_a_label_whose_publisher_died_before_the_next_state_is_removed(new_world: NewWorld) -> None:
    """It was put, and nobody could note that; by the time that the run is shown again it waits for nobody."""
    world = new_world("sqlite")
    world.builder.writes(GOOD)
    slow = {"method": "POST", "path_regex": "/labels$", "caller": "installation", "kind": "delay", "seconds": 15}
    world.hub.control("POST", "/faults", {**slow, "when": "after", "times": 1})
    world.start_service()
    issue = world.opens_spec("Add a health check")

    def labels() -> list[str]:
        return [label["name"] for label in world.sees(f"/issues/{issue.number}")["labels"]]

    world.waits("the label", lambda: "issuewright: waiting for you" in labels())
    world.approves(issue)
    world.waits_for_entry(issue, "approved")
    world.kill_service()
    world.start_service()
    world.waits_for_the_end(issue)
    assert labels() == ["spec"]


@pytest.mark.parametrize("late", ["/labels$", "/requested_reviewers$"], ids=["publisher", "driver"])
def test_who_is_overtaken_leaves_its_work_to_others(world: World, late: str) -> None:
    """DBOS may start two workflows of one run in the same moment, on two workers, and only one has the claim."""
    slow = {"method": "POST", "path_regex": late, "caller": "installation", "kind": "delay", "seconds": 3}
    world.hub.control("POST", "/faults", {**slow, "when": "before", "times": 1})
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    world.waits("the request", lambda: world.hub.control("GET", "/faults") == [])
    with world.database.write() as connection:
        connection.execute(
            text("UPDATE claims SET epoch = epoch + 1 WHERE key = :key"), {"key": f"run:{world.run_id(issue)}"}
        )
    number = world.waits_for_gate(issue)
    world.waits("the status", lambda: bool(world.bot_comments(issue.number, "Waiting for approval")))
    world.waits_for_quiet()
    assert len(world.bot_comments(number, ":gate:merge:1 -->")) == 1
    schema = "" if world.database.is_sqlite else "dbos."
    assert world.query(f"SELECT workflow_uuid FROM {schema}workflow_status WHERE status = 'ERROR'") == []
    world.approves(issue)
    world.waits_for_the_end(issue)
