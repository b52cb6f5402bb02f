"""The demo's team as a model: what its script has each role do, said to a real agent in tool calls.

Whichever rule the agent `scripted` would play for an attempt, the model has the real agent play: read the files
that are there, write them as the rule leaves them, hand in what the rule says.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.adapters.agents import scripted_player
from bot.adapters.agents.script import read_script
from bot.entrypoints.demo.home import Home
from tests.support.scripted_model import Turn, Usage, hands_in, says, uses

Json = dict[str, Any]


class Team:
    """Plays the script of the demo in `home`; an instance is what `ScriptedModel.improvises` wants."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def __call__(self, workspace: Path) -> Sequence[Turn]:
        """The turns of one conversation, the one that works in `workspace`."""
        request = self._request(workspace)
        for rule in read_script(str(self._home.script_file)).roles.get(request["role"], ()):
            raw = rule.model_dump()
            matched = scripted_player.fits(raw["when"], request, workspace)
            if matched is not None:
                return turns(raw, request, workspace, matched)
        return [says(scripted_player.no_rule(request, 0))]

    def _request(self, workspace: Path) -> Json:
        """What the attempt was asked that works there; the newest, should there be several."""
        files = sorted(self._home.attempts.glob("*/request.json"), key=lambda file: file.stat().st_mtime, reverse=True)
        requests: list[Json] = [json.loads(file.read_text()) for file in files]
        return next(r for r in requests if Path(r["workspace"]).resolve() == workspace.resolve())


def turns(rule: Json, request: Json, workspace: Path, matched: list[Json]) -> Sequence[Turn]:
    """A rule as answers of a model."""
    usage = Usage(new=rule["tokens"]["input"] or 100, output=rule["tokens"]["output"] or 20)
    if rule["fails"] is not None:
        return [Turn(text=scripted_player.filled(rule["fails"], request, matched), usage=usage)]
    files = changed(rule, request, workspace)
    answers = []
    there = [path for path in files if path.exists()]
    if there:
        answers.append(Turn(tools=tuple(("Read", {"file_path": str(path)}) for path in there)))
    if files:
        written = tuple(("Write", {"file_path": str(path), "content": text}) for path, text in files.items())
        answers.append(Turn(text="I write what is asked for.", tools=written, usage=usage))
    for path in rule["deletes"]:
        file = scripted_player.inside(workspace, path, request)
        answers.append(uses("Bash", command=f"rm '{file}'", description="Remove a file"))
    judgement = scripted_player.judgement(rule, request, matched)
    judgement["findings"] = [{k: v for k, v in f.items() if v is not None} for f in judgement["findings"]]
    given = {name: value for name, value in judgement.items() if value}
    return [
        *answers,
        hands_in(scripted_player.filled(rule["says"], request, matched) or "Done", **given),
        says("Done."),
    ]


def changed(rule: Json, request: Json, workspace: Path) -> dict[Path, str]:
    """The files that a rule changes, as it leaves them."""
    found: dict[Path, str] = {}

    def text(path: Path) -> str:
        return found[path] if path in found else path.read_text("utf-8") if path.exists() else ""

    for path, content in rule["writes"].items():
        found[scripted_player.inside(workspace, path, request)] = content
    for path, content in rule["appends"].items():
        file = scripted_player.inside(workspace, path, request)
        found[file] = text(file) + content
    for change in rule["replaces"]:
        file = scripted_player.inside(workspace, change["path"], request)
        found[file] = text(file).replace(change["old"], change["new"])
    return found
