"""kill -9 at every named point: afterwards the world is that of an undisturbed run, and nothing was paid twice."""

import re

import pytest

from tests.stories.conftest import NewWorld
from tests.stories.plots import PLOTS
from tests.stories.points import ELSEWHERE, POINTS, REPRESENTATIVE
from tests.stories.snapshot import difference, snapshot
from tests.stories.undisturbed import Undisturbed
from tests.support.nursery import ROOT

ALL = [(plot, point) for plot, points in POINTS.items() for point in points]
CHAINS = 12
"""Over how many runs the points of a plot are spread, where one run dies at several of them."""


def _marked(plot: str, point: str) -> object:
    marks = [] if point in REPRESENTATIVE else [pytest.mark.slow]
    return pytest.param(plot, point, id=point.replace(" ", "-"), marks=marks)


def _chains(plot: str, points: tuple[str, ...]) -> list[object]:
    """All points of a plot, so many a run that each still is met."""
    parts = [points[begin::CHAINS] for begin in range(CHAINS)]
    return [pytest.param(plot, part, id=f"{plot}-{n}".replace(" ", "-")) for n, part in enumerate(parts) if part]


@pytest.mark.parametrize(("plot", "point"), [_marked(plot, point) for plot, point in ALL])
def test_dying_there_changes_nothing(new_world: NewWorld, undisturbed: Undisturbed, plot: str, point: str) -> None:
    expected = undisturbed[plot]["world"]
    world = new_world("sqlite", config=PLOTS[plot].config)
    world.service.dies_at(point)
    world.start_service()
    issue = PLOTS[plot].play(world)
    assert world.service.deaths == [point]
    assert not difference(snapshot(world, issue), expected)


@pytest.mark.slow
@pytest.mark.parametrize(("plot", "points"), [chain for item in POINTS.items() for chain in _chains(*item)])
def test_dying_there_and_there_and_there_changes_nothing(
    new_world: NewWorld, undisturbed: Undisturbed, database: str, plot: str, points: tuple[str, ...]
) -> None:
    """One run, a death at each of these points."""
    expected = undisturbed[plot]["world"]
    world = new_world(database, config=PLOTS[plot].config)
    for point in points:
        world.service.dies_at(point)
    world.start_service()
    issue = PLOTS[plot].play(world)
    assert sorted(world.service.deaths) == sorted(points)
    assert not difference(snapshot(world, issue), expected)


@pytest.mark.slow
def test_no_point_is_forgotten(undisturbed: Undisturbed) -> None:
    """Every point that the plots pass is in the list, and every one in the list is passed by its plot."""
    passed = {plot: set(undisturbed[plot]["points"]) for plot in PLOTS}
    assert set().union(*passed.values()) == {point for _, point in ALL}
    assert all(point in passed[plot] for plot, point in ALL)


def test_no_failpoint_in_the_source_is_forgotten() -> None:
    """Whatever `reach(…)` names in the code is a point in the list."""
    named = [
        match.group(1)
        for file in sorted((ROOT / "workflows").glob("*.py"))
        for match in re.finditer(r"reach\(f?\"([^\"]+)\"\)", file.read_text())
    ]
    points = {point for _, point in ALL} | set(ELSEWHERE)
    assert named
    for name in named:
        pattern = re.sub(r"\\{.*?\\}", "[^.]+", re.escape(name))
        assert any(re.fullmatch(pattern, point) for point in points), f"no story dies at {name}"
