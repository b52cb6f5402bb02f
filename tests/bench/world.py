"""A story's world for the bench: instant agents, a service that notes what it spends, and a watched request log."""

import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import httpx

from tests.localhub.harness import SECRET
from tests.stories.service import Service
from tests.stories.world import Issue, World
from tests.support.nursery import ROOT

AGENT = """#!/bin/sh
cat > /dev/null
echo "$$" > "work-$$.txt"
echo '{"status": "ok", "summary": "Write a file", "cost_usd": 0.001}' > "$ISSUEWRIGHT_RESULT"
"""
CONFIG = """\
budget: {run_usd: 10, day_usd: 1000000, attempt_usd: 0.01}
pipelines:
  bench:
    name: bench
    steps:
      - {stage: planner, role: builder}
      - {gate: plan, rejects_to: planner}
      - {stage: first, role: builder}
      - {stage: second, role: builder}
      - {stage: third, role: builder}
      - {gate: merge, rejects_to: first}
  bench-quick:
    name: bench-quick
    steps:
      - {stage: builder, role: builder}
      - {gate: merge, rejects_to: builder}
"""


class TracedService(Service):
    """A process of the service under `tests.bench.traced`."""

    @property
    def notes(self) -> Path:
        return self.directory / f"notes-{self.part}-{id(self)}.jsonl"

    def __init__(self, directory: Path, port: int, part: str = "serve") -> None:
        super().__init__(directory, port)
        self.part = part

    def spawn(self) -> None:
        words = ["tests.bench.traced", str(self.notes), self.part, "--dir", str(self.directory)]
        environment = {name: value for name, value in os.environ.items() if name != "ISSUEWRIGHT_FAILPOINTS"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=environment,
                start_new_session=True,
            )

    def noted(self) -> list[dict[str, Any]]:
        """Everything that was noted, oldest first."""
        text = self.notes.read_text() if self.notes.exists() else ""
        return [json.loads(line) for line in text.split("\n")[:-1]]


class BenchWorld(World):
    """A world whose agents are instant, and whose deliveries the bench can make itself."""

    def __init__(self, directory: Path, database_url: str, pipeline: str) -> None:
        super().__init__(directory, database_url, config=f"pipeline: {pipeline}\n{CONFIG}")
        self.service = TracedService(directory, self.service.port)
        self._use_the_shell_agent()
        self.log = RequestLog(directory / "localhub" / "requests.jsonl")
        self._http = httpx.Client(trust_env=False, timeout=30)

    def close(self) -> None:
        self.log.close()
        self._http.close()
        super().close()

    def holds_back(self, event: str, action: str) -> None:
        """Localhub records these deliveries, and leaves it to `delivers` to make them."""
        self.hub.control("POST", "/webhook-rules", {"event": event, "action": action, "do": "drop"})

    def delivers(self, event: str, action: str) -> float:
        """Make the newest such delivery; returns when its first byte was sent."""
        made = self.hub.control("GET", "/deliveries")
        newest = next(d for d in reversed(made) if (d["event"], d["action"]) == (event, action))
        payload = self.hub.control("GET", f"/deliveries/{newest['guid']}")["payload"]
        body = json.dumps(payload).encode()
        headers = {
            "content-type": "application/json",
            "x-github-event": event,
            "x-github-delivery": str(uuid.uuid4()),
            "x-hub-signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
        }
        begun = time.time()
        answer = self._http.post(f"http://127.0.0.1:{self.service.port}/webhook", content=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return begun

    def agent_started(self, run_id: str, stage: str) -> str | None:
        """When an attempt's agent was started, as the service's file has it."""
        file = self.directory / "agent-calls.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        calls = (json.loads(line) for line in lines)
        return next((c["at"] for c in calls if (c["run"], c["stage"]) == (run_id, stage)), None)

    def waits_for_open_gate(self, issue: Issue, gate: str) -> int:
        """Until a gate is shown to people and nothing else is under way; the pull request's number."""
        cause = f"gate:{gate}:1:opened"
        self.waits(f"gate {gate}", lambda: cause in [record.cause for record in self.journal(issue)])
        return int(self.pull_request(issue)["number"])

    def _use_the_shell_agent(self) -> None:
        agent = self.directory / "agent.sh"
        agent.write_text(AGENT)
        file = self.directory / "service.toml"
        lines = [line for line in file.read_text().splitlines() if not line.startswith("argv = ")]
        limits = ["agents_per_worker = 8", "agents_per_repository = 16"]
        text = "\n".join([*limits, *lines, f'argv = ["/bin/sh", {json.dumps(str(agent))}]'])
        file.write_text(text + "\n")


class RequestLog:
    """Localhub's log of requests, read as it grows: its own times are whole seconds."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: list[tuple[float, dict[str, Any]]] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()

    def seen(self, since: float) -> list[tuple[float, dict[str, Any]]]:
        """Requests that were answered since then, with the time at which that was seen."""
        return [(at, entry) for at, entry in list(self._seen) if at >= since]

    def _follow(self) -> None:
        offset = 0
        while not self._stopped.wait(0.004):
            if not self._file.exists():
                continue
            with self._file.open("rb") as file:
                file.seek(offset)
                data = file.read()
            whole, newline, _ = data.rpartition(b"\n")
            offset += len(whole) + len(newline)
            at = time.time()
            self._seen += [(at, json.loads(line)) for line in whole.splitlines() if line]
