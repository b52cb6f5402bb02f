"""The texts of our commits: what strangers and agents say in them orders nothing on GitHub."""

import re
from dataclasses import replace

import pytest

from bot.domain import entries as e
from bot.domain.agents import AgentResult, AgentStatus
from bot.domain.rendering import commit_texts, handoff_message, pull_request_title
from bot.domain.run import Run
from tests.domain import samples as s

OPENED = e.PullRequestOpened(number=8, node_id="PR_8")
ORDERS = [
    ("Add it [skip ci]", "Add it (skip ci)"),
    ("[CI  Skip] add [No CI] it", "(CI Skip) add (No CI) it"),
    ("[skip actions][actions skip]", "(skip actions)(actions skip)"),
    ("[sk\x07ip ci]", "(skip ci)"),
    ("Closes #12", "Closes #\u200b12"),
    ("fixes: acme/other#3", "fixes: acme/other#\u200b3"),
    ("resolved gh-4", "resolved gh-\u200b4"),
    ("close https://github.com/acme/other/issues/5", "close https://github.com/acme/other/issues/\u200b5"),
    ("fix http://ghe.example/acme/other/pull/6#x", "fix http://ghe.example/acme/other/pull/\u200b6#x"),
    ("Thanks, @mona and @acme/all", "Thanks, @\u200bmona and @\u200bacme/all"),
]
TRAILERS = [
    "Co-authored-by: Mona <mona@example.org>",
    " signed-off-by : Mona <mona@example.org>",
    "Approved-by: @mona",
    "on-behalf-of: @acme <all@acme.example>",
    "skip-checks:true",
    "Skip-Checks: true",
    "Issuewright-Run: another",
]


def run_titled(title: str) -> Run:
    """A run whose issue has that title, with a pull request."""
    started = s.run_started().model_copy(update={"title": title})
    return replace(s.run_of(s.attempt(), OPENED), started=started)


def handoff(summary: str) -> str:
    run = s.run_of(s.attempt())
    attempt = run.attempt("builder", 1)
    assert attempt is not None
    return handoff_message(run, attempt, AgentResult(status=AgentStatus.OK, summary=summary), agent="scripted")


@pytest.mark.parametrize(("said", "shown"), ORDERS)
def test_an_issues_title_orders_nothing(said: str, shown: str) -> None:
    title, message = commit_texts(run_titled(said))
    assert title == f"{shown} (#8)"
    assert message.startswith("Closes #7.\n\nIssuewright-Run: ")
    assert pull_request_title(run_titled(said)) == shown


@pytest.mark.parametrize(("said", "shown"), ORDERS)
def test_an_agents_summary_orders_nothing(said: str, shown: str) -> None:
    message = handoff(f"{said}\n\nBecause of this: {said}")
    assert message.startswith(f"builder: {shown}\n\nBecause of this: ")
    assert " ".join(message.split()).count(shown) == 2


@pytest.mark.parametrize("line", TRAILERS)
def test_an_agent_gives_no_trailers(line: str) -> None:
    message = handoff(f"Build it\n\nIn steps.\n{line}\nDone.\n\n\n{line}")
    assert message.startswith("builder: Build it\n\nIn steps.\nDone.\n\nIssuewright-Run: acme--tally--7\n")
    assert handoff(f"Build it\n\n{line}").startswith("builder: Build it\n\nIssuewright-Run: acme--tally--7\n")


def test_our_own_trailers_stay() -> None:
    opening = e.GateOpening(gate="merge", round=1, subject=s.subject())
    shown = e.GateOpened(gate="merge", round=1, comment_id=5, shown_at=s.at(100))
    approved = e.Approved(gate="merge", round=1, by=s.MONA, head=s.ONE, given_at=s.at(110))
    done = e.AttemptFinished(stage="builder", number=1, status=AgentStatus.OK, commit=s.ONE, parent=s.BASE)
    title, message = commit_texts(s.run_of(s.attempt(), done, OPENED, opening, shown, approved))
    assert title == "Add a health check (#8)"
    assert message == "Closes #7.\n\nIssuewright-Run: acme--tally--7\nIssuewright-Cost-USD: 0.0000\nApproved-by: @mona"
    assert re.search(r"(?m)^Issuewright-Journal: 2:[0-9a-f]{64}$", handoff("Build it"))


def test_words_that_order_nothing_stay_as_they_are() -> None:
    said = "Sum by month in C# (see a[0] and [ci]): step-by-step, issues/3 @ 50%\n\nNearby: #hash"
    assert f"\n\n{said}\n\n" in handoff(f"Add it\n\n{said}")


def test_a_long_title_is_cut_to_what_github_takes() -> None:
    title = pull_request_title(run_titled("Fix #1 " * 60))
    assert len(title) == 256
    assert title.endswith("…")
