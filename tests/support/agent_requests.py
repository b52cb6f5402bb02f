"""What an agent is asked for, where a test does not care for most of it."""

from typing import Any

from bot.domain.agents import AgentRequest
from bot.domain.refs import AttemptRef, IssueRef, RepoRef


def agent_request(**asked: Any) -> AgentRequest:
    """The first attempt of a stage of the issue acme/tally#7, with these changes."""
    usual = {
        "attempt": AttemptRef(run_id="acme--tally--7", stage="builder", number=1),
        "issue": IssueRef(repo=RepoRef(owner="acme", name="tally"), number=7),
        "title": "A total",
        "role": "builder",
        "agent": "command",
        "prompt": "Build it.",
        "workspace": "/work",
    }
    return AgentRequest.model_validate({**usual, **asked})
