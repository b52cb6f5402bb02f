"""A `git` in front of git on PATH: it records every argv, and can kill the worker at a named point."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """\
#!/bin/sh
printf '%s\\n' "$*" >> {log}
if [ "$1" = "$KILL_COMMAND" ] && [ ! -e {done} ]; then
    : > {done}
    case "$KILL_MOMENT" in
        after) {git} "$@"; kill -9 $PPID; exit 1 ;;
        # git itself lives on as an orphan, and is slow to begin
        during) kill -9 $PPID; sleep 0.3; {git} "$@"; : > {orphaned}; exit 1 ;;
    esac
fi
exec {git} "$@"
"""


@dataclass(frozen=True)
class Wrapper:
    """`bin` goes to the front of PATH; `argv` holds a line a call."""

    bin: Path
    argv: Path
    orphan_ended: Path

    def environment(self, command: str = "", moment: str = "") -> dict[str, str]:
        """The environment of a worker that is killed once, at `moment` of its first `git <command>`."""
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "KILL_COMMAND": command, "KILL_MOMENT": moment}


def wrapped_git(directory: Path) -> Wrapper:
    """Write the wrapper into a new directory."""
    git = shutil.which("git")
    assert git
    directory.mkdir()
    wrapper = Wrapper(directory, directory / "argv.log", directory / "orphaned")
    script = directory / "git"
    script.write_text(
        _SCRIPT.format(log=wrapper.argv, done=directory / "killed", orphaned=wrapper.orphan_ended, git=git)
    )
    script.chmod(0o755)
    return wrapper
