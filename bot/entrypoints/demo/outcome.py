"""What the demo came to, counted from outside the service: localhub's log, agent calls, commits, comments."""

import base64
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from bot.domain.errors import UserError
from bot.domain.values import Value
from bot.entrypoints.demo.home import MAINTAINER, Home, Record
from bot.entrypoints.demo.seed import CONFIG_FILE
from bot.entrypoints.demo.world import World

_TEST_SECONDS = 300


class StageOutcome(Value):
    """One stage: how often it was tried, its last commit, what all of it cost, how long its agents worked."""

    stage: str
    attempts: int
    commit: str | None
    cost_usd: float
    seconds: float


class Outcome(Value):
    """The object that `--json` prints."""

    issue: int
    pull_request: int | None
    merged: bool
    stages: tuple[StageOutcome, ...]
    comments: int
    api_calls: int
    agent_calls: int
    wall_seconds: float
    urls: dict[str, str]


def count(home: Home, record: Record, world: World, requests: list[dict[str, Any]], wall_seconds: float) -> Outcome:
    """Put the figures together. `requests` is localhub's log; only the bot's API requests in it count."""
    assert record.issue is not None  # The driver opens the issue before it counts.
    web = f"{record.hub_url}/{record.owner}/{record.name}"
    urls = {"issue": f"{web}/issues/{record.issue}"}
    if world.pull:
        urls["pull_request"] = world.pull.url
    return Outcome(
        issue=record.issue,
        pull_request=world.pull.number if world.pull else None,
        merged=world.pull is not None and world.pull.merged,
        stages=stages(home, world),
        comments=sum(comment.is_from_bot for comment in world.comments),
        api_calls=sum(is_api_call(request) for request in requests),
        agent_calls=len(world.agent_calls),
        wall_seconds=round(wall_seconds, 2),
        urls=urls,
    )


def is_api_call(request: dict[str, Any]) -> bool:
    """Whether a line of localhub's log is an API request under the bot's credentials, reads included."""
    return request.get("as") in {"app", "installation"} and request.get("kind") in {"rest", "graphql"}


def stages(home: Home, world: World) -> tuple[StageOutcome, ...]:
    """The stages in the order in which they were first tried."""
    numbers: dict[str, set[int]] = {}
    for call in world.agent_calls:
        numbers.setdefault(call.stage, set()).add(call.number)
    answers = {call.attempt: read_answer(home, call.attempt) for call in world.agent_calls}
    commits = {commit.trailers["Stage"]: commit for commit in world.commits if "Stage" in commit.trailers}
    return tuple(
        StageOutcome(
            stage=stage,
            attempts=len(tried),
            commit=commits[stage].sha if stage in commits else None,
            cost_usd=round(sum(answers[key].cost_usd for key in _keys(world, stage)), 6),
            seconds=round(sum(answers[key].seconds for key in _keys(world, stage)), 3),
        )
        for stage, tried in numbers.items()
    )


def _keys(world: World, stage: str) -> set[str]:
    return {call.attempt for call in world.agent_calls if call.stage == stage}


class Answer(BaseModel):
    """What matters here of what an attempt's supervisor wrote about its end."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    cost_usd: float = 0.0
    seconds: float = 0.0


def read_answer(home: Home, attempt: str) -> Answer:
    """Cost and time of an attempt, refused ones too; zeros when its supervisor left nothing."""
    folder = home.attempts / attempt
    for name in ("answer.json", "result.json"):  # The second is there from the end of the agent on.
        try:
            written = json.loads((folder / name).read_bytes())
            return Answer.model_validate({**written.get("reported", {}), **written})
        except (OSError, ValueError):
            continue
    return Answer()


def check_merged_main(record: Record) -> int:
    """Clone the merged main and run the project's own tests in it, as its configuration says.

    Returns how many ran; raises UserError when they fail, or when none ran.
    """
    with tempfile.TemporaryDirectory(prefix="issuewright-demo-") as folder:
        clone = Path(folder, record.name)
        _clone(record, clone)
        config = yaml.safe_load((clone / CONFIG_FILE).read_text(encoding="utf-8"))
        argv = shlex.split(config["checks"]["tests"]["command"])
        if shutil.which(argv[0]) is None and argv[0].startswith("python"):
            argv[0] = sys.executable  # A machine may have nothing but `python3.12`.
        try:
            ran = subprocess.run(
                argv,
                cwd=clone,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_TEST_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UserError(f"The merged project's tests could not be run: {error}") from error
    report = ran.stdout + ran.stderr
    counted = re.search(r"(?m)^Ran (\d+) tests?\b", report)
    number = int(counted[1]) if counted else 0
    if ran.returncode != 0 or number == 0:
        raise UserError(f"The merged project's own tests do not pass ({number} ran):\n{report[-3000:]}")
    return number


def _clone(record: Record, target: Path) -> None:
    credentials = base64.b64encode(f"{MAINTAINER}:{record.tokens[MAINTAINER]}".encode()).decode()
    environment = {
        **os.environ,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": "1",  # In the environment, since an argument would show the token to everybody.
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {credentials}",
    }
    url = f"{record.hub_url}/{record.owner}/{record.name}.git"
    cloned = subprocess.run(
        ["git", "clone", "--quiet", "--depth", "1", url, str(target)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if cloned.returncode != 0:
        raise UserError(f"The merged main could not be cloned: {cloned.stderr.strip()}")
