"""Trees of files as values: a workspace, what changed in it, and what became of a push or a replay.

A path is its text when it is UTF-8; other names (and those that begin with a quote) are written in git's
own quoting, `"caf\\351"`, so that no name is lost and no two names meet.
"""

import re
from typing import Literal

from pydantic import Field, field_validator

from bot.domain.refs import AttemptRef, RepoRef
from bot.domain.values import Value

FileStatus = Literal["added", "modified", "deleted", "retyped"]

_ESCAPED = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)


def path_text(name: bytes) -> str:
    """A file's name in git as text; `path_bytes` is the way back."""
    try:
        text = name.decode()
    except UnicodeDecodeError:
        pass
    else:
        if not text.startswith('"'):
            return text
    quoted = "".join(
        f"\\{chr(byte)}" if byte in b'"\\' else chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}" for byte in name
    )
    return f'"{quoted}"'


def path_bytes(path: str) -> bytes:
    """The file's name in git that `path_text` wrote."""
    if len(path) < 2 or not (path.startswith('"') and path.endswith('"')):
        return path.encode()
    return _ESCAPED.sub(
        lambda found: bytes([int(found[1], 8)]) if len(found[1]) == 3 else found[1], path[1:-1].encode()
    )


class Identity(Value):
    """Who is written as author and committer of the orchestrator's commits."""

    name: str = Field(min_length=1)
    email: str = Field(min_length=1)

    @field_validator("name", "email")
    @classmethod
    def _fits_a_commit_header(cls, text: str) -> str:
        if any(character in "<>\n\r\0" for character in text):
            raise ValueError(f"not usable in a commit's author line: {text!r}")
        return text


class Workspace(Value):
    """An attempt's worktree. `path` is absolute; `start` is the commit it was made from; `carried` is the kept
    commit whose files were laid into it, None when it began as `start`."""

    attempt: AttemptRef
    repo: RepoRef
    path: str
    start: str
    carried: str | None = None


class ChangedFile(Value):
    """One changed path; counts are lines, None for a binary file."""

    path: str
    status: FileStatus
    added: int | None
    removed: int | None


class Snapshot(Value):
    """All files of a workspace as a git tree, and how it differs from the commit `base`."""

    base: str
    tree: str
    changed: tuple[ChangedFile, ...]

    @property
    def empty(self) -> bool:
        """True when nothing differs from the base."""
        return not self.changed


class Pushed(Value):
    """The branch's head is our commit, by this push or by an earlier one."""

    sha: str


class HeadMoved(Value):
    """The branch's head is not what we expected: nothing was pushed. None: the branch does not exist."""

    head: str | None


class Conflict(Value):
    """Our commit does not fit on the new head; these paths were changed on both sides."""

    paths: tuple[str, ...]
