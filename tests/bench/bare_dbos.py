"""`python -m tests.bench.bare_dbos URL enqueue N STEPS | drain READY`: DBOS alone, as the floor of our throughput.

`drain` creates the file READY, waits for `go` beside it, and works until the queue is empty.
"""

import sqlite3
import sys
import time
import uuid
from pathlib import Path

from dbos import DBOS, DBOSClient, DBOSConfig, run_dbos_database_migrations
from sqlalchemy.engine import make_url

QUEUE = "bare"


def nothing(number: int) -> int:
    return number


@DBOS.workflow(name="bare")
def bare(steps: int) -> int:
    return sum(DBOS.run_step({"name": "nothing"}, nothing, number) for number in range(steps))


def enqueue(url: str, number: int, steps: int) -> None:
    _prepare(url)
    client = DBOSClient(system_database_url=url, application_name="bare")
    for _ in range(number):
        client.enqueue({"workflow_name": "bare", "queue_name": QUEUE, "app_version": "1"}, steps)
    client.destroy()


def drain(url: str, ready: Path) -> None:
    config: DBOSConfig = {
        "name": "bare",
        "system_database_url": url,
        "executor_id": uuid.uuid4().hex,
        "application_version": "1",
        "log_level": "ERROR",
    }
    DBOS(config=config)
    DBOS.launch()
    ready.touch()
    while not (ready.parent / "go").exists():
        time.sleep(0.005)
    DBOS.register_queue(QUEUE, worker_concurrency=32, polling_interval_sec=0.1)
    waiting = ["ENQUEUED", "PENDING"]
    while DBOS.list_workflows(status=waiting, limit=1, load_input=False, load_output=False):
        time.sleep(0.05)


def _prepare(url: str) -> None:
    if url.startswith("sqlite"):
        connection = sqlite3.connect(make_url(url).database or "")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.close()
    run_dbos_database_migrations(system_database_url=url)


if __name__ == "__main__":
    if sys.argv[2] == "enqueue":
        enqueue(sys.argv[1], int(sys.argv[3]), int(sys.argv[4]))
    else:
        drain(sys.argv[1], Path(sys.argv[3]))
