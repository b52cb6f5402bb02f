"""A publisher that was overtaken changes nothing on GitHub any more, and notes nothing: the newer one does both."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from bot.adapters.templates import Templates
from bot.domain.decisions import Start
from bot.domain.entries import CommandAccepted, PullRequestOpened, RunFinished
from bot.domain.events import IssueLabelled
from bot.domain.forge import CheckRunReport, Label
from bot.domain.rendering import LABELS
from tests.domain.samples import ISSUE, MONA, PULL, at, facts, start_facts
from tests.workflows.books import RUN, Books
from workflows.claims import Claim, Claims, Superseded
from workflows.effects import Effects
from workflows.publisher import IN_DOUBT, _digest, _Surfaces, now_shows
from workflows.services import Services

pytestmark = pytest.mark.parametrize("books", ["sqlite"], indirect=True)


class Page:
    """What GitHub would show, by what it was asked; something may happen while it answers."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def repository(self, _: object) -> "Page":
        return self

    def _answers(self, what: str) -> int:
        self.asked.append(what)
        self.meanwhile()
        return len(self.asked)

    def create_comment(self, number: int, body: str) -> object:
        return SimpleNamespace(id=self._answers("a comment"))

    def edit_comment(self, comment_id: int, body: str) -> None:
        self._answers(f"comment {comment_id} edited")

    def create_check_run(self, report: CheckRunReport) -> int:
        return self._answers("a check run")

    def update_check_run(self, check_run_id: int, report: CheckRunReport) -> None:
        self._answers(f"check run {check_run_id} updated")

    def add_labels(self, number: int, labels: list[str]) -> None:
        self._answers(f"put {labels}")


class Desk:
    """A publisher's desk: the books, the page, and whoever sits there."""

    def __init__(self, books: Books) -> None:
        self.books, self.page = books, Page()
        parts = {
            "database": books.database,
            "journal": books.journal,
            "effects": Effects(books.database),
            "github": self.page,
            "web_url": "https://github.com",
            "templates": Templates(),
        }
        self._services = cast(Services, SimpleNamespace(**parts))
        self._claim = self._takes()

    def _takes(self) -> Claim:
        return Claims(self.books.database, "test").take("run")

    def is_overtaken(self) -> None:
        self._takes()

    def surfaces(self, run_id: str = RUN) -> _Surfaces:
        """The run's surfaces, in the hands of who sat here first."""
        return _Surfaces(self._services, self.books.run(run_id), self._claim)

    def shown(self, surface: str, run_id: str = RUN) -> str | None:
        """The digest of what is noted of a surface."""
        return self.surfaces(run_id)._shown(surface)


@pytest.fixture
def desk(books: Books) -> Desk:
    made = Desk(books)
    books.starts()
    return made


def with_a_pull_request(books: Books) -> None:
    books.tries(1, commit="1" * 40)
    books.records(PullRequestOpened(number=PULL.number, node_id="PR_8"))


def test_no_comment_is_edited(desk: Desk) -> None:
    desk.surfaces().status()
    before = desk.shown("status")
    desk.books.parks()
    desk.is_overtaken()
    with pytest.raises(Superseded):
        desk.surfaces().status()
    assert desk.page.asked == ["a comment"]
    assert desk.shown("status") == before


def test_no_check_run_is_updated(desk: Desk) -> None:
    with_a_pull_request(desk.books)
    desk.books.parks()
    desk.surfaces().check_run()
    before = desk.shown(f"check:{'1' * 40}")
    desk.books.records(CommandAccepted(verb="cancel", by=MONA))
    desk.is_overtaken()
    with pytest.raises(Superseded):
        desk.surfaces().check_run()
    assert desk.page.asked == ["a check run"]
    assert desk.shown(f"check:{'1' * 40}") == before


def test_no_label_is_put(desk: Desk) -> None:
    desk.books.parks()
    desk.is_overtaken()
    with pytest.raises(Superseded):
        desk.surfaces().label()
    assert desk.page.asked == []
    assert desk.shown("label") is None


def test_a_label_that_was_put_while_another_took_over_stays_in_doubt(desk: Desk) -> None:
    desk.books.parks()
    desk.page.meanwhile = desk.is_overtaken
    with pytest.raises(Superseded):
        desk.surfaces().label()
    assert desk.page.asked == [f"put {[LABELS[1]]}"]
    assert desk.shown("label") == _digest(IN_DOUBT)


def test_a_label_of_an_earlier_run_is_not_taken_for_the_newer_ones(desk: Desk) -> None:
    desk.books.records(CommandAccepted(verb="cancel", by=MONA))
    desk.books.records(RunFinished(outcome="cancelled"))
    with desk.books.database.write() as connection:
        now_shows(connection, RUN, "label", "")
    label = Label(event_id=901, name="spec", actor=MONA, at=at(9))
    again = facts(start=start_facts(label=label, runs_before=1))
    decision = desk.books.journal.decide(IssueLabelled(issue=ISSUE, label="spec"), again, of=ISSUE)
    assert isinstance(decision, Start)
    second = decision.entry.run_id
    desk.is_overtaken()
    with pytest.raises(Superseded):
        desk.surfaces(second).label()
    assert desk.shown("label", second) is None
