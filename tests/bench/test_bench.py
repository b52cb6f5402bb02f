"""The bench itself: in quick mode it measures something everywhere and writes JSON that can be read. No times here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import GROUPS
from tests.bench.figures import Figure, Target, percentile
from tests.bench.latency import union
from tests.support.nursery import ROOT


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("group", GROUPS)
def test_a_group_measures_and_writes_what_it_found(group: str, tmp_path: Path) -> None:
    output = tmp_path / "bench" / "results.json"
    words = [sys.executable, "-m", "tests.bench", "--only", group, "--quick", "--database", "sqlite"]
    done = subprocess.run([*words, "--output", str(output)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = json.loads(output.read_text())
    assert results["quick"] is True
    assert results["machine"]["cores"] >= 1
    assert results["failures"] == {}
    assert results["figures"]
    for figure in results["figures"]:
        assert figure["samples"]
        assert figure["name"] in done.stdout
        assert figure["floor_samples"] or not figure["floor"]


def test_a_figure_is_held_against_its_target() -> None:
    slow = Figure("edge", "requests", "req/s", [50.0, 80.0, 70.0], "bare", [100.0], Target(0.9, "least", "ratio"))
    assert slow.value == 70.0
    assert slow.ratio == pytest.approx(0.7)
    assert slow.is_met is False
    assert Figure("edge", "p99", "ms", [99.0], target=Target(100)).is_met is True
    assert Figure("edge", "p99", "ms", [101.0], target=Target(100)).is_met is False
    assert Figure("edge", "requests", "req/s", [1.0], target=Target(1, of="ratio")).is_met is None
    assert Figure("edge", "requests", "req/s", [1.0]).is_met is None


def test_percentiles_are_samples() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([float(number) for number in range(1, 101)], 0.99) == 99.0
    assert percentile([5.0], 0.99) == 5.0


def test_time_that_two_share_counts_once() -> None:
    assert union([(0.0, 2.0), (1.0, 3.0), (5.0, 6.0), (5.2, 5.5)]) == pytest.approx(4.0)
    assert union([]) == 0.0
