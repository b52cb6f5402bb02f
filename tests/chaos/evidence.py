"""What is to be judged, gathered once for all runs: pull requests, deployments, and what the agents and the
deployments' command have noted themselves."""

import json
import re
from collections import defaultdict
from typing import Any

from tests.chaos.field import Field
from tests.chaos.people import Spec
from tests.chaos.project import deployed_file

Json = dict[str, Any]
_BRANCH = re.compile(r"issuewright/(\d+)-")
_RELEASE = re.compile(r"(\d+)\.")


class Evidence:
    """The world at one moment. `calls` are the agents that the supervisors have counted, `paid` those that say
    themselves that they were started, both as keys of attempts."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.world = field.world
        self.calls = self.world.agent_calls()
        self.paid = [str(line["attempt"]) for line in _lines(self.world.directory / "agents" / "paid.jsonl")]
        self._pulls: dict[int, list[Json]] = defaultdict(list)
        for pull in self.world.pages("/pulls?state=all&sort=created&direction=desc"):
            if found := _BRANCH.match(pull["head"]["ref"]):
                self._pulls[int(found[1])].append(pull)
        self._deployments = list(self.world.pages("/deployments?"))
        self._deployed: dict[int, list[Json]] = defaultdict(list)
        for line in _lines(deployed_file(self.world.directory)):
            if found := _RELEASE.match(line["release"]):
                self._deployed[int(found[1])].append(line)

    def pulls(self, spec: Spec) -> list[Json]:
        """The pull requests for the spec's issue."""
        return self._pulls[spec.issue.number]

    def deployments(self, spec: Spec) -> list[Json]:
        """The run's deployments, as GitHub has them."""
        return [each for each in self._deployments if each["description"].endswith(f" of {spec.run_id}")]

    def deployed(self, spec: Spec) -> list[Json]:
        """What was deployed for the run, as the command itself has noted it."""
        return self._deployed[spec.issue.number]


def _lines(file: Any) -> list[Json]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
