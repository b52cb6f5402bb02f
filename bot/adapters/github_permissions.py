"""What a token of the App may do: the least that the pipeline needs, and no more than the installation grants."""

from collections.abc import Mapping

from github import GithubException

from bot.adapters.github_errors import answer_text

# An App that holds more hands no more than this to a token.
NEEDED = {
    "checks": "write",
    "contents": "write",
    "deployments": "write",
    "issues": "write",
    "metadata": "read",
    "pull_requests": "write",
}
# Where a CI workflow deploys.
OPTIONAL = {"actions": "write"}
WANTED = NEEDED | OPTIONAL
_LEVELS = ("read", "write", "admin")


def are_not_granted(refused: GithubException) -> bool:
    """Whether GitHub refused a token because more was asked for than the installation grants."""
    return refused.status == 422 and "not granted" in answer_text(refused).lower()


def narrowed(granted: Mapping[str, str]) -> dict[str, str]:
    """What is wanted, as far as it is granted."""
    return {name: min(level, granted[name], key=_rank) for name, level in WANTED.items() if name in granted}


def lacking(granted: Mapping[str, str]) -> list[str]:
    """What the pipeline cannot do without and is not granted, as `checks: write`."""
    return [f"{name}: {level}" for name, level in NEEDED.items() if _rank(granted.get(name)) < _rank(level)]


def _rank(level: str | None) -> int:
    return _LEVELS.index(level) if level in _LEVELS else -1
