"""What the how-to pages show does what they say."""

import re

import yaml

from bot.domain.config import CONFIG_PATH, RepoConfig
from bot.domain.yaml_files import load_model
from tests.docs.reference import DOCS

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
