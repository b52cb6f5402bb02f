"""The figures of `--json`, counted from a recorded demo."""

import json
from pathlib import Path

from bot.entrypoints.demo.home import Home
from bot.entrypoints.demo.outcome import count
from tests.demo import views

REQUESTS = [
    {"as": "app", "kind": "rest", "method": "POST"},
    {"as": "installation", "kind": "rest", "method": "GET"},
    {"as": "installation", "kind": "graphql", "method": "POST"},
    {"as": "installation", "kind": "git", "method": "POST"},
    {"as": "person", "kind": "rest", "method": "GET"},
    {"as": "anonymous", "kind": "rest", "method": "GET"},
]


def recorded(folder: Path) -> Home:
    """A demo with three attempts: the first released, the second only ended, the third with nothing left."""
    home = Home(folder / "demo")
    home.create()
    first, second = (home.attempts / f"{views.RUN}.build.{number}" for number in (1, 2))
    first.mkdir(parents=True)
    (first / "answer.json").write_text('{"status": "ok", "cost_usd": 0.05, "seconds": 1.5}')
    second.mkdir()
    (second / "result.json").write_text('{"exit_code": 0, "seconds": 0.5, "reported": {"cost_usd": 0.02}}')
    return home


def test_the_object_has_its_figures(tmp_path: Path) -> None:
    home = recorded(tmp_path)
    record = home.new_record(0, 0).model_copy(update={"issue": 1})
    world = views.world(
        pull=views.pull(merged=True, state="closed"),
        comments=(views.gate(1, 1), views.comment(2, "/approve", "maintainer"), views.comment(3, "done", number=1)),
        commits=(views.commit("build", 2, 0.02, sha="a" * 40), views.commit("build", 3, 0.02, sha="b" * 40)),
        agent_calls=(views.call("build", 1), views.call("build", 2), views.call("build", 2), views.call("build", 3)),
    )
    outcome = json.loads(count(home, record, world, REQUESTS, 12.5).model_dump_json())
    assert outcome == {
        "issue": 1,
        "pull_request": 2,
        "merged": True,
        "stages": [{"stage": "build", "attempts": 3, "commit": "b" * 40, "cost_usd": 0.07, "seconds": 2.0}],
        "comments": 2,
        "api_calls": 3,
        "agent_calls": 4,
        "wall_seconds": 12.5,
        "urls": {
            "issue": f"{record.hub_url}/acme/tally/issues/1",
            "pull_request": "http://hub/acme/tally/pull/2",
        },
    }


def test_a_run_without_a_pull_request_has_figures_too(tmp_path: Path) -> None:
    home = recorded(tmp_path)
    record = home.new_record(0, 0).model_copy(update={"issue": 1})
    outcome = count(home, record, views.world(), [], 1.0)
    assert (outcome.pull_request, outcome.merged, outcome.stages) == (None, False, ())
