"""`python -m tests.bench [--only NAME …] [--quick]`: measure, print a table, write bench/results.json."""

import argparse
import json
import sys
import tempfile
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.bench import edge, gates, git_work, latency, machine, soak, start_up, thinking, throughput
from tests.bench.figures import Figure
from tests.bench.setting import Setting
from tests.bench.table import show

GROUPS = {
    "edge": edge.measure,
    "latency": latency.measure,
    "git": git_work.measure,
    "gates": gates.measure,
    "thinking": thinking.measure,
    "start": start_up.measure,
    "throughput": throughput.measure,
    "soak": soak.measure,
}
RESULTS = Path(__file__).parents[2] / "bench" / "results.json"


def main(arguments: list[str]) -> int:
    """0 when everything could be measured, whether or not the targets are met."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=sorted(GROUPS), help="measure this group (repeatable)")
    parser.add_argument("--quick", action="store_true", help="few and small samples: does the bench itself work?")
    parser.add_argument("--database", choices=["sqlite", "postgres"], help="this database alone")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    chosen = parser.parse_args(arguments)
    console = Console(stderr=True)
    figures: list[Figure] = []
    failures: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="issuewright-bench-") as folder:
        directory = Path(folder)
        facts = {**machine.facts(), "fsync_ms": machine.fsync_ms(directory), "load_before": machine.load()}
        try:
            with Setting(directory, quick=chosen.quick, database=chosen.database) as setting:
                for name in chosen.only or GROUPS:
                    figures += _measured(console, name, setting, failures)
        except KeyboardInterrupt:
            # What is measured by then is worth having.
            failures["interrupted"] = "ended by Ctrl-C"
    results: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": chosen.quick,
        "machine": {**facts, "load_after": machine.load()},
        "figures": [figure.as_json() for figure in figures],
        "failures": failures,
    }
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    show(Console(width=None if sys.stdout.isatty() else 150), figures, results["machine"])
    return 1 if failures else 0


def _measured(console: Console, name: str, setting: Setting, failures: dict[str, str]) -> list[Figure]:
    """One group's figures; none, and the reason among the failures, when it could not be measured."""
    begun = time.monotonic()
    console.print(f"bench: {name} …", highlight=False)
    try:
        return GROUPS[name](setting)
    except Exception:
        # The other groups' figures are worth having all the same.
        failures[name] = traceback.format_exc()
        console.print(failures[name], markup=False, highlight=False)
        return []
    finally:
        console.print(f"bench: {name} took {time.monotonic() - begun:.0f} s", highlight=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
