"""Adding up."""

import unittest
from decimal import Decimal

from tally.ledger import parse
from tally.totals import render_totals, totals

LEDGER = """\
2026-03-02 food    12.50
2026-03-03 travel  48.00
2026-04-09 food     7.25
"""


class TotalsTest(unittest.TestCase):
    def test_by_category(self):
        self.assertEqual(totals(parse(LEDGER)), {"food": Decimal("19.75"), "travel": Decimal("48.00")})

    def test_by_month(self):
        sums = totals(parse(LEDGER), "month")
        self.assertEqual(sums, {"2026-03": Decimal("60.50"), "2026-04": Decimal("7.25")})

    def test_a_refund_lowers_the_total(self):
        self.assertEqual(
            totals(parse("2026-03-02 food 5.00\n2026-03-03 food -2.00")), {"food": Decimal("3.00")}
        )

    def test_amounts_are_aligned(self):
        self.assertEqual(render_totals(totals(parse(LEDGER))), "food    19.75\ntravel  48.00\ntotal   67.75")

    def test_an_empty_ledger_has_a_total_of_zero(self):
        self.assertEqual(render_totals(totals([])), "total  0.00")
