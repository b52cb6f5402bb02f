"""An agent for stories: `python agent_program.py FOLDER` plays what FOLDER/<role>.json says, as a real process.

The request comes on stdin. Every start appends one fsynced line to FOLDER/paid.jsonl: that is what a model would
have charged for. A turn is `{"writes": {path: text}, "says": {field: value}, "fails": why, "holds": bool}`, one an
attempt, the last one from then on; `{feedback}` in a text becomes the reasons that the request gives, `{folder}` in a
path the folder of artifacts, and what it `says` goes into its result. A turn that holds waits for the file FOLDER/go,
or for SIGINT, which ends it with what it cost.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

COST_USD = 0.25


def main() -> None:
    folder = Path(sys.argv[1])
    request = json.load(sys.stdin)
    note_start(folder, request)
    turns = json.loads((folder / f"{request['role']}.json").read_text())
    turn = turns[min(request["attempt"]["number"], len(turns)) - 1]
    print(json.dumps({"event": "progress", "message": "at work", "cost_usd": COST_USD}), flush=True)
    if turn.get("holds"):
        signal.signal(signal.SIGINT, lambda number, frame: sys.exit(130))
        while not (folder / "go").exists():
            time.sleep(0.02)
    answer(**play(turn, request))


def note_start(folder: Path, request: dict[str, Any]) -> None:
    line = json.dumps({"role": request["role"], "number": request["attempt"]["number"]}) + "\n"
    handle = os.open(folder / "paid.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, line.encode())
    os.fsync(handle)
    os.close(handle)


def play(turn: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    if turn.get("fails"):
        return {"status": "agent_error", "detail": turn["fails"]}
    feedback = "; ".join(f"{each['source']}: {each['reason']}" for each in request["feedback"])
    folder = os.path.dirname((*request["outputs"], *request["inputs"], "")[0])
    for path, text in turn.get("writes", {}).items():
        file = Path(request["workspace"]) / path.replace("{folder}", folder)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("{feedback}", feedback))
    summary = f"Write {', '.join(turn.get('writes', {})) or 'nothing'}"
    return {"status": "ok", "summary": summary, **turn.get("says", {})}


def answer(**fields: Any) -> None:
    Path(os.environ["ISSUEWRIGHT_RESULT"]).write_text(json.dumps({"cost_usd": COST_USD, **fields}))


if __name__ == "__main__":
    main()
