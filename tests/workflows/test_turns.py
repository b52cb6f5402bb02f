"""What one worker does for all of them is done by one at a time, and never left undone for long."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

from bot.domain.errors import Transient
from bot.domain.refs import RepoRef
from tests.workflows.books import Books
from workflows.clock import now, stamp
from workflows.reconciler import reconcile
from workflows.services import Services
from workflows.turns import Turns

HOUR = timedelta(hours=1)
TALLY, ABACUS = RepoRef(owner="acme", name="tally"), RepoRef(owner="acme", name="abacus")


def test_a_turn_is_given_once(books: Books) -> None:
    one, other = Turns(books.database, "one"), Turns(books.database, "other")
    assert one.take("reading", rested=HOUR)
    assert not other.take("reading", rested=HOUR)
    assert other.take("tidying", rested=HOUR), "another thing has turns of its own"
    began(books, HOUR)
    assert other.take("reading", rested=HOUR)
    assert not one.take("reading", rested=HOUR)


def test_whoever_comes_at_the_same_time_one_has_the_turn(books: Books) -> None:
    for _ in range(20):
        with ThreadPoolExecutor(4) as pool:
            turns = [Turns(books.database, f"worker-{n}") for n in range(4)]
            taken = list(pool.map(lambda each: each.take("reading", rested=HOUR), turns))
        assert taken.count(True) == 1
        began(books, HOUR)


def test_who_must_do_it_now_does_and_the_others_rest(books: Books) -> None:
    one, other = Turns(books.database, "one"), Turns(books.database, "other")
    assert one.take("reading", rested=HOUR)
    assert other.take("reading", rested=timedelta())
    assert not one.take("reading", rested=HOUR)


def test_a_turn_that_was_given_back_is_anybodys(books: Books) -> None:
    one, other = Turns(books.database, "one"), Turns(books.database, "other")
    assert one.take("reading", rested=HOUR)
    other.give_back("reading")
    assert not other.take("reading", rested=HOUR), "it was not the other's to give"
    one.give_back("reading")
    assert other.take("reading", rested=HOUR)


def test_a_turn_that_was_taken_before_the_clock_was_put_back_holds_up_nobody(books: Books) -> None:
    turns = Turns(books.database, "one")
    assert turns.take("reading", rested=HOUR)
    began(books, -timedelta(minutes=1))
    assert not turns.take("reading", rested=HOUR), "clocks of workers may differ a little"
    began(books, -timedelta(days=1))
    assert turns.take("reading", rested=HOUR)


def test_who_cannot_read_a_repository_leaves_it_to_others(books: Books) -> None:
    """Each is tried, and none of them is held from whoever can."""
    asked: list[int] = []

    def bot() -> None:
        asked.append(1)
        raise Transient("GitHub does not answer")

    cut_off = SimpleNamespace(repositories=(TALLY, ABACUS), github=SimpleNamespace(bot=bot), database=books.database)
    turns = Turns(books.database, "cut off")
    assert reconcile(cast(Services, cut_off), turns=turns, rested=HOUR) == 0
    assert len(asked) == 2
    assert all(Turns(books.database, "other").take(f"reading {repo}", rested=HOUR) for repo in (TALLY, ABACUS))
    assert reconcile(cast(Services, cut_off), turns=turns, rested=HOUR) == 0
    assert len(asked) == 2, "it is another's turn"


def began(books: Books, ago: timedelta) -> None:
    """So long ago each turn was taken, by its worker's clock."""
    books.executes(f"UPDATE claims SET claimed_at = '{stamp(now() - ago)}'")
