"""A machine's first process: `python first_process.py NAME DISK PLACE LOG COMMAND…`, in namespaces of its own.

It gives the machine its name, puts its disk where every machine has one, keeps COMMAND running as a service manager
does (each exit code becomes a line in DISK/exits), and buries orphans. When it dies the kernel kills all of them.
"""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    name, disk, place, log, *command = sys.argv[1:]
    socket.sethostname(name)
    subprocess.run(["mount", "--bind", disk, place], check=True)
    os.chdir(place)
    while True:
        with open(log, "ab") as output:
            worker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        status = buried(worker.pid)
        with (Path(place) / "exits").open("a") as exits:
            exits.write(f"{os.waitstatus_to_exitcode(status)}\n")
        time.sleep(0.5)


def buried(worker: int) -> int:
    """Bury whatever ends, until the worker does; how it ended."""
    while True:
        pid, status = os.wait()
        if pid == worker:
            return status


if __name__ == "__main__":
    main()
