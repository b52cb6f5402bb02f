"""The SELECTs that the documentation offers to operators work on both databases."""

import re
from pathlib import Path

from tests.workflows.books import Books

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "queries.md"
SELECTS = re.findall(r"```sql\n(.*?);\n```", PAGE.read_text(), re.DOTALL)


def test_every_select_of_the_page_works(books: Books) -> None:
    books.starts()
    books.tries(1)
    assert len(SELECTS) >= 15
    answers = [books.query(select) for select in SELECTS]
    assert sum(bool(rows) for rows in answers) >= 4, "they find what is there"
