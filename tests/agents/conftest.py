"""A desk for each test; nothing may run there any more at its end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agents.desk import Desk, until
from tests.support.scripted_model import ScriptedModel


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with ScriptedModel(tmp_path / "model.jsonl") as model:
        desk = Desk(tmp_path.resolve(), model)
        yield desk
        until(lambda: not list(desk.left_over()), 10)
