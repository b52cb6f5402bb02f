"""What a list does not show yet is waited for, and not for longer than it can be missing."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from bot.domain import entries as e
from bot.domain.agents import AgentStatus, Finding
from bot.domain.events import ReviewSubmitted
from bot.domain.forge import Review, ReviewState
from bot.domain.permissions import Permission
from tests.domain import samples as s
from workflows import gather
from workflows.services import Services

AT_WORK = (s.attempt(),)
AT_GATE = (
    *AT_WORK,
    e.AttemptFinished(stage="builder", number=1, status=AgentStatus.OK, commit=s.ONE, parent=s.BASE),
    e.PullRequestOpened(number=s.PULL.number, node_id="PR_8"),
    e.GateOpening(gate="merge", round=1, subject=s.subject()),
    e.GateOpened(gate="merge", round=1, comment_id=5, shown_at=s.at(50)),
)
REMARK = Finding(message="Say `well`", path="app/health.py", line=2)


class Reviewed:
    """A repository whose list of a review's comments shows nothing at the first looks."""

    def __init__(self, empty_looks: int, permission: Permission = Permission.WRITE) -> None:
        self.looks = 0
        self._empty_looks = empty_looks
        self._permission = permission

    def permission(self, login: str) -> Permission:
        assert login == s.MONA.login
        return self._permission

    def reviews(self, number: int) -> list[Review]:
        assert number == s.PULL.number
        return []

    def review_comments(self, number: int, review_id: int) -> list[Finding]:
        assert (number, review_id) == (s.PULL.number, 70)
        self.looks += 1
        return [REMARK] if self.looks > self._empty_looks else []


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits so far, none of which takes any time."""
    waits: list[float] = []
    monkeypatch.setattr("workflows.gather.time.sleep", waits.append)
    monkeypatch.setattr(gather, "now", lambda: s.at(100))
    return waits


def hears(
    repository: Reviewed,
    body: str,
    at: datetime,
    state: ReviewState = "CHANGES_REQUESTED",
    journal: tuple[e.Recorded, ...] = AT_GATE,
) -> tuple[Finding, ...]:
    """The line comments among the facts of a review that was submitted at that time."""
    review = Review(
        id=70, pull_number=s.PULL.number, author=s.MONA, state=state, body=body, commit_id=s.ONE, submitted_at=at
    )
    github = SimpleNamespace(bot=lambda: s.BOT, repository=lambda _: repository)
    services = cast(Services, SimpleNamespace(github=github))
    return gather.gather(services, ReviewSubmitted(pull=s.PULL, review=review), s.run_of(*journal)).line_comments


@pytest.mark.parametrize(("body", "empty_looks"), [("", 0), ("", 4), (" \n", 4), ("See there", 0), ("See there", 2)])
def test_what_a_new_review_says_of_lines_is_waited_for(waited: list[float], body: str, empty_looks: int) -> None:
    assert hears(Reviewed(empty_looks), body, s.at(99)) == (REMARK,)
    assert len(waited) == empty_looks


@pytest.mark.parametrize(("body", "at_least", "at_most"), [("", 10, 11), ("As I said", 1, 3)])
def test_what_does_not_come_is_not_waited_for_long(
    waited: list[float], body: str, at_least: float, at_most: float
) -> None:
    assert hears(Reviewed(100), body, s.at(99)) == ()
    assert at_least <= sum(waited) <= at_most


@pytest.mark.parametrize("body", ["", "See there"])
def test_an_old_review_is_looked_at_once(waited: list[float], body: str) -> None:
    repository = Reviewed(100)
    assert hears(repository, body, s.at(100) - timedelta(minutes=2)) == ()
    assert (repository.looks, waited) == (1, [])


def test_nobody_waits_for_what_does_not_count(waited: list[float]) -> None:
    stranger, approval, early = Reviewed(100, Permission.READ), Reviewed(100), Reviewed(100)
    assert hears(stranger, "", s.at(99)) == ()
    assert hears(approval, "", s.at(99), state="APPROVED") == ()
    assert hears(early, "", s.at(99), journal=AT_WORK) == (), "there is nothing to say no to yet"
    assert (stranger.looks, approval.looks, early.looks, waited) == (0, 0, 0, [])
