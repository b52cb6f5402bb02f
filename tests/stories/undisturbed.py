"""What each plot comes to when nothing dies and nothing is lost: played once a session."""

import fcntl
import json
import tempfile
from pathlib import Path
from typing import Any

from tests.stories.plots import PLOTS
from tests.stories.snapshot import snapshot
from tests.stories.world import World


class Undisturbed:
    """What each plot comes to by name, played by whichever worker needs it first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, name: str) -> dict[str, Any]:
        """`{"world": …, "points": […]}`, as JSON has them."""
        file = self._folder / f"{name}.json"
        with (self._folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not file.exists():
                file.write_text(json.dumps(self._play(name)))
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    def _play(self, name: str) -> dict[str, Any]:
        # Not where one that failed has left its files.
        world = World(Path(tempfile.mkdtemp(dir=self._folder)) / name, config=PLOTS[name].config)
        try:
            world.start_service()
            issue = PLOTS[name].play(world)
            return {"world": snapshot(world, issue), "points": world.service.points_reached()}
        finally:
            world.close()
