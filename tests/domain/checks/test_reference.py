"""The reference of the checks is what the code says now. `python -m tests.domain.checks.test_reference` writes it."""

import re
from pathlib import Path

from bot.domain.checks import names
from bot.domain.checks.reference import reference

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "checks.md"
HOW_TO = ROOT / "docs" / "how-to" / "add-a-check.md"


def test_the_reference_is_current() -> None:
    assert PAGE.read_text() == reference(), "run: .venv/bin/python -m tests.domain.checks.test_reference"


def test_the_reference_has_every_check_and_every_setting() -> None:
    assert tuple(re.findall(r"^## `(.+)`$", reference(), re.MULTILINE)) == names()
    assert "| `pass_threshold` | `0.95` |" in reference()
    assert "None" not in reference()


def test_the_check_in_the_how_to_works() -> None:
    (code,) = re.findall(r"```python\n# bot/domain/checks/conflicts_check.py\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    module: dict[str, object] = {}
    exec(code, module)
    from bot.domain.checks.base import WorkCheck
    from tests.domain.checks.works import text, work

    check = module["CHECK"]
    assert isinstance(check, WorkCheck)
    assert check.judge(work(text("a.py", "x = 1\n<<<<<<< ours")), check.settings()).refuses
    assert not check.judge(work(text("a.py", "x = 1 << 7")), check.settings()).refuses


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(reference())
