"""What the check runs and statuses on a commit come to."""

from enum import StrEnum

from bot.localhub.hub import Hub
from bot.localhub.records import Repo

_FINE = ("success", "neutral", "skipped")


class Outcome(StrEnum):
    """What one name, or everything on a commit, came to."""

    ABSENT = "absent"
    PENDING = "pending"
    FAILED = "failure"
    PASSED = "success"


def outcomes(hub: Hub, repo: Repo, sha: str) -> list[tuple[str, int | None, Outcome]]:
    """Name, App (None for a status) and outcome of each latest check run and status on a commit."""
    runs = hub.store.rows(
        "SELECT name, app_id, status, conclusion FROM check_runs WHERE id IN"
        " (SELECT max(id) FROM check_runs WHERE repo_id = ? AND head_sha = ? GROUP BY app_id, name) ORDER BY id",
        repo.id,
        sha,
    )
    statuses = hub.store.rows(
        "SELECT context, state FROM statuses WHERE id IN"
        " (SELECT max(id) FROM statuses WHERE repo_id = ? AND sha = ? GROUP BY context) ORDER BY id",
        repo.id,
        sha,
    )
    found: list[tuple[str, int | None, Outcome]] = []
    for run in runs:
        done = Outcome.PASSED if run["conclusion"] in _FINE else Outcome.FAILED
        found.append((run["name"], run["app_id"], done if run["status"] == "completed" else Outcome.PENDING))
    words = {"success": Outcome.PASSED, "pending": Outcome.PENDING}
    found += [(status["context"], None, words.get(status["state"], Outcome.FAILED)) for status in statuses]
    return found


def outcome_of(hub: Hub, repo: Repo, sha: str, context: str, app_id: int | None = None) -> Outcome:
    """What everything of that name came to; with `app_id`, only that App's word counts."""
    named = [outcome for name, app, outcome in outcomes(hub, repo, sha) if name == context and app_id in (None, app)]
    return _worst(named)


def rollup(hub: Hub, repo: Repo, sha: str) -> Outcome:
    """What all of it came to."""
    return _worst([outcome for _, _, outcome in outcomes(hub, repo, sha)])


def _worst(found: list[Outcome]) -> Outcome:
    for outcome in (Outcome.FAILED, Outcome.PENDING, Outcome.PASSED):
        if outcome in found:
            return outcome
    return Outcome.ABSENT
