"""What a user installs: one distribution, two import names, templates inside."""

import os
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the wheel's files, as an installation would lay them out."""
    target = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def tracked(folder: str) -> set[str]:
    """The committed files below `folder` of the checkout that are still there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", folder], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}


def test_every_template_is_inside_bot(unpacked: Path) -> None:
    templates = tracked("templates")
    assert templates
    assert [name for name in sorted(templates) if not (unpacked / "bot" / name).is_file()] == []


def test_every_module_is_inside(unpacked: Path) -> None:
    modules = tracked("bot") | tracked("workflows")
    assert [name for name in sorted(modules) if not (unpacked / name).is_file()] == []


def test_nothing_else_is_inside(unpacked: Path) -> None:
    assert {path.name for path in unpacked.iterdir() if not path.name.endswith(".dist-info")} == {
        "bot",
        "workflows",
    }


def test_both_packages_import_from_the_wheel_alone(unpacked: Path, tmp_path: Path) -> None:
    """Away from the checkout, and without its editable installation, whose path file `-S` leaves unread."""
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    script = (
        "import bot, workflows, bot.entrypoints.cli, importlib.resources as r\n"
        "print(bot.__file__, workflows.__file__, bot.entrypoints.cli.main.name,"
        " r.files('bot').joinpath('templates').is_dir(), sep='\\n')"
    )
    ran = subprocess.run(
        [sys.executable, "-S", "-P", "-W", "error::ImportWarning", "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": os.pathsep.join([str(unpacked), *libraries]), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    bot_file, workflows_file, command, has_templates = ran.stdout.split("\n")[:4]
    assert Path(bot_file).is_relative_to(unpacked)
    assert Path(workflows_file).is_relative_to(unpacked)
    assert (command, has_templates) == ("main", "True")


@pytest.mark.parametrize("name", ["bot", "workflows"])
def test_no_other_distribution_owns_our_import_names(name: str) -> None:
    """`bot` is a common word: a dependency that installs it too would overwrite or shadow ours."""
    assert set(packages_distributions().get(name, [])) <= {"issuewright"}


def test_no_installed_library_has_a_folder_of_our_name() -> None:
    """The same by looking: an installation may record its files carelessly."""
    site = Path(pytest.__file__).parents[1]
    found = [site / name for name in ("bot", "workflows", "bot.py", "workflows.py")]
    assert [path for path in found if path.exists()] == []
