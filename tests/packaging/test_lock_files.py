"""The pins: complete, hashed, and naming neither a place to download from nor this machine."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK_FILES = ("build", "runtime", "dev")
ENTRY = re.compile(r"(?P<requirement>[^\\]+?)(?P<hashes>( --hash=sha256:[0-9a-f]{64})+)\Z")


def lock_lines(name: str) -> Iterator[str]:
    """The logical lines of a lock file, continuations joined."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    for line in re.sub(r" \\\n +", " ", text).splitlines():
        if line.strip():
            yield line


def pins(name: str) -> dict[str, Requirement]:
    """Each pinned distribution by its canonical name."""
    found = {}
    for line in lock_lines(name):
        match = ENTRY.match(line)
        assert match, f"requirements/{name}.txt: not a pin with hashes: {line}"
        requirement = Requirement(match["requirement"].strip())
        found[str(canonicalize_name(requirement.name))] = requirement
    return found


def declared() -> dict[str, list[Requirement]]:
    """What pyproject.toml asks for, by the lock file that must have it."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    runtime, build, dev = (
        [Requirement(text) for text in texts]
        for texts in (project["project"]["dependencies"], groups["build"], groups["dev"])
    )
    return {"runtime": runtime, "build": build, "dev": runtime + build + dev}


@pytest.mark.parametrize("name", LOCK_FILES)
def test_every_line_is_an_exact_pin_with_hashes(name: str) -> None:
    for requirement in pins(name).values():
        assert [part.operator for part in requirement.specifier] == ["=="], requirement
        assert requirement.url is None


@pytest.mark.parametrize("name", LOCK_FILES)
def test_no_line_names_a_host_a_path_or_an_option(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    without_hashes = re.sub(r"--hash=sha256:[0-9a-f]{64}", "", text)
    assert re.findall(r"://|/|^ *-|@|#", without_hashes, re.MULTILINE) == []


@pytest.mark.parametrize("name", LOCK_FILES)
def test_pins_cover_what_pyproject_declares(name: str) -> None:
    locked = pins(name)
    for requirement in declared()[name]:
        pin = locked.get(str(canonicalize_name(requirement.name)))
        assert pin is not None, f"{requirement} is not in requirements/{name}.txt: make lock"
        (exact,) = pin.specifier
        assert requirement.specifier.contains(exact.version), f"{pin} is outside {requirement}: make lock"


@pytest.mark.parametrize("name", ["build", "runtime"])
def test_all_lock_files_agree(name: str) -> None:
    everything = pins("dev")
    for distribution, pin in pins(name).items():
        assert everything[distribution].specifier == pin.specifier


def test_these_tests_run_on_the_pinned_versions() -> None:
    for distribution, pin in pins("dev").items():
        if pin.marker is None or pin.marker.evaluate():
            assert pin.specifier.contains(version(distribution)), f"{pin} is pinned; run: make env"
