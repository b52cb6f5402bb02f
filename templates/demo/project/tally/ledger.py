"""Read a ledger: one expense a line, `DATE CATEGORY AMOUNT [NOTE]`."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation


class LedgerError(ValueError):
    """A line that cannot be read; the message names it and says why."""


@dataclass(frozen=True)
class Entry:
    """One expense. A negative amount is a refund."""

    date: datetime.date
    category: str
    amount: Decimal
    note: str = ""


def parse(text: str) -> list[Entry]:
    """All entries of a ledger in their order. Empty lines and `#` comments are skipped."""
    entries = []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if line and not line.startswith("#"):
            entries.append(_parse_line(line, number))
    return entries


def _parse_line(line: str, number: int) -> Entry:
    fields = line.split(maxsplit=3)
    if len(fields) < 3:
        raise LedgerError(f"line {number}: needs a date, a category and an amount")
    date, category, amount = fields[:3]
    note = fields[3] if len(fields) == 4 else ""
    return Entry(_parse_date(date, number), category, _parse_amount(amount, number), note)


def _parse_date(text: str, number: int) -> datetime.date:
    try:
        return datetime.datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise LedgerError(f"line {number}: not a date: {text}") from None


def _parse_amount(text: str, number: int) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise LedgerError(f"line {number}: not an amount: {text}") from None
    if not amount.is_finite():  # Decimal reads "NaN" and "Infinity" too.
        raise LedgerError(f"line {number}: not an amount: {text}")
    return amount
