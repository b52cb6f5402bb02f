"""The world as anybody can see it, with everything that differs between two equal runs taken out.

SHAs, ids, digests and seconds are normalised; what is left must be the same whether or not the service died on the way.
"""

import difflib
import json
import re
from pathlib import Path
from typing import Any

from tests.localhub.harness import git
from tests.stories.world import Issue, World

Seen = dict[str, Any]

_NORMAL = (
    (re.compile(r"https?://127\.0\.0\.1:\d+"), "<hub>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<hash>"),
    (re.compile(r"\b[0-9a-f]{40}\b"), "<sha>"),
    (re.compile(r"`[0-9a-f]{12}`"), "`<digest>`"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,10}\b"), "<short>"),
    (re.compile(r"\b\d+(\.\d+)? s\b"), "<n> s"),
    (re.compile(r"\$\d+\.\d+"), "<usd>"),
    (re.compile(r"Cost-USD: [\d.]+"), "Cost-USD: <usd>"),
    (re.compile(r"\b(comment|label|review|dismissed):\d+"), r"\1:<id>"),
    (re.compile(r"^(claim|parked|merge-refused):.*"), r"\1"),
)


def snapshot(world: World, issue: Issue) -> Seen:
    """Everything in the world that the bot had a hand in."""
    return {
        **snapshot_of_run(world, issue),
        "main": _log(world, "main"),
        "refs": sorted(
            normal(line) for line in _git(world, "for-each-ref", "--format=%(refname) %(tree)").splitlines()
        ),
        "agent calls": sorted(world.agent_calls()),
        "paid": sorted(world.paid()),
    }


def snapshot_of_run(world: World, issue: Issue) -> Seen:
    """The part of it that belongs to one issue's run."""
    pull = world.find_pull_request(issue)
    places = [issue.number] + ([pull["number"]] if pull else [])
    return {
        "issue": _issue(world, issue),
        "comments": [_comments(world, place) for place in places],
        "pull request": _pull_request(world, pull["number"]) if pull else None,
        "journal": [(record.kind, normal(record.cause)) for record in world.journal(issue)],
    }


def difference(seen: Seen, expected: Seen) -> str:
    """The lines in which two worlds differ; empty when they are equal."""
    before, after = (json.dumps(each, indent=1, ensure_ascii=False).splitlines() for each in (expected, seen))
    return "\n".join(difflib.unified_diff(before, after, "undisturbed", "this one", lineterm=""))


def normal(text: str) -> str:
    """A text without what differs between two equal runs."""
    for pattern, plain in _NORMAL:
        text = pattern.sub(plain, text)
    return text


def _issue(world: World, issue: Issue) -> Seen:
    found = world.issue(issue)
    reactions = world.sees(f"/issues/{issue.number}/reactions")
    return {
        "state": found["state"],
        "labels": sorted(label["name"] for label in found["labels"]),
        "reactions": sorted((each["user"]["login"], each["content"]) for each in reactions),
    }


def _comments(world: World, number: int) -> list[tuple[str, str, list[str]]]:
    return [
        (each["user"]["login"], normal(each["body"]), sorted(world.reactions(each["id"])))
        for each in world.conversation(number)
    ]


def _pull_request(world: World, number: int) -> Seen:
    found = world.sees(f"/pulls/{number}")
    commits = _log(world, f"{found['base']['sha']}..refs/pull/{number}/head")
    shas = _git(world, "log", "--reverse", "--format=%H", f"{found['base']['sha']}..refs/pull/{number}/head").split()
    return {
        "title": found["title"],
        "body": normal(found["body"]),
        "state": found["state"],
        "draft": found["draft"],
        "merged": found["merged"],
        "asked": sorted(each["login"] for each in found["requested_reviewers"]),
        "labels": sorted(label["name"] for label in found["labels"]),
        "reviews": [
            (each["user"]["login"], each["state"], normal(each["body"]))
            for each in world.sees(f"/pulls/{number}/reviews")
        ],
        "commits": commits,
        "check runs": _check_runs(world, shas[-1]),
        "one check run a head": all(len(world.check_runs(sha)) <= 1 for sha in shas),
    }


def _check_runs(world: World, sha: str) -> list[tuple[str | None, ...]]:
    return [
        (each["name"], each["status"], each["conclusion"], each["output"]["title"], normal(each["output"]["summary"]))
        for each in world.check_runs(sha)
    ]


def _log(world: World, span: str) -> list[tuple[str, str]]:
    """Trees (exactly), authors and messages, oldest first."""
    text = _git(world, "log", "--reverse", "--topo-order", "--format=%T %an <%ae>%n%B%x00", span)
    entries = [entry.strip().partition(" ") for entry in text.split("\0") if entry.strip()]
    return [(f"tree {tree}", normal(rest)) for tree, _, rest in entries]


def _git(world: World, *arguments: str) -> str:
    return git(_bare(world), *arguments).stdout


def _bare(world: World) -> Path:
    return world.hub.directory / "repos" / "acme" / "tally.git"
