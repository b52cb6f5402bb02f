"""The repository that a campaign's specs are for: its configuration, with pipelines and deployments of its own."""

import json
import sys
from pathlib import Path

from tests.chaos import deployer

SETTINGS = "reconcile_seconds = 3\nagents_per_repository = 4"

_CONFIG = """
budget:
  day_usd: 100000
artifacts: ref
deploy:
  build: ["true"]
  smoke: ["true"]
  preview: {{command: {preview}, health: {{command: ["true"]}}}}
  production: {{name: production, command: {production}, health: {{command: ["true"]}}}}
pipelines:
  short:
    name: short
    steps:
      - {{stage: builder, role: builder, checks: [tests], rounds: 2}}
      - {{gate: merge, rejects_to: builder}}
  patient:
    name: patient
    steps:
      - {{stage: builder, role: builder, checks: [tests]}}
      - {{gate: merge, rejects_to: builder, remind_after_hours: 0.0002}}
"""


def config(directory: Path) -> str:
    """The text of its `.github/issuewright.yml`, but for what every story has."""
    ways = {where: json.dumps(_deployer(directory, where)) for where in ("preview", "production")}
    return _CONFIG.format(**ways)


def deployed_file(directory: Path) -> Path:
    """Where the deployments' command notes each time that it runs."""
    return directory / "deployed.jsonl"


def _deployer(directory: Path, where: str) -> list[str]:
    return [sys.executable, "-B", deployer.__file__, str(deployed_file(directory)), where]
