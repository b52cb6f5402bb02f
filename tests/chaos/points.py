"""The named failpoints, all armed in one world: whoever passes one for the first time dies there."""

from pathlib import Path
from typing import Literal

from tests.chaos.specs import FEW_KINDS, KINDS, Kind
from tests.stories.points import POINTS, REPRESENTATIVE
from tests.stories.service import FAILPOINTS

Choice = Literal["all", "few", "none"]


class Points:
    """The failpoints of a choice; `kinds` are the specs that pass them."""

    def __init__(self, choice: Choice) -> None:
        every = tuple(point for points in POINTS.values() for point in points)
        self.names: tuple[str, ...] = {"all": every, "few": REPRESENTATIVE, "none": ()}[choice]
        self.kinds: tuple[Kind, ...] = KINDS if choice == "all" else FEW_KINDS
        self._folder: Path | None = None

    def arm(self, directory: Path) -> None:
        """From now on the first one to pass each of them dies, in the service of that directory."""
        self._folder = directory / FAILPOINTS
        for name in self.names:
            self._file(name).write_text("0")

    def not_reached(self) -> list[str]:
        """The points at which nobody has died yet."""
        return [name for name in self.names if self._file(name).exists()]

    def disarm(self) -> None:
        """Nobody dies there any more. Ask before which were not reached."""
        for name in self.names:
            self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        assert self._folder is not None, "the points are not armed"
        return self._folder / name.replace("/", "_")
