"""Worlds to look at: what an observer might have seen at one moment of a run."""

from typing import Any

from bot.entrypoints.demo.home import BOT_LOGIN
from bot.entrypoints.demo.world import AgentCall, Comment, Commit, Pull, Review, World

RUN = "acme--tally--1"


def world(**parts: Any) -> World:
    """An open issue, and whatever else is given."""
    return World(**{"issue_state": "open", "labels": ("spec",), **parts})


def pull(**parts: Any) -> Pull:
    """An open draft."""
    usual = {
        "number": 2,
        "url": "http://hub/acme/tally/pull/2",
        "state": "open",
        "draft": True,
        "merged": False,
        "head": "c0ffee0" * 5,
        "branch": "issuewright/1-summarise",
        "merge_commit": None,
    }
    return Pull.model_validate({**usual, **parts})


def comment(id: int, body: str, login: str = BOT_LOGIN, number: int = 2) -> Comment:
    """A comment by the bot, on the pull request."""
    return Comment(id=id, number=number, login=login, body=body, url=f"http://hub/acme/tally/pull/2#{id}")


def gate(id: int, round: int, name: str = "merge", login: str = BOT_LOGIN) -> Comment:
    """The comment that opens a gate."""
    return comment(id, f"<!-- issuewright:{RUN}:gate:{name}:{round} -->\n### Please decide", login)


def review(id: int, state: str, body: str) -> Review:
    """A review by the maintainer."""
    return Review(id=id, login="maintainer", state=state, body=body, url="http://hub/acme/tally/pull/2#r1")


def commit(stage: str, attempt: int, cost: float, sha: str = "c0ffee0" * 5) -> Commit:
    """A handoff."""
    message = (
        f"Add a summary\n\nIssuewright-Run: {RUN}\nIssuewright-Stage: {stage}\n"
        f"Issuewright-Attempt: {attempt}\nIssuewright-Journal: 7:abcdef\n"
        f"Issuewright-Agent: scripted\nIssuewright-Cost-USD: {cost}\n"
    )
    return Commit(sha=sha, message=message)


def call(stage: str, number: int) -> AgentCall:
    """An agent start."""
    return AgentCall(attempt=f"{RUN}.{stage}.{number}", stage=stage, number=number, agent="scripted")
