"""The bench's table."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.figures import Figure


def show(console: Console, figures: Sequence[Figure], machine: dict[str, Any]) -> None:
    """Print the figures, and the machine they were measured on."""
    table = Table(title="Issuewright's bench", caption="medians; floors measured in the same run, taking turns")
    for heading in ("figure", "value", "floor", "", "ratio", "target", "met"):
        right = heading in ("value", "floor", "ratio")
        table.add_column(heading, justify="right" if right else "left", no_wrap=heading != "")
    group = ""
    for figure in figures:
        if figure.group != group:
            group = figure.group
            table.add_section()
        table.add_row(*_row(figure))
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), highlight=False)


def _row(figure: Figure) -> tuple[str, ...]:
    met = {True: "yes", False: "[bold red]no[/]", None: ""}[figure.is_met]
    floor = "" if figure.floor_value is None else f"{_number(figure.floor_value)} {figure.unit}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    value = f"{_number(figure.value)} {figure.unit}"
    return figure.name, value, floor, figure.floor, ratio, str(figure.target or ""), met


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
