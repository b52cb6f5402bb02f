"""The command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tally.ledger import LedgerError, parse
from tally.totals import GROUPINGS, render_totals, totals


def main(argv: Sequence[str] | None = None) -> int:
    """Print what was asked for; 0, or 2 when the ledger cannot be read."""
    options = _parser().parse_args(argv)
    try:
        text = sys.stdin.read() if options.ledger == "-" else Path(options.ledger).read_text(encoding="utf-8")
        entries = parse(text)
    except (OSError, LedgerError) as error:
        print(f"tally: {error}", file=sys.stderr)
        return 2
    print(render_totals(totals(entries, options.by)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tally", description="Add up a plain-text expense ledger.")
    parser.add_argument("ledger", help="the ledger's file, or - for standard input")
    parser.add_argument("--by", choices=sorted(GROUPINGS), default="category", help="what to add up by")
    return parser
