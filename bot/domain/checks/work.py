"""An attempt's work as the checks see it: what changed, the added lines, and what the stage may touch."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bot.domain.trees import ChangedFile, path_bytes


@dataclass(frozen=True)
class TextFile:
    """A changed text file as it is now: all its `lines` (without their ends), and the numbers (from 1) of those that
    were added."""

    path: str
    lines: tuple[str, ...]
    added: tuple[int, ...]

    @property
    def added_lines(self) -> Iterator[tuple[int, str]]:
        """Number and text of each added line."""
        return ((number, self.lines[number - 1]) for number in self.added)


@dataclass(frozen=True)
class Contents:
    """What a diff holds. `unread` are text files too large to be read; `sizes` are bytes by path, of files that
    exist now; `names` are the names, without endings, of all files and folders of the tree."""

    texts: tuple[TextFile, ...] = ()
    unread: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Work:
    """What changed since the attempt began, but for the spec, which is not the stage's. `folder` is the run's folder
    of artifacts."""

    folder: str
    files: tuple[ChangedFile, ...] = ()
    contents: Contents = Contents()


def real_name(path: str) -> str:
    """A path for comparing with patterns: as it is in git, not in git's quoting."""
    return path_bytes(path).decode(errors="replace")
