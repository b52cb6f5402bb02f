"""The agents of chaos: `python team.py FOLDER` plays every role, by the issue's title and what it is told.

It depends on nothing else, so that every repeat does the same. Every start appends a line to FOLDER/paid.jsonl.
"""

import errno
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.agent_program import answer

_SECONDS = {"builder": 0.8, "planner": 0.4}


def main() -> None:
    folder = Path(sys.argv[1])
    request = json.load(sys.stdin)
    note_start(folder, request)
    print(json.dumps({"event": "progress", "message": "at work", "cost_usd": 0.25}), flush=True)
    if request["role"] == "builder":
        hold(folder, request)
    time.sleep(_SECONDS.get(request["role"], 0.2))
    if gives_up(request):
        answer(status="agent_error", detail="no idea")
        return
    for path, text in files(request).items():
        write(Path(request["workspace"]) / path, text)
    summary = f"{request['role']} of {request['title']}"
    if not request["judges"]:
        answer(status="ok", summary=summary)
    elif sends_back(request):
        finding = {"message": "The part does not say why it exists", "path": part(request), "line": 1}
        answer(status="ok", summary=summary, opinion="changes", findings=[finding])
    else:
        answer(status="ok", summary=summary, opinion="pass")


def note_start(folder: Path, request: dict[str, Any]) -> None:
    """What a model would have charged for."""
    attempt = request["attempt"]
    key = f"{attempt['run_id']}.{attempt['stage']}.{attempt['number']}"
    handle = os.open(folder / "paid.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    line = {"role": request["role"], "number": attempt["number"], "attempt": key}
    os.write(handle, f"{json.dumps(line)}\n".encode())
    os.fsync(handle)
    os.close(handle)


def hold(folder: Path, request: dict[str, Any]) -> None:
    """The second attempt of some waits until it is let go, or stopped."""
    holds = "(stopped)" in request["title"] or "(pushed)" in request["title"]
    if not holds or request["attempt"]["number"] == 1:
        return
    signal.signal(signal.SIGINT, lambda number, frame: sys.exit(130))
    while not (folder / f"go-{request['issue']['number']}").exists():
        time.sleep(0.02)


def write(file: Path, text: str) -> None:
    """Write a file, however long the disk is full: an agent that fails for that is another story."""
    while True:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            return
        except OSError as problem:
            if problem.errno != errno.ENOSPC:
                raise
            time.sleep(0.05)


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


def gives_up(request: dict[str, Any]) -> bool:
    """Some builders do, until a person has told them more."""
    told = any(each["source"] == "retry" for each in request["feedback"])
    return "(given up)" in request["title"] and not told


if __name__ == "__main__":
    main()
