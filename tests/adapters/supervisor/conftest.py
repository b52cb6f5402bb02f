"""Every test of supervisors ends with the same question: is anything still running?"""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.adapters.supervisor.attempts import Attempts, until


@pytest.fixture
def attempts(tmp_path: Path) -> Iterator[Attempts]:
    """Attempts in a directory of their own. At the end none of their processes may be left."""
    attempts = Attempts(tmp_path.resolve())
    yield attempts
    try:
        until(lambda: not attempts.left_over(), 5)
    finally:
        for pid in attempts.left_over():
            psutil.Process(pid).kill()
