"""A process of plain DBOS: `python -m tests.workflows.dbos_process URL EXECUTOR FOLDER [RECOVERED EXECUTORS…]`.

It works the queue `one`, one workflow a partition at a time, and has one workflow, which has an effect and waits for
the file FOLDER/go. An effect is a line `NAME EXECUTOR` in FOLDER/effects. It recovers what it is told to once the file
FOLDER/recover is there, and says so in FOLDER/recovered.
"""

import os
import sys
import time
from pathlib import Path

from dbos import DBOS, DBOSConfig

QUEUE = "one"


@DBOS.workflow(name="slow", max_recovery_attempts=None)
def slow(name: str) -> None:
    DBOS.run_step({"name": "effect"}, effect, name)
    DBOS.run_step({"name": "wait"}, wait)


def effect(name: str) -> None:
    """One that takes its time: it is not recorded before FOLDER/recorded is there."""
    folder, executor = Path(sys.argv[3]), sys.argv[2]
    handle = os.open(folder / "effects", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, f"{name} {executor}\n".encode())
    os.close(handle)
    while not (folder / "recorded").exists():
        time.sleep(0.01)


def wait() -> None:
    while not (Path(sys.argv[3]) / "go").exists():
        time.sleep(0.01)


def main() -> None:
    url, executor, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    config: DBOSConfig = {
        "name": "hazards",
        "system_database_url": url,
        "executor_id": executor,
        "application_version": "1",
        "log_level": "ERROR",
    }
    DBOS(config=config)
    DBOS.launch()
    DBOS.register_queue(QUEUE, partition_concurrency=1, polling_interval_sec=0.05)
    (folder / f"{executor}-{os.getpid()}.ready").touch()
    recovered = sys.argv[4:]
    while True:
        if recovered and (folder / "recover").exists():
            handles = DBOS._recover_pending_workflows(recovered)
            (folder / "recovered").write_text(f"{len(handles)}\n")
            recovered = []
        time.sleep(0.02)


if __name__ == "__main__":
    main()
