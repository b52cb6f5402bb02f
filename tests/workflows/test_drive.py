"""A move that comes to nothing is not made for ever."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from bot.domain.next_moves import next_moves
from tests.workflows.books import RUN, Books
from workflows import drive
from workflows.services import Services


def test_a_move_that_has_changed_nothing_has_failed(books: Books, tmp_path: Path) -> None:
    """The sweep counts that, and asks a person; what was overtaken by other news has not failed."""
    books.starts()
    here = cast(Services, SimpleNamespace(journal=books.journal))
    (move,) = next_moves(books.run())
    with pytest.raises(RuntimeError, match="it has changed nothing"):
        drive._goes_on(here, RUN, move)
    books.tries(commit="c" * 40)
    drive._goes_on(here, RUN, move)
    drive._goes_on(here, "acme--tally--99", move)
