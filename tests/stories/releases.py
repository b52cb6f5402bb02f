"""Other releases of the service, as trees of code: an older one out of git's history, a newer one made up."""

import shutil
import subprocess
from pathlib import Path
from typing import Literal

import pytest

from bot.domain.values import Value
from tests.support.nursery import ROOT

OLDER = "3dc29ee09164637f1c9c161ad4ef6f4232c15726"
"""A commit that has the architecture and the tables of this release, and works with the packages of today."""
OLDER_REVISION = "0002"
"""The newest schema that it knows. It refuses any other, as releases do no more."""

_KINDS = ROOT / "bot" / "domain" / "entries" / "__init__.py"


def older(folder: Path) -> Path:
    """The older release's tree; skips where git's history does not reach back to it."""
    if subprocess.run(["git", "cat-file", "-e", f"{OLDER}^{{commit}}"], cwd=ROOT, capture_output=True).returncode:
        pytest.skip("git's history is cut off here; get it: git fetch --unshallow")
    tree = folder / "older"
    tree.mkdir()
    archive = subprocess.run(["git", "archive", OLDER], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(tree)], input=archive, check=True)
    return tree


class MoonRose(Value):
    """A kind of entry that only `newer` knows."""

    kind: Literal["moon_rose"] = "moon_rose"
    version: Literal[1] = 1
    over: str = ""


_ADDED = """
class MoonRose(Value):
    kind: Literal["moon_rose"] = "moon_rose"
    version: Literal[1] = 1
    over: str = ""


Recorded = (
    MoonRose
    | RunStarted
"""


def newer(folder: Path) -> Path:
    """This release with one more kind of entry, `MoonRose`, which it can read and does nothing about."""
    tree = folder / "newer"
    for name in ("bot", "workflows", "templates"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    module = tree / _KINDS.relative_to(ROOT)
    text = module.read_text()
    for old, new in (
        ("\nRecorded = (\n    RunStarted\n", _ADDED),
        (
            "from typing import Annotated,",
            "from bot.domain.values import Value\nfrom typing import Literal, Annotated,",
        ),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    module.write_text(text)
    return tree
