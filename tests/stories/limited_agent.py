"""An agent that says when it works: `python limited_agent.py FOLDER` notes its start and end in FOLDER/spans.jsonl.

The first ones wait for each other: on a machine that starts them slowly, too, as many work at once as ever will.
"""

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.agent_program import answer

_MANY = 5
_PATIENCE_SECONDS = 60
_SECONDS = 6


def main() -> None:
    request = json.load(sys.stdin)
    issue = request["issue"]
    begun = time.monotonic()
    _are_many(Path(sys.argv[1]), begun + _PATIENCE_SECONDS)
    time.sleep(_SECONDS)
    (Path(request["workspace"]) / f"part_{issue['number']}.txt").write_text("done\n")
    span = {
        "run": request["attempt"]["run_id"],
        "attempt": f"{request['attempt']['run_id']}.{request['attempt']['stage']}.{request['attempt']['number']}",
        "repo": issue["repo"]["name"],
        "from": begun,
        "to": time.monotonic(),
    }
    handle = os.open(Path(sys.argv[1]) / "spans.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, (json.dumps(span) + "\n").encode())
    os.close(handle)
    answer(status="ok", summary="A part")


def _are_many(folder: Path, give_up_at: float) -> None:
    """Wait until so many have begun: those that come later need not wait."""
    begun = folder / "begun"
    begun.mkdir(exist_ok=True)
    (begun / str(os.getpid())).touch()
    while len(list(begun.iterdir())) < _MANY and time.monotonic() < give_up_at:
        time.sleep(0.05)


if __name__ == "__main__":
    main()
