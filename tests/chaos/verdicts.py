"""What must hold after a campaign, for each run and for the whole: once each, nothing lost, nothing left over."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import create_engine, select
from sqlalchemy.engine import Connection

from bot.domain.fold import apply
from bot.domain.journal import first_break
from bot.domain.run import Run
from tests.chaos.field import Field
from tests.chaos.people import Spec
from tests.localhub.harness import git
from tests.stories.world import BOT, World
from workflows import projections
from workflows.schema.tables import attempts, costs, deployments, gates, metadata, runs

_MARKER = re.compile(r"<!-- issuewright:(\S+) -->")
_COST = 0.25
_STATE_LABEL = {"merged": "issuewright: merged", "cancelled": "issuewright: cancelled"}


def problems_of_run(field: Field, spec: Spec) -> Iterator[str]:
    """What is wrong with one run that is over, whatever struck it."""
    world = field.world
    yield from _journal(world, spec)
    pulls = [
        p
        for p in world.sees("/pulls?state=all&per_page=100&sort=created&direction=desc")
        if p["head"]["ref"].startswith(f"issuewright/{spec.issue.number}-")
    ]
    if len(pulls) != 1:
        yield f"{len(pulls)} pull requests"
        return
    pull = world.sees(f"/pulls/{pulls[0]['number']}")
    if pull["merged"] != (spec.kind.outcome == "merged") or pull["state"] != "closed":
        yield f"the pull request is {pull['state']}, merged: {pull['merged']}"
    yield from _comments(world, [spec.issue.number, pull["number"]])
    yield from _commits(world, spec, pull)
    yield from _issue(world, spec)
    yield from _agents(world, spec)


def problems_of_world(field: Field) -> Iterator[str]:
    """What is left over although every run has ended."""
    for name, statement in _LEFT_OVER.items():
        rows = field.query(statement) or []
        if rows:
            yield f"{len(rows)} {name}: {', '.join(str(row[0]) for row in rows[:5])}"
    schema = "" if field.world.database.is_sqlite else "dbos."
    failed = field.query(f"SELECT workflow_uuid FROM {schema}workflow_status WHERE status = 'ERROR'") or []
    yield from (f"workflow {row[0]} failed" for row in failed[:5])
    yield from _files(field)
    yield from _rebuilt(field)


def repairs(field: Field, spec: Spec) -> int:
    """How many duplicates were removed again."""
    rows = field.query("SELECT coalesce(sum(repaired), 0) FROM effects WHERE run_id = :run", run=spec.run_id)
    return int(rows[0][0]) if rows else 0


_LEFT_OVER = {
    "live attempts": "SELECT run_id FROM attempts WHERE finished_at IS NULL",
    "unsettled reservations": "SELECT key FROM reservations WHERE settled_usd IS NULL",
    "unfinished deployments": "SELECT run_id FROM deployments WHERE finished_at IS NULL",
    "open gates": "SELECT run_id FROM gates WHERE state = 'open'",
    "effects without an outcome": "SELECT key FROM effects WHERE done_at IS NULL AND kind <> 'deployment'",
    "deliveries not read": "SELECT id FROM deliveries WHERE status <> 'processed'",
}


def _journal(world: World, spec: Spec) -> Iterator[str]:
    records = world.journal(spec.issue)
    if not records:
        yield "there is no journal"
        return
    broken = first_break(records)
    if broken is not None:
        yield f"the journal's chain breaks at entry {broken}"
    last = json.loads(records[-1].body)
    if records[-1].kind != "run_finished" or last["outcome"] != spec.kind.outcome:
        yield f"it ended with {records[-1].kind} {last.get('outcome')}"
    if len(world.journal(spec.issue, ordinal=2)) > 0:
        yield "the issue has a second run"
    parked = [json.loads(record.body)["reason"] for record in records if record.kind == "run_parked"]
    yield from (f"it was parked: {reason}" for reason in parked)


def _comments(world: World, places: list[int]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for place in places:
        for comment in world.conversation(place):
            if comment["user"]["login"] == BOT:
                marker = _MARKER.search(comment["body"])
                seen[marker[1] if marker else f"without a marker: {comment['body'][:60]}"] += 1
    yield from (f"{times} comments {key}" for key, times in seen.items() if times != 1)
    yield from (f"a comment {key}" for key in seen if key.startswith("without"))


def _commits(world: World, spec: Spec, pull: dict[str, Any]) -> Iterator[str]:
    bare = world.hub.directory / "repos" / "acme" / "tally.git"
    base = git(bare, "merge-base", pull["base"]["sha"], f"refs/pull/{pull['number']}/head", check=False).stdout.strip()
    span = f"{base}..refs/pull/{pull['number']}/head"
    text = git(
        bare,
        "log",
        "--format=%H%x01%(trailers:key=Issuewright-Stage,valueonly,separator=%x2C)%x01%("
        "trailers:key=Issuewright-Attempt,valueonly,separator=%x2C)",
        span,
    ).stdout
    rows = [line.split("\x01") for line in text.splitlines()]
    made = Counter(f"{stage}.{number}" for _, stage, number in rows)
    yield from (f"{times} commits of {attempt}" for attempt, times in made.items() if times != 1 or attempt == ".")
    for sha, *_ in rows:
        runs_on = [each for each in world.check_runs(sha) if each["external_id"].startswith(f"{spec.run_id}:")]
        if len(runs_on) > 1:
            yield f"{len(runs_on)} check runs on {sha[:10]}"
        if sha == rows[0][0] and [c["status"] for c in runs_on] != ["completed"]:
            yield f"the head's check run: {[(c['status'], c['conclusion']) for c in runs_on]}"
    merges = git(bare, "log", "--format=%s", "main").stdout.splitlines().count(f"{spec.kind.title} (#{pull['number']})")
    if merges != (1 if spec.kind.outcome == "merged" else 0):
        yield f"{merges} merges"


def _issue(world: World, spec: Spec) -> Iterator[str]:
    issue = world.issue(spec.issue)
    labels = [label["name"] for label in issue["labels"] if label["name"].startswith("issuewright: ")]
    if labels != [_STATE_LABEL[spec.kind.outcome]]:
        yield f"the issue's labels are {labels}"
    if (issue["state"] == "closed") != (spec.kind.outcome == "merged"):
        yield f"the issue is {issue['state']}"


def _agents(world: World, spec: Spec) -> Iterator[str]:
    calls = Counter(call for call in world.agent_calls() if call.startswith(f"{spec.run_id}."))
    yield from (f"{times} agent calls for {attempt}" for attempt, times in calls.items() if times != 1)
    paid = world.query("SELECT coalesce(sum(usd), 0) FROM costs WHERE run_id = :run", run=spec.run_id)[0][0]
    if not spec.hurt and abs(paid - _COST * sum(calls.values())) > 0.001:
        yield f"${paid:.2f} are in the books for {sum(calls.values())} agent calls"


def _files(field: Field) -> Iterator[str]:
    data = field.directory / "data"
    for place in ("worktrees/*", "worktrees/.trash/*", "mirrors/*/worktrees/*", "mirrors/*/*/worktrees/*"):
        left = sorted(path.name for path in data.glob(place) if not path.name.startswith("."))
        if left:
            yield f"left in {place}: {', '.join(left[:5])}"
    locks = sorted(str(path.relative_to(data)) for path in data.rglob("*.lock") if "mirrors" in path.parts)
    if git_locks := [name for name in locks if name.endswith((".git/index.lock", "packed-refs.lock", "HEAD.lock"))]:
        yield f"git's locks: {', '.join(git_locks[:5])}"
    for process in field.leftover_processes():
        yield f"process {process.pid}: {' '.join(process.cmdline())[:150]}"


def _rebuilt(field: Field) -> Iterator[str]:
    """The projections, built anew from the journals, are those that are stored."""
    world = field.world
    run_ids = [row[0] for row in world.query("SELECT run_id FROM runs ORDER BY run_id")]
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as fresh, world.database.read() as stored:
        for run_id in run_ids:
            _replay(fresh, world, run_id)
        for table in (runs, attempts, gates, costs, deployments):
            columns = [c for c in table.c if c.name not in ("publisher", "restarts", "last_error")]
            expected, actual = (
                {str(dict(row._mapping)) for row in connection.execute(select(*columns))}
                for connection in (fresh, stored)
            )
            for row in sorted(expected ^ actual)[:4]:
                yield f"{table.name}: {'only in the journal' if row in expected else 'only in the table'}: {row[:300]}"


def _replay(connection: Connection, world: World, run_id: str) -> None:
    from tests.stories.world import Issue

    number, _, ordinal = run_id.rpartition("--")[2].partition("-")
    run: Run | None = None
    for record in world.journal(Issue(int(number)), int(ordinal or 1)):
        before, run = run, apply(run, record.entry, record.seq, record.hash, record.at)
        assert run is not None
        if before is None:
            projections.insert_run(connection, run, record.at)
        else:
            projections.update_run(connection, before=before, after=run, entry=record.entry, at=record.at)
