"""What tells one machine's disk from another's: worktrees, mirrors and agents' files are found on their own alone."""

import uuid
from pathlib import Path

from bot.adapters.supervisor import files

_FILE = "machine"


def machine_id(data_dir: Path) -> str:
    """The identity of a data directory: made at the first call, and the same for everybody who ever works there."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write_once(data_dir / _FILE, f"{uuid.uuid4().hex}\n")
    return (data_dir / _FILE).read_text().strip()
