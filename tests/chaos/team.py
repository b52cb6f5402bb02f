"""The agents of chaos: `python team.py FOLDER` plays every role, by the issue's title and what it is told.

It depends on nothing else, so that every repeat does the same. Every start appends a line to FOLDER/paid.jsonl.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.agent_program import answer, note_start

_SECONDS = {"builder": 0.8, "planner": 0.4}


def main() -> None:
    request = json.load(sys.stdin)
    note_start(Path(sys.argv[1]), request)
    print(json.dumps({"event": "progress", "message": "at work", "cost_usd": 0.25}), flush=True)
    time.sleep(_SECONDS.get(request["role"], 0.2))
    for path, text in files(request).items():
        file = Path(request["workspace"]) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    summary = f"{request['role']} of {request['title']}"
    if not request["judges"]:
        answer(status="ok", summary=summary)
    elif sends_back(request):
        finding = {"message": "The part does not say why it exists", "path": part(request), "line": 1}
        answer(status="ok", summary=summary, opinion="changes", findings=[finding])
    else:
        answer(status="ok", summary=summary, opinion="pass")


def files(request: dict[str, Any]) -> dict[str, str]:
    """What the role writes."""
    told = sorted(f"{each['source']}: {each['reason']}" for each in request["feedback"])
    written = {path: f"# {os.path.basename(path)}\n\n{'; '.join(told) or 'As asked.'}\n" for path in request["outputs"]}
    if request["role"] == "builder":
        number = request["issue"]["number"]
        value = 0 if "(broken)" in request["title"] and not told else number
        written[part(request)] = f'"""A part. {len(told)} time(s) told."""\n\nPART = {value}\n'
        written[f"tests/test_part_{number}.py"] = (
            f"import unittest\n\nfrom app.part_{number} import PART\n\n\nclass Part(unittest.TestCase):\n"
            f"    def test_it(self) -> None:\n        self.assertEqual(PART, {number})\n"
        )
    return written


def part(request: dict[str, Any]) -> str:
    return f"app/part_{request['issue']['number']}.py"


def sends_back(request: dict[str, Any]) -> bool:
    """The reviewer does, until the builder was told."""
    file = Path(request["workspace"]) / part(request)
    wants = "(sent back)" in request["title"] and request["role"] == "reviewer"
    return wants and "0 time(s) told" in file.read_text()


if __name__ == "__main__":
    main()
