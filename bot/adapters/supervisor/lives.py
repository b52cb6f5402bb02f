"""The lives of an attempt: an agent whose end nobody wanted goes on in the same directory and workspace.

What a life has left is moved to lives/N/, its result last of all: as long as result.json is in its place the attempt
is settled, and whoever was killed in between does the same again.
"""

from pathlib import Path

from bot.adapters.supervisor import files

MOST = 4
"""How many lives an attempt has: a machine that dies again and again is a person's business."""

_LEFT = (files.SUPERVISOR, files.AGENT, files.PROGRESS, files.STDOUT, files.STDERR, files.UNASKED)


def earlier(directory: Path) -> list[Path]:
    """Where the earlier lives' files are, in order."""
    folder = directory / files.LIVES
    found = [folder / str(number) for number in range(1, MOST)]
    return [life for life in found if (life / files.RESULT).exists()]


def begin_another(directory: Path, launch: str) -> None:
    """Put away what the last life left, and have the next one launched so. The caller holds the attempt's lock, and
    there is a result."""
    life = directory / files.LIVES / str(len(earlier(directory)) + 1)
    life.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _LEFT:
        if (directory / name).exists():
            (directory / name).replace(life / name)
    if not (life / files.LAUNCH).exists():
        (directory / files.LAUNCH).replace(life / files.LAUNCH)
    files.write_atomically(directory / files.LAUNCH, launch)
    files.sync_directory(life)
    (directory / files.RESULT).replace(life / files.RESULT)
    files.sync_directory(life)
    files.sync_directory(directory)
