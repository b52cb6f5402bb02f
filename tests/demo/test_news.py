"""What the terminal tells, from two looks at the world."""

from bot.entrypoints.demo.news import news
from bot.entrypoints.demo.world import World
from tests.demo import views


def texts(before: World | None, after: World) -> list[str]:
    return [f"{item.kind}: {item.text}" for item in news(before, after)]


def test_nothing_new_is_no_news() -> None:
    world = views.world(comments=(views.comment(1, "hello"),), pull=views.pull(), agent_calls=(views.call("build", 1),))
    assert texts(world, world) == []


def test_the_first_look_tells_all_there_is() -> None:
    after = views.world(agent_calls=(views.call("build", 1),), comments=(views.comment(1, "## Status\nbuilding"),))
    assert texts(None, after) == [
        "agent: build: attempt 1 started (scripted)",
        "bot: issuewright[bot] on #2: Status",
    ]


def test_a_handoff_tells_stage_attempt_and_cost() -> None:
    after = views.world(pull=views.pull(), commits=(views.commit("build", 2, 0.02),))
    told = texts(views.world(), after)
    assert told[0] == "commit: c0ffee0 Add a summary (build, attempt 2, $0.02)"
    assert told[1] == "pull: pull request #2 opened as a draft"


def test_a_gate_tells_its_round_and_a_person_what_they_said() -> None:
    before = views.world(pull=views.pull())
    after = views.world(
        pull=views.pull(draft=False),
        comments=(views.gate(5, 1), views.comment(6, "/reject no", "maintainer")),
    )
    assert texts(before, after) == [
        "person: maintainer on #2: /reject no",
        "pull: pull request #2 is ready for review",
        "gate: gate merge, round 1: a person decides",
    ]


def test_a_merge_and_a_closed_issue() -> None:
    before = views.world(pull=views.pull(draft=False))
    after = views.world(pull=views.pull(draft=False, merged=True, state="closed"), issue_state="closed")
    assert texts(before, after) == ["done: pull request #2 merged", "done: issue closed"]


def test_a_pull_request_closed_without_a_merge_is_trouble() -> None:
    after = views.world(pull=views.pull(state="closed"))
    assert texts(views.world(pull=views.pull()), after) == ["trouble: pull request #2 closed without a merge"]


def test_hidden_markers_and_markup_are_not_told() -> None:
    for body in ("### Build **passed**, $0.05", "<details><summary><b>Build</b> passed, $0.05</summary>"):
        marked = f"<!-- issuewright:x:status -->\n\n{body}\n"
        (item,) = news(views.world(), views.world(comments=(views.comment(1, marked),)))
        assert item.text == "issuewright[bot] on #2: Build passed, $0.05"


def test_evidence_against_an_attempt_is_told_once() -> None:
    before = views.world(comments=(views.comment(1, "### Working"),))
    after = views.world(comments=(views.comment(1, "### Working\n> tests: 1 of 15 failed"),))
    assert texts(before, after) == ["trouble: refused: tests: 1 of 15 failed"]
    assert texts(after, after) == []


def test_reviews_are_told_with_what_they_say() -> None:
    after = views.world(reviews=(views.review(1, "APPROVED", "Fine."), views.review(2, "COMMENTED", "")))
    assert texts(views.world(), after) == ["person: maintainer approved it: Fine.", "person: maintainer reviewed it"]
