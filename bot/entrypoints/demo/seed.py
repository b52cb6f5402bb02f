"""What the demo begins with: people, a repository with the sample project, the App, the spec issue."""

import re
import secrets
from pathlib import Path
from typing import Any

import yaml

import bot
from bot.domain.agents import AgentSetting
from bot.domain.values import Value
from bot.entrypoints.demo import claude
from bot.entrypoints.demo.home import APP_ID, APP_SLUG, MAINTAINER, OWNER, REPORTER, Home, Record, write_private
from bot.entrypoints.demo.hub import Control, Person

CONFIG_FILE = ".github/issuewright.yml"


class Story(Value):
    """What the people of the demo say, from `templates/demo/story.yml`."""

    title: str
    body: str
    rejection: str
    plan_approval: str
    approval: str
    house_rules: str


def demo_templates() -> Path:
    """`templates/demo`, from the checkout or from inside the installed package."""
    package = Path(bot.__file__).resolve().parent
    for folder in (package / "templates" / "demo", package.parent / "templates" / "demo"):
        if folder.is_dir():
            return folder
    raise FileNotFoundError("templates/demo is missing from this installation")


def load_story() -> Story:
    """Read `templates/demo/story.yml`."""
    text = (demo_templates() / "story.yml").read_text(encoding="utf-8")
    return Story.model_validate(yaml.safe_load(text))


def project_files(house_rules: str | None = None, pipeline: str | None = None) -> dict[str, str]:
    """The sample project as path → text, with a CONTRIBUTING.md if there are house rules.

    `pipeline` is the one that its configuration then names; without, the default runs.
    """
    root = demo_templates() / "project"
    files = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(root.rglob("*"))
        # Whoever ran the tests in place left caches behind.
        if path.is_file() and not any(part.endswith(("_cache", "__pycache__")) for part in path.parts)
    }
    if house_rules is not None:
        files["CONTRIBUTING.md"] = house_rules
    if pipeline is not None:
        config = files[CONFIG_FILE]
        files[CONFIG_FILE] = re.sub(r"(?m)^version: .*$", lambda found: f"{found[0]}\npipeline: {pipeline}", config)
    return files


def team() -> dict[str, Any]:
    """The script of the demo's agents: a file of rules for each role."""
    files = sorted((demo_templates() / "team").glob("*.yml"))
    return {"roles": {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in files}}


def prepare(home: Home, record: Record, agent: str) -> str:
    """Write the service's settings, key and script; returns the App's public key. Before localhub runs."""
    write_private(home.script_file, yaml.safe_dump(team(), sort_keys=False, allow_unicode=True))
    own: dict[str, dict[str, AgentSetting]] = {"scripted": {"script": home.script_file.name}}
    if agent == "claude":
        own["claude"] = claude.settings(home)
    home.write_settings(record, secrets.token_hex(20), agent, own)
    return home.write_private_key()


def populate(home: Home, record: Record, public_key: str, files: dict[str, str]) -> None:
    """Tell localhub who there is, what they have, and whom it sends its webhooks to."""
    control = Control(record.hub_url)
    names = {OWNER: "Acme", MAINTAINER: "Mira Maintainer", REPORTER: "Rolf Reporter"}
    for login, token in record.tokens.items():
        control.post("/users", {"login": login, "name": names[login], "token": token})
    control.post(
        "/repositories",
        {
            "owner": record.owner,
            "name": record.name,
            "files": files,
            "description": "Add up a plain-text expense ledger",
        },
    )
    for login, role in ((MAINTAINER, "maintain"), (REPORTER, "read")):
        control.post(f"/repositories/{record.owner}/{record.name}/collaborators", {"login": login, "role_name": role})
    control.post(
        "/apps",
        {
            "app_id": APP_ID,
            "slug": APP_SLUG,
            "name": "Issuewright",
            "public_key": public_key,
            "webhook_url": record.webhook_url,
            "webhook_secret": home.webhook_secret(),
            "repositories": [f"{record.owner}/{record.name}"],
        },
    )


def open_issue(record: Record, story: Story) -> dict[str, Any]:
    """The reporter writes the spec and the maintainer, who may spend, labels it; returns GitHub's issue."""
    repository = f"/repos/{record.owner}/{record.name}"
    reporter = Person(record.api_url, REPORTER, record.tokens[REPORTER])
    issue: dict[str, Any] = reporter.post(f"{repository}/issues", {"title": story.title, "body": story.body})
    maintainer = Person(record.api_url, MAINTAINER, record.tokens[MAINTAINER])
    maintainer.post(f"{repository}/issues/{issue['number']}/labels", {"labels": ["spec"]})
    return issue
