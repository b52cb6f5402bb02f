"""`python -m tests.bench.traced FILE COMMAND …`: a process of the service that also notes what it spends.

FILE gets one JSON line for each run of git, `{"git": words, "begun", "ended"}` (seconds since the epoch), and one a
second with the number of statements that all engines of the process have sent, `{"statements": n, "at"}`.
"""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from bot.adapters.git import Git
from bot.entrypoints.cli import main


class Notes:
    """The file; lines of many threads never mix."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self.statements = 0

    def write(self, **fields: Any) -> None:
        self._file.write(json.dumps(fields).encode() + b"\n")

    def count(self, *_: Any) -> None:
        self.statements += 1

    def keep_telling(self) -> None:
        while True:
            time.sleep(1.0)
            self.write(statements=self.statements, at=time.time())


def trace(notes: Notes) -> None:
    """Have git's runs and the database's statements noted."""
    execute: Any = Git._execute

    def noted(self: Git, arguments: tuple[str, ...], *rest: Any) -> Any:
        begun = time.time()
        try:
            return execute(self, arguments, *rest)
        finally:
            notes.write(git=arguments[0], begun=begun, ended=time.time())

    setattr(Git, "_execute", noted)  # noqa: B010
    event.listen(Engine, "before_cursor_execute", notes.count)
    threading.Thread(target=notes.keep_telling, daemon=True).start()


if __name__ == "__main__":
    trace(Notes(Path(sys.argv[1])))
    main(sys.argv[2:], prog_name="issuewright")
