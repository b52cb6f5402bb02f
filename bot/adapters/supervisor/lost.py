"""What to do about an attempt whose supervisor died: see whether it lives, and if not, clean up behind it."""

import json
import os
from pathlib import Path
from typing import Any

from bot.adapters.supervisor import files, process_tree


def lives(record: dict[str, Any] | None) -> bool:
    """Whether the process of a pid record (supervisor.json, agent.json) still runs, on this boot of this
    machine."""
    if record is None:
        return False
    return process_tree.is_alive(record["pid"], record["start_time"], record["boot_id"])


def settle(directory: Path, detail: str) -> bool:
    """Kill what is left of a dead supervisor's agent, then write a result that says it was lost.

    The caller holds the attempt's lock. Returns False when a result was there already (it is kept)."""
    if (directory / files.RESULT).exists():
        return False
    left_running = sweep(directory)
    progress = files.read_json(directory / files.PROGRESS) or {}
    progress.pop("at", None)
    ending = {"lost": detail, "reported": progress, "left_running": left_running}
    return files.write_once(directory / files.RESULT, json.dumps(ending))


def sweep(directory: Path) -> list[int]:
    """Kill everything that still belongs to a directory's agent; returns the pids that would not die."""
    agent = files.read_json(directory / files.AGENT)
    this_boot = agent is not None and agent["boot_id"] == process_tree.boot_id()
    leader = (agent["pid"], agent["start_time"]) if agent is not None and this_boot else None
    return process_tree.kill_leftovers(leader, f"{os.fspath(directory.resolve())}/")
