"""What a day may cost: set aside before an attempt, replaced by its real cost after it, each once."""

from bot.domain.entries import AttemptFinished
from bot.domain.moves import StartAttempt
from bot.domain.verdicts import Verdict
from tests.workflows.books import RUN, Books
from workflows import budgets


def spent(books: Books) -> float:
    """What is spent or set aside today."""
    ((usd,),) = books.query("SELECT usd FROM budgets")
    assert isinstance(usd, float)
    return usd


def test_what_was_set_aside_is_settled_once(books: Books) -> None:
    books.starts()
    assert isinstance(books.journal.claim_next_move(RUN, "a driver"), StartAttempt)
    assert spent(books) > 0.25, "that is what it will cost"
    books.ends(1, None, Verdict.fail("tests", "3 of 41 failed"))
    assert spent(books) == 0.25
    run, end = books.run(), books.journal.records(RUN)[-1].entry
    assert isinstance(end, AttemptFinished)
    with books.database.write() as connection:
        budgets.settle(connection, run, end)
    assert spent(books) == 0.25
    assert books.query("SELECT settled_usd FROM reservations") == [(0.25,)]


def test_an_attempt_for_which_nothing_was_set_aside_settles_nothing(books: Books) -> None:
    books.starts()
    assert isinstance(books.journal.claim_next_move(RUN, "a driver"), StartAttempt)
    before = spent(books)
    run = books.run()
    other = AttemptFinished.model_validate({"stage": "builder", "number": 2, "status": "ok", "cost_usd": 0.5})
    with books.database.write() as connection:
        budgets.settle(connection, run, other)
    assert spent(books) == before
