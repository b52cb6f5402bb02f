"""Who may spend, and how much: caps of a run and of a day, kept however the service dies."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier

import pytest
from sqlalchemy import Connection, insert, select

from bot.domain.moves import StartAttempt
from bot.domain.run import Run
from tests.domain.samples import BASE, run_of
from tests.stories.conftest import NewWorld
from tests.stories.world import BROKEN, GOOD, MAINTAINER, OWNER, REPAIRED, STRANGER, Issue, World
from workflows import budgets, projections
from workflows.clock import now
from workflows.schema import tables
from workflows.schema.migrate import migrate

ATTEMPT_USD = 0.25
"""What an attempt of the agent in these stories costs."""


def budget(**usd: float) -> str:
    return "budget:\n" + "".join(f"  {name}_usd: {amount}\n" for name, amount in usd.items())


def status(world: World, issue: Issue) -> str:
    found = world.bot_comments(issue.number, ":status -->")
    return found[0] if found else ""


def set_aside(world: World) -> list[tuple[str, float, float | None]]:
    """Reservations: the attempt, what was set aside, and what it came to (None: not settled)."""
    return [tuple(row) for row in world.query("SELECT key, usd, settled_usd FROM reservations ORDER BY key")]


def spent_today(world: World) -> float:
    return float(world.query("SELECT sum(usd) FROM budgets")[0][0])


def test_a_label_by_somebody_who_may_not_spend_costs_nothing_and_is_answered_once(new_world: NewWorld) -> None:
    """Who may triage may put labels, and no more: told once, by whatever way the label is read."""
    world = new_world(settings="reconcile_seconds = 0.3")
    world.builder.writes(GOOD)
    role = {"login": STRANGER, "role_name": "triage"}
    world.hub.control("POST", "/repositories/acme/tally/collaborators", role)
    world.start_service()
    issue = world.opens_spec("Add a health check", by=STRANGER)
    words = "needs write permission, which @visitor does not have"
    world.waits("the answer", lambda: world.bot_comments(issue.number, words))
    world.kill_service()
    world.start_service()
    world.waits_for_reaction(world.comments(issue, "/status"), "confused")
    world.waits_for_quiet()
    assert len(world.bot_comments(issue.number, words)) == 1
    assert world.journal(issue) == [] and world.agent_calls() == []
    # Somebody who may spend puts the label again.
    world.hub.by(OWNER, "DELETE", f"/issues/{issue.number}/labels/spec")
    world.labels(issue, by=MAINTAINER)
    world.waits_for_gate(issue)
    assert world.builder.times_paid == 1


def test_an_agent_is_given_what_was_set_aside_as_its_cap(new_world: NewWorld) -> None:
    world = new_world(config=budget(attempt=1.5))
    world.builder.writes(GOOD)
    world.start_service()
    world.waits_for_gate(world.opens_spec("Add a health check"))
    [(key, usd, _)] = set_aside(world)
    asked = json.loads((world.directory / "data" / "attempts" / key / "request.json").read_text())
    assert asked["limits"]["max_usd"] == usd == 1.5


def test_a_run_that_reaches_its_cap_asks_and_goes_on_with_more(new_world: NewWorld) -> None:
    world = new_world(config=budget(run=0.5, attempt=0.3))
    world.builder.writes(BROKEN).writes(REPAIRED)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    first = world.waits("the first status comment", lambda: status(world, issue))
    assert "$0.30 at most if every stage succeeds at once" in first
    assert "capped at $0.50 for this run" in first
    assert "$100.00 a day" in first
    world.waits_for_entry(issue, "run_parked")
    asked = "$0.25 of $0.50 is spent, and the next attempt of builder may cost $0.30"
    world.waits("the question", lambda: asked in status(world, issue))
    assert "/budget" in status(world, issue)
    world.waits_for_quiet()
    assert world.builder.times_paid == 1
    world.waits_for_reaction(world.comments(issue, "/budget 0.20"), "confused")
    world.waits_for_reaction(world.comments(issue, "/budget 5", by=STRANGER), "confused")
    world.waits_for_reaction(world.comments(issue, "/budget 0.60"), "+1")
    world.waits_for_gate(issue)
    assert world.builder.times_paid == 2
    world.waits("the new cap to be shown", lambda: "capped at $0.60" in status(world, issue))


def test_the_day_is_full_for_a_second_run_until_the_first_has_settled(new_world: NewWorld, database: str) -> None:
    world = new_world(database, config=budget(day=0.5, attempt=0.4))
    world.builder.writes(GOOD, holds=True)
    world.start_service()
    first = world.opens_spec("Add a health check")
    world.waits_for_agent()
    assert set_aside(world) == [(f"{world.run_id(first)}.builder.1", 0.4, None)]
    second = world.opens_spec("Add another one")
    world.waits_for_entry(second, "run_parked")
    words = "$0.40 of $0.50 for acme/tally today is spent or set aside, and the next attempt of builder may cost $0.40"
    world.waits("the reason", lambda: words in status(world, second))
    world.builder.is_let_go()
    world.waits_for_gate(first)
    assert set_aside(world) == [(f"{world.run_id(first)}.builder.1", 0.4, ATTEMPT_USD)]
    assert spent_today(world) == pytest.approx(ATTEMPT_USD)
    assert world.builder.times_paid == 1


@pytest.mark.parametrize("point", ["step.claim.after", "step.agent.after", "attempt.finished", "step.record.before"])
def test_nothing_stays_set_aside_after_the_run_however_the_service_dies(new_world: NewWorld, point: str) -> None:
    """Room for one attempt at a time: what a dead service left set aside would stop the run."""
    world = new_world(config=budget(day=1.0, attempt=0.5))
    world.builder.writes(BROKEN).writes(REPAIRED)
    world.service.dies_at(point)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.service.deaths == [point]
    assert [(usd, settled) for _, usd, settled in set_aside(world)] == [(0.5, ATTEMPT_USD)] * 2
    assert spent_today(world) == pytest.approx(2 * ATTEMPT_USD)
    assert world.builder.times_paid == 2


def test_a_cancelled_attempt_is_settled_with_what_it_cost(new_world: NewWorld) -> None:
    world = new_world(config=budget(attempt=0.5))
    world.builder.writes(GOOD, holds=True)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_for_agent()
    world.comments(issue, "/cancel")
    world.waits_for_the_end(issue)
    ((_, usd, settled),) = set_aside(world)
    assert (usd, settled) == (0.5, spent_today(world))
    assert settled is not None and settled <= ATTEMPT_USD


def test_two_claims_at_once_cannot_both_take_the_last_dollar(new_world: NewWorld, database: str) -> None:
    """Many at once, again and again: as many get money as there is money for."""
    world = new_world(database)
    migrate(world.database)
    run = run_of()
    at = now()
    rivals, room = 6, run.started.config.budget.day_usd / run.started.config.budget.attempt_usd
    with world.database.write() as connection:
        projections.insert_run(connection, run, at)
        _spend(connection, run, at, usd=run.started.config.budget.day_usd - 2 * 2.0)
    assert room > rivals
    ready = Barrier(rivals)

    def claims(number: int) -> str | None:
        move = StartAttempt(stage="builder", number=number, mode="work", start_commit=BASE, feedback=())
        ready.wait()
        return world.database.in_transaction(lambda connection: budgets.reserve(connection, run, move, at))

    with ThreadPoolExecutor(rivals) as pool:
        answers = list(pool.map(claims, range(1, rivals + 1)))
    assert answers.count(None) == 2
    assert all("$100.00 of $100.00" in answer for answer in answers if answer)
    with world.database.read() as connection:
        assert len(connection.execute(select(tables.reservations)).all()) == 2
        assert connection.execute(select(tables.budgets.c.usd)).scalar_one() == pytest.approx(100.0)


def _spend(connection: Connection, run: Run, at: datetime, usd: float) -> None:
    repo = str(run.started.issue.repo)
    connection.execute(insert(tables.budgets).values(repo=repo, day=at.date().isoformat(), usd=usd))
