"""What people read: tables with rich on a terminal, plain columns elsewhere; and JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click

_WIDEST = 60


def print_json(value: object) -> None:
    """One JSON document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """Rows under their columns; nothing when there are none."""
    texts = [[clean(cell) for cell in row] for row in rows]
    if not texts:
        return
    if sys.stdout.isatty():
        _print_rich(columns, texts, title)
        return
    if title:
        click.echo(f"\n{title}")
    widths = [max(len(line[at]) for line in (columns, *texts)) for at in range(len(columns))]
    for line in (columns, *texts):
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """One line a fact; those without a value are left out."""
    told = [(name, clean(value)) for name, value in facts if value not in (None, "")]
    width = max((len(name) for name, _ in told), default=0)
    for name, value in told:
        label = click.style(f"{name:<{width}}", bold=True) if sys.stdout.isatty() else f"{name:<{width}}"
        click.echo(f"{label}  {value}")


def clean(value: object) -> str:
    """A value on one line. Titles and errors come from outside: no control character reaches the terminal."""
    text = " ".join(str("" if value is None else value).split())
    return "".join(character if character.isprintable() else "?" for character in text)


def short(text: str | None) -> str:
    """As much of a text as a table has room for."""
    line = clean(text)
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 1].rstrip()}…"


def ago(stamp: str | None) -> str:
    """How long ago a stored time was."""
    if not stamp:
        return ""
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds()
    except (ValueError, TypeError):
        return stamp
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def size(count: int | None) -> str:
    """Bytes for people."""
    if count is None:
        return ""
    amount, units = float(count), ["bytes", "KiB", "MiB", "GiB"]
    while amount >= 1024 and len(units) > 1:
        amount, units = amount / 1024, units[1:]
    return f"{amount:.0f} {units[0]}" if units[0] == "bytes" else f"{amount:.1f} {units[0]}"


def _print_rich(columns: Sequence[str], rows: list[list[str]], title: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # As Text, so that square brackets in a title are no markup.
        table.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(table)
