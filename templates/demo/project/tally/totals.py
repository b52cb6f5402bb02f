"""Add entries up and print the sums."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tally.ledger import Entry


def by_category(entry: Entry) -> str:
    """The group of an entry when adding up by category."""
    return entry.category


def by_month(entry: Entry) -> str:
    """The group of an entry when adding up by month, as `2026-03`."""
    return entry.date.strftime("%Y-%m")


GROUPINGS = {"category": by_category, "month": by_month}


def totals(entries: Iterable[Entry], grouping: str = "category") -> dict[str, Decimal]:
    """The sum of each group, sorted by the group's name."""
    group_of = GROUPINGS[grouping]
    sums: dict[str, Decimal] = {}
    for entry in entries:
        group = group_of(entry)
        sums[group] = sums.get(group, Decimal(0)) + entry.amount
    return dict(sorted(sums.items()))


def render_totals(sums: dict[str, Decimal]) -> str:
    """One line a group and one for the total, amounts aligned to the right."""
    return render_rows([*sums.items(), ("total", sum(sums.values(), Decimal(0)))])


def render_rows(rows: list[tuple[str, Decimal]]) -> str:
    """Names to the left, amounts with two decimals to the right."""
    amounts = [f"{amount:.2f}" for _, amount in rows]
    name_width = max(len(name) for name, _ in rows)
    amount_width = max(len(amount) for amount in amounts)
    lines = (f"{name:<{name_width}}  {amount:>{amount_width}}" for (name, _), amount in zip(rows, amounts))
    return "\n".join(lines)
