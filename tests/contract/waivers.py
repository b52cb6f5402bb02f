"""Where we, localhub or GitHub itself knowingly differ from GitHub's description: the one list of exceptions.

A waiver that no recording needs any more fails a test, and so does a difference that nothing here explains.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tests.contract.description import Problem


@dataclass(frozen=True)
class Waiver:
    """Excuses the problems whose three parts fit these regular expressions; `why` is the reason."""

    where: str
    at: str
    fault: str
    why: str

    def covers(self, problem: Problem) -> bool:
        return all(
            re.fullmatch(wanted, found)
            for wanted, found in ((self.where, problem.where), (self.at, problem.at), (self.fault, problem.fault))
        )


WAIVERS = (
    Waiver(
        r"issues/(add|set)-labels request",
        r"",
        r"type",
        "PyGithub sends the bare array, which GitHub's own text at `labels` allows; the schema forgets it",
    ),
    Waiver(
        r"issues/list-events 200",
        r"/\*",
        r"unknown state_reason",
        "GitHub sends it with `closed` and `reopened`, as in the timeline, where it is described",
    ),
    Waiver(
        r"issue_comment\.\w+ webhook",
        r"/issue/user",
        r"unknown user_view_type",
        "GitHub sends it with every user; here the description has an older copy of one",
    ),
    Waiver(
        r"issue_comment\.\w+ webhook",
        r"/issue/performed_via_github_app",
        r"unknown client_id",
        "GitHub sends it with every App; here the description has an older copy of one",
    ),
    Waiver(
        r"deployment(_status)?\.created webhook",
        r"/deployment(_status)?/performed_via_github_app",
        r"unknown client_id",
        "GitHub sends it with every App; here the description has an older copy of one",
    ),
    Waiver(
        r"repos/(create|get|list)-deployment-status(es)? 20\d|deployment_status\.created webhook",
        r"(/\*|/deployment_status)?/(target_url|environment_url|log_url)",
        r"format",
        "an address that was not given is empty, which the description itself names as the default",
    ),
    Waiver(
        r"workflow_run\.in_progress webhook",
        r"/workflow_run(/actor|/triggering_actor|/repository/owner|/head_repository/owner)?",
        r"unknown (user_view_type|display_title)",
        "GitHub sends both; the description of the other two actions has them",
    ),
    Waiver(
        r"pull_request_review\.edited webhook",
        r"/pull_request/(head|base)/repo",
        r"unknown has_discussions web_commit_signoff_required",
        "GitHub sends both; the description of the other two actions has them",
    ),
    Waiver(
        r"push webhook",
        r"(/pusher|/commits/\*/author|/head_commit/author)/email",
        r"format",
        "the address of an App's bot has brackets: 10009+issuewright[bot]@users.noreply.github.com",
    ),
    Waiver(
        r"apps/list-installations 200",
        r"/\*/account",
        r"lacks (name|slug|created_at|updated_at)|unknown user_view_type",
        "here `account` must be a user and an enterprise at once (allOf); `apps/get-installation` has anyOf",
    ),
    Waiver(
        r"apps/list-installations 200",
        r"/\*",
        r"unknown client_id",
        "described for `apps/get-installation`, forgotten for the list of the same",
    ),
    Waiver(
        r"meta/get 200",
        r"",
        r"unknown installed_version",
        "a field of Enterprise Server, as which localhub introduces itself (/api/v3)",
    ),
    Waiver(
        r"GET /repos/[^/]+/[^/]+/git/refs",
        r"",
        r"operation not described",
        "GitHub serves the list of all refs, and PyGithub asks for it; only `matching-refs` is described",
    ),
    Waiver(
        r"actions/list-workflow-runs query",
        r"/created",
        r"format",
        "GitHub takes a range here, as its text says (`>=2026-01-02T03:04:05Z`); the schema has a moment",
    ),
    Waiver(
        r"[\w/-]+ (405|409|422)",
        r"",
        r"unknown status",
        "GitHub's errors carry their status as text; only one of the described error shapes has it",
    ),
)

ALWAYS_SENT = {
    "pull_request.unassigned": {"sender": "optional here alone; GitHub's text promises it in every payload"},
    "pull_request_review.submitted": {"review.submitted_at": "only a pending review has none"},
}
"""Fields that we need although their description lets them be absent: delivery, place and reason."""


def unexcused(problems: Iterable[Problem]) -> list[Problem]:
    """The problems that no waiver covers, each once."""
    return [problem for problem in dict.fromkeys(problems) if not any(waiver.covers(problem) for waiver in WAIVERS)]


def unused(problems: Iterable[Problem]) -> list[Waiver]:
    """The waivers that cover none of the problems."""
    found = list(problems)
    return [waiver for waiver in WAIVERS if not any(waiver.covers(problem) for problem in found)]
