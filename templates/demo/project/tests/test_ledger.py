"""Reading a ledger."""

import datetime
import unittest
from decimal import Decimal

from tally.ledger import Entry, LedgerError, parse


class ParseTest(unittest.TestCase):
    def test_a_line_is_date_category_amount_and_note(self):
        (entry,) = parse("2026-03-02 food 12.50 Lunch with the team")
        self.assertEqual(
            entry, Entry(datetime.date(2026, 3, 2), "food", Decimal("12.50"), "Lunch with the team")
        )

    def test_the_note_may_be_missing(self):
        (entry,) = parse("2026-03-09 food 7.25")
        self.assertEqual(entry.note, "")

    def test_comments_and_empty_lines_are_skipped(self):
        self.assertEqual(parse("# March\n\n   \n"), [])

    def test_an_error_names_the_line(self):
        cases = {
            "2026-03-02 food": "line 2: needs a date, a category and an amount",
            "02.03.2026 food 1.00": "line 2: not a date: 02.03.2026",
            "2026-03-02 food 1,00": "line 2: not an amount: 1,00",
            "2026-03-02 food NaN": "line 2: not an amount: NaN",
        }
        for line, message in cases.items():
            with self.subTest(line=line), self.assertRaises(LedgerError) as raised:
                parse("# a comment\n" + line)
            self.assertEqual(str(raised.exception), message)
