"""How long a person waits for `issuewright --help`."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.figures import Figure, Target, interleaved
from tests.bench.setting import Setting

ROOT = Path(__file__).parents[2]


def measure(setting: Setting) -> list[Figure]:
    """A new process each time, beside one that does nothing and one that imports click alone."""
    measures = {
        "help": _runs([sys.executable, "-m", "bot.entrypoints.cli", "--help"]),
        "python": _runs([sys.executable, "-c", "pass"]),
        "click": _runs([sys.executable, "-c", "import click"]),
    }
    found = interleaved(setting.often(15, 2), measures)
    name = "issuewright --help"
    return [
        Figure("start", name, "ms", found["help"], "import click", found["click"], Target(400), "a new process"),
        Figure("start", f"{name}, to python", "ms", found["help"], "python -c pass", found["python"]),
    ]


def _runs(argv: list[str]) -> Callable[[], float]:
    def measured() -> float:
        begun = time.perf_counter()
        subprocess.run(argv, cwd=ROOT, check=True, capture_output=True)
        return (time.perf_counter() - begun) * 1000

    return measured
