"""A publisher that fails is repeated, and the more seldom the more often that has happened."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import cast

import pytest

from bot.domain.errors import ForgeError, NotFound, Rejected, Transient
from tests.domain import samples
from tests.workflows.books import RUN, Books
from workflows import publisher, sweep
from workflows.claims import Claim, Claims, Superseded
from workflows.journal import publishing_begins, publishing_failed
from workflows.runtime import connect_client
from workflows.services import Services
from workflows.wake import Waker


def services(books: Books) -> Services:
    waker = Waker(connect_client(books.database))
    parts = {"database": books.database, "journal": books.journal, "claims": Claims(books.database, "test")}
    return cast(Services, SimpleNamespace(**parts, waker=waker))


def awaited(books: Books) -> str | None:
    """The publisher that is to show the run."""
    return cast("str | None", books.query("SELECT publisher FROM runs")[0][0])


def fails(books: Books, seconds_ago: float) -> None:
    """Every publisher so far has failed, so long ago."""
    schema = "" if books.database.is_sqlite else "dbos."
    at = int((time.time() - seconds_ago) * 1000)
    failed = f"UPDATE {schema}workflow_status SET status = 'ERROR', updated_at = {at}"
    books.executes(f"{failed} WHERE workflow_uuid LIKE 'publish:%'")


def sent_again(books: Books) -> bool:
    """Whether the sweep has another publisher show the run."""
    run = books.journal.run(RUN)
    assert run is not None
    before = awaited(books)
    again = sweep._publisher_again(services(books), run, set())
    assert (awaited(books) != before) == bool(again)
    return bool(again)


@pytest.mark.parametrize(
    ("trouble", "raised"),
    [(Transient("GitHub is away"), pytest.raises(Transient)), (Superseded("other"), nullcontext())],
)
def test_a_run_that_could_not_be_shown_waits_to_be(
    launched: Books, monkeypatch: pytest.MonkeyPatch, trouble: Exception, raised: AbstractContextManager[object]
) -> None:
    def show(*_: object) -> None:
        raise trouble

    launched.starts()
    monkeypatch.setattr(publisher, "services", lambda: services(launched))
    monkeypatch.setattr(publisher, "_show", show)
    with raised:
        publisher.publish(RUN, f"publish:{RUN}:1")
    assert awaited(launched) == f"publish:{RUN}:1"


def test_whoever_fails_leaves_it_to_a_newer_one(books: Books) -> None:
    books.starts()
    publishing_failed(books.database, RUN, "publish:of-long-ago")
    assert awaited(books) == f"publish:{RUN}:1"


def test_who_is_not_awaited_any_more_leaves_it_to_the_newer_one(books: Books) -> None:
    books.starts()
    newest = f"publish:{RUN}:1"
    assert not publishing_begins(books.database, RUN, "publish:of-long-ago")
    assert awaited(books) == newest
    assert publishing_begins(books.database, RUN, newest)
    assert awaited(books) is None


def test_a_run_that_waits_or_is_over_is_shown_all_the_same(books: Books) -> None:
    books.starts()
    books.executes("UPDATE runs SET publisher = NULL, waiting_for = 'a person', is_open = FALSE")
    assert books.journal.unsettled_runs() == []
    publishing_failed(books.database, RUN, f"publish:{RUN}:1")
    assert books.journal.unsettled_runs() == [RUN]


def test_the_more_publishers_have_failed_the_longer_the_next_one_waits(launched: Books) -> None:
    launched.starts()
    fails(launched, seconds_ago=9)
    assert not sent_again(launched)
    fails(launched, seconds_ago=11)
    assert sent_again(launched)
    fails(launched, seconds_ago=19)
    assert not sent_again(launched)
    fails(launched, seconds_ago=21)
    assert sent_again(launched)
    launched.parks()
    assert sent_again(launched), "there is something new to show"


class Unshown:
    """A run's surfaces, of which some cannot be shown."""

    def __init__(self, **refusals: ForgeError) -> None:
        self.tried: list[str] = []
        self._refusals = refusals

    def __call__(self, *_: object) -> "Unshown":
        return self

    def __getattr__(self, surface: str) -> Callable[[], None]:
        def show() -> None:
            self.tried.append(surface)
            if surface in self._refusals:
                raise self._refusals[surface]

        return show


@pytest.mark.parametrize("status", [0, 301, 401, 403, 451])
def test_what_github_may_allow_later_is_a_failure_after_everything_else_was_tried(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    shown = Unshown(label=Rejected("suspended", status), status=NotFound("gone", 404))
    monkeypatch.setattr(publisher, "_Surfaces", shown)
    with pytest.raises(Rejected, match="suspended"):
        publisher.publish_surfaces(cast(Services, None), samples.run_of(), cast(Claim, None))
    assert shown.tried == ["label", "status", "stages", "check_run"]


@pytest.mark.parametrize("problem", [NotFound("gone", 404), NotFound("deleted", 410), Rejected("not so", 422)])
def test_what_stays_refused_ends(monkeypatch: pytest.MonkeyPatch, problem: ForgeError) -> None:
    shown = Unshown(label=problem, check_run=problem)
    monkeypatch.setattr(publisher, "_Surfaces", shown)
    publisher.publish_surfaces(cast(Services, None), samples.run_of(), cast(Claim, None))
    assert shown.tried == ["label", "status", "stages", "check_run"]
