"""What localhub recorded while it was used, and its judgement by GitHub's description."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.contract.description import Problem, github

Json = dict[str, Any]
REST = "/api/v3"


class Recording:
    """The entries of one file that a localhub wrote with `--record`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[Json] = [json.loads(line) for line in path.read_text().splitlines()]

    @property
    def exchanges(self) -> list[Json]:
        """Requests to the REST API with their answers."""
        return [entry for entry in self.entries if entry["kind"] == "exchange" and entry["path"].startswith(REST)]

    @property
    def deliveries(self) -> list[Json]:
        """Webhooks."""
        return [entry for entry in self.entries if entry["kind"] == "delivery"]

    def problems(self) -> Iterator[Problem]:
        """Everything that differs from GitHub's description."""
        for entry in self.exchanges:
            # People try what is refused; the bot never sends what GitHub cannot read.
            person = entry["login"] is not None and not entry["login"].endswith("[bot]")
            yield from github().exchange_problems(entry, wrong_on_purpose=person)
        for entry in self.deliveries:
            yield from github().webhook_problems(entry["headers"]["x-github-event"], entry["body"])
