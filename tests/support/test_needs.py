"""A skip names its way out, and fails where skips fail; there a failure is named at once, too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SKIPPING_TEST = """
from tests.support import needs

@needs.program("no-such-program", package="no-such-package")
def test_with_a_missing_program():
    raise AssertionError("must not run")
"""

SKIPPING_MODULE = """
import pytest
pytest.skip("no-such-library is missing; get it: pip install no-such-library", allow_module_level=True)
"""

FAILURE_IN_A_RUN_THAT_IS_ENDED = """
import os

def test_that_fails():
    assert False

def test_in_which_the_run_is_ended():
    os._exit(3)
"""


def run(folder: Path, test: str, **environment: str) -> tuple[int, str]:
    """The exit code and output of pytest on one file below this project's conftest."""
    (folder / "conftest.py").write_text("from tests.conftest import *\n")
    (folder / "test_sample.py").write_text(test)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", "-c", os.devnull, str(folder)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout


@pytest.mark.parametrize(
    ("test", "way_out"),
    [
        (SKIPPING_TEST, "no-such-program is missing; get it: apt-get install no-such-package"),
        (SKIPPING_MODULE, "no-such-library is missing; get it: pip install no-such-library"),
    ],
)
@pytest.mark.parametrize(
    ("environment", "fails"),
    [({}, False), ({"CI": "false"}, False), ({"CI": "true"}, True), ({"ISSUEWRIGHT_NO_SKIPS": "1"}, True)],
)
def test_a_skip_names_its_way_out_and_fails_in_ci(
    tmp_path: Path, test: str, way_out: str, environment: dict[str, str], fails: bool
) -> None:
    code, output = run(tmp_path, test, **environment)
    assert way_out in output
    assert (code not in (0, 5)) == fails
    assert ("did not run, and in CI a skip fails" in output) == fails


@pytest.mark.parametrize(("environment", "named"), [({"CI": "false"}, False), ({"CI": "true"}, True)])
def test_in_ci_a_failure_is_named_before_the_run_ends(tmp_path: Path, environment: dict[str, str], named: bool) -> None:
    code, output = run(tmp_path, FAILURE_IN_A_RUN_THAT_IS_ENDED, **environment)
    assert code == 3
    assert ("FAILED test_sample.py::test_that_fails (call, 0 s)" in output) == named
