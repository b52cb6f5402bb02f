"""What the how-to pages show does what they say."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

from bot.adapters.agents.program import Answer
from bot.adapters.agents.script import read_script
from bot.domain.config import CONFIG_PATH, RepoConfig
from bot.domain.yaml_files import load_model
from tests.docs.reference import DOCS
from tests.support.agent_requests import agent_request

HOW_TO = DOCS.parent / "how-to"


def example(page: str, language: str, first_line: str) -> str:
    """The code block of a page that begins with that line."""
    (code,) = re.findall(rf"```{language}\n({re.escape(first_line)}\n.*?)```", (HOW_TO / page).read_text(), re.DOTALL)
    return str(code)


def test_the_workflow_declares_what_is_sent_and_shows_the_key() -> None:
    workflow = yaml.safe_load(example("deploy-by-a-workflow.md", "yaml", "# .github/workflows/deploy-preview.yml"))
    triggers = workflow[True]  # YAML reads a bare `on` as true
    assert set(triggers["workflow_dispatch"]["inputs"]) == {"commit", "release", "issuewright"}
    assert "${{ inputs.issuewright }}" in workflow["run-name"]


def test_the_configuration_of_deployments_is_one() -> None:
    text = example("deploy-by-a-workflow.md", "yaml", "# .github/issuewright.yml")
    deploy = load_model(RepoConfig, text, CONFIG_PATH).deploy
    assert deploy.preview is not None and deploy.preview.workflow == "deploy-preview.yml"
    assert deploy.production is not None and deploy.production.name == "production"


def test_the_script_is_one() -> None:
    script = read_script(example("agents-without-a-model.md", "yaml", "# rehearsal.yml"))
    assert set(script.roles) == {"builder", "reviewer"}


def test_the_program_answers_what_is_asked(tmp_path: Path) -> None:
    code, folder = example("agents-without-a-model.md", "python", "# agent.py"), "specs/7-total"
    outputs = (f"{folder}/review.md",)
    request = agent_request(role="reviewer", workspace=str(tmp_path), outputs=outputs, judges=True)
    environment = {"ISSUEWRIGHT_RESULT": str(tmp_path / "result.json")}
    command = [sys.executable, "-c", code]
    subprocess.run(command, input=request.model_dump_json(), cwd=tmp_path, env=environment, text=True, check=True)
    answer = Answer.model_validate_json((tmp_path / "result.json").read_text())
    assert (answer.status, answer.opinion) == ("ok", "pass")
    assert (tmp_path / folder / "review.md").read_text().startswith("# A total")
