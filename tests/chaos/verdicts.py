"""What must hold for each run after a campaign, whatever struck it: everything once, and nothing lost."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from bot.domain.entries import ArtifactsTidied, AttemptFinished
from bot.domain.journal import first_break
from tests.chaos.evidence import Evidence
from tests.chaos.people import Spec, calls_of
from tests.stories.world import BOT, World

_MARKER = re.compile(r"<!-- issuewright:(\S+) -->")
_COST = 0.25
_STATE_LABELS = {"merged": [], "cancelled": ["issuewright: cancelled"]}
_TRAILERS = "".join(
    f"%x01%(trailers:key=Issuewright-{name},valueonly,separator=%x2C)" for name in ("Run", "Stage", "Attempt")
)


def problems_of_run(evidence: Evidence, spec: Spec) -> Iterator[str]:
    """What is wrong with one run that is over."""
    world = evidence.world
    yield from _journal(world, spec)
    yield from _agents(evidence, spec)
    yield from _issue(world, spec)
    pulls = evidence.pulls(spec)
    if len(pulls) != 1:
        yield f"{len(pulls)} pull requests"
        return
    pull = world.sees(f"/pulls/{pulls[0]['number']}")
    if pull["merged"] != (spec.kind.outcome == "merged") or pull["state"] != "closed":
        yield f"the pull request is {pull['state']}, merged: {pull['merged']}"
    yield from _comments(world, [spec.issue.number, pull["number"]])
    yield from _commits(world, spec, pull)
    yield from _deployments(evidence, spec)


def repairs(evidence: Evidence, spec: Spec) -> int:
    """How many duplicates were removed again."""
    query = "SELECT coalesce(sum(repaired), 0) FROM effects WHERE run_id = :run"
    rows = evidence.field.query(query, run=spec.run_id)
    return int(rows[0][0]) if rows else 0


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
    if len(parked) != spec.kind.parks:
        yield f"it was parked {len(parked)} times: {'; '.join(parked)}"


def _agents(evidence: Evidence, spec: Spec) -> Iterator[str]:
    counted, paid = (Counter(calls_of(spec, calls)) for calls in (evidence.calls, evidence.paid))
    yield from (f"{times} agent calls for {attempt}" for attempt, times in counted.items() if times != 1)
    yield from (f"{times} payments for {attempt}" for attempt, times in paid.items() if times != 1)
    # An agent that was killed may not have come to note that it was started.
    if not set(paid) <= set(counted) or set(counted) - set(paid) - set(spec.hurt):
        yield f"agent calls were counted for {sorted(counted)} and paid for {sorted(paid)}"
    query = "SELECT coalesce(sum(usd), 0) FROM costs WHERE run_id = :run"
    books = evidence.world.query(query, run=spec.run_id)[0][0]
    if not spec.hurt and abs(books - _COST * paid.total()) > 0.001:
        yield f"${books:.2f} are in the books for {paid.total()} agent calls"


def _issue(world: World, spec: Spec) -> Iterator[str]:
    issue = world.issue(spec.issue)
    labels = [label["name"] for label in issue["labels"] if label["name"].startswith("issuewright: ")]
    if labels != _STATE_LABELS[spec.kind.outcome]:
        yield f"the issue's labels are {labels}"
    if (issue["state"] == "closed") != (spec.kind.outcome == "merged"):
        yield f"the issue is {issue['state']}"


def _comments(world: World, places: list[int]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for place in places:
        for comment in world.conversation(place):
            if comment["user"]["login"] == BOT:
                marker = _MARKER.match(comment["body"])
                seen[marker[1] if marker else f"without a marker: {comment['body'][:60]}"] += 1
    yield from (f"{times} comments {key}" for key, times in seen.items() if times != 1)
    yield from (f"a comment {key}" for key in seen if key.startswith("without"))


def _commits(world: World, spec: Spec, pull: dict[str, Any]) -> Iterator[str]:
    head = f"refs/pull/{pull['number']}/head"
    base = world.git("merge-base", pull["base"]["sha"], head).strip()
    rows = [line.split("\x01") for line in world.git("log", f"--format=%H{_TRAILERS}", f"{base}..{head}").splitlines()]
    made = Counter(f"{stage}.{attempt}" for _, run, stage, attempt in rows if run and stage)
    yield from (f"{times} commits of {attempt}" for attempt, times in made.items() if times != 1)
    ours = {sha for sha, run, _, _ in rows if run}
    theirs = [sha for sha, run, _, _ in rows if not run]
    if len(theirs) != spec.kind.pushes:
        yield f"{len(theirs)} commits of people instead of {spec.kind.pushes}"
    told = {entry.commit for entry in world.entries(spec.issue, AttemptFinished) if entry.commit}
    told |= {entry.commit for entry in world.entries(spec.issue, ArtifactsTidied)}
    yield from (f"commit {sha[:10]} is not in the journal" for sha in sorted(ours - told))
    yield from (f"commit {sha[:10]} is lost" for sha in sorted(told - ours - {*theirs, base}))
    for sha, *_ in rows:
        runs_on = [each for each in world.check_runs(sha) if each["external_id"].startswith(f"{spec.run_id}:")]
        if len(runs_on) > 1:
            yield f"{len(runs_on)} check runs on {sha[:10]}"
        if sha == rows[0][0] and [c["status"] for c in runs_on] != ["completed"]:
            yield f"the head's check run: {[(c['status'], c['conclusion']) for c in runs_on]}"
    merges = world.git("log", "--format=%s", "main").splitlines().count(f"{spec.kind.title} (#{pull['number']})")
    if merges != (1 if spec.kind.outcome == "merged" else 0):
        yield f"{merges} merges"


def _deployments(evidence: Evidence, spec: Spec) -> Iterator[str]:
    """Both as GitHub lists them and as the command has noted them."""
    shown = Counter(f"{each['environment']} of {each['sha'][:10]}" for each in evidence.deployments(spec))
    made = Counter(f"{each['environment']} of {each['commit'][:10]}" for each in evidence.deployed(spec))
    yield from (f"{times} deployments on GitHub to {what}" for what, times in shown.items() if times != 1)
    yield from (f"deployed {times} times to {what}" for what, times in made.items() if times != 1)
    if set(shown) != set(made):
        yield f"deployed were {sorted(made)}, GitHub lists {sorted(shown)}"
    production = sum(what.startswith("production ") for what in made)
    if production != (spec.kind.outcome == "merged"):
        yield f"{production} deployments to production"
    for each in evidence.deployments(spec):
        states = [status["state"] for status in evidence.world.sees(f"/deployments/{each['id']}/statuses")]
        if set(states) - {"inactive"} != {"success"}:
            yield f"the deployment to {each['environment']} is {states}"
