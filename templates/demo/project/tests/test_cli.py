"""The command line, as a user calls it."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

from tally.cli import main


def run(ledger, *options):
    """Exit code, standard output and standard error of tally on a ledger with this text."""
    out, err = io.StringIO(), io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ledger.txt")
        path.write_text(ledger, encoding="utf-8")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*options, str(path)])
    return code, out.getvalue(), err.getvalue()


class CommandLineTest(unittest.TestCase):
    def test_totals_by_category(self):
        code, out, _ = run("2026-03-02 food 12.50\n2026-03-03 travel 48.00\n")
        self.assertEqual((code, out), (0, "food    12.50\ntravel  48.00\ntotal   60.50\n"))

    def test_totals_by_month(self):
        code, out, _ = run("2026-03-02 food 12.50\n2026-04-03 travel 48.00\n", "--by", "month")
        self.assertEqual((code, out), (0, "2026-03  12.50\n2026-04  48.00\ntotal    60.50\n"))

    def test_a_bad_line_is_an_error(self):
        code, out, err = run("yesterday food 1.00\n")
        self.assertEqual((code, out, err), (2, "", "tally: line 1: not a date: yesterday\n"))
