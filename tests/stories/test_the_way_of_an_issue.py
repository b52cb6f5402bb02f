"""A labelled issue becomes a merged pull request."""

from tests.stories.world import GOOD, World


def test_a_labelled_issue_becomes_a_merged_pull_request(world: World) -> None:
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    assert not world.pull_request(issue)["draft"]
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]
    assert world.issue(issue)["state"] == "closed"
    assert world.builder.times_paid == 1
    assert world.bot_comments(issue.number, "Merged.")
    assert len(world.bot_comments(number, ":gate:merge:")) == 1
