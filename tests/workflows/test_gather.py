"""The facts of a push: GitHub may tell of our own before whoever pushed has said so."""

from types import SimpleNamespace
from typing import cast

from bot.domain.accept import accept
from bot.domain.decisions import Accepted, Ignored
from bot.domain.entries import AttemptStarted, HeadMoved, PullRequestOpened
from bot.domain.events import PullRequestChanged
from bot.domain.facts import Facts
from tests.domain.samples import BASE, BOT, ONE, PULL, TWO, pull
from tests.workflows.books import RUN, Books
from workflows.attempt_keys import push_key, tidying_key
from workflows.effects import Effects
from workflows.gather import gather
from workflows.services import Services

PUSHED = PullRequestChanged(pull=PULL, by=BOT)


def facts_of_a_push(books: Books, head: str) -> Facts:
    """What is known when GitHub shows that head."""
    repository = SimpleNamespace(pull_request=lambda number: pull(head), branch_head=lambda branch: head)
    github = SimpleNamespace(bot=lambda: BOT, repository=lambda repo: repository)
    services = cast(Services, SimpleNamespace(github=github, effects=Effects(books.database)))
    return gather(services, PUSHED, books.run())


def is_taken_for_anothers(books: Books, head: str) -> bool:
    """Whether the head counts as moved by somebody else."""
    decision = accept(books.run(), PUSHED, facts_of_a_push(books, head))
    if isinstance(decision, Ignored):
        return False
    assert isinstance(decision, Accepted)
    assert decision.entry == HeadMoved(head=head, by=BOT)
    return True


def test_what_an_attempt_is_pushing_is_our_own(books: Books) -> None:
    books.starts()
    books.tries(1, commit=ONE)
    books.records(PullRequestOpened(number=PULL.number, node_id="PR_8"))
    books.records(AttemptStarted(stage="builder", number=2, start_commit=ONE))
    assert is_taken_for_anothers(books, TWO)
    books.intends_to_push(f"{push_key(RUN, 'builder', 1)}:{TWO}", TWO)
    assert is_taken_for_anothers(books, TWO), "that attempt is over"
    books.intends_to_push(f"{push_key(RUN, 'builder', 2)}:{TWO}", TWO)
    assert facts_of_a_push(books, TWO).head_is_ours
    assert not is_taken_for_anothers(books, TWO)
    assert is_taken_for_anothers(books, BASE), "somebody was faster"


def test_what_is_pushed_to_tidy_up_is_our_own(books: Books) -> None:
    books.starts()
    books.tries(1, commit=ONE)
    books.records(PullRequestOpened(number=PULL.number, node_id="PR_8"))
    assert is_taken_for_anothers(books, TWO)
    books.intends_to_push(f"{RUN}:{tidying_key(books.run())}", TWO)
    assert not is_taken_for_anothers(books, TWO)
    assert is_taken_for_anothers(books, BASE), "somebody was faster"
