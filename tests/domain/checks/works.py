"""Small pieces of work for the checks to judge."""

from bot.domain.checks.work import Contents, TextFile, Work
from bot.domain.trees import ChangedFile

FOLDER = "specs/7-add-a-total"


def text(path: str, content: str, *, added: tuple[int, ...] | None = None) -> TextFile:
    """A changed file; every line was added unless `added` says which."""
    lines = tuple(content.split("\n"))
    return TextFile(path, lines, tuple(range(1, len(lines) + 1)) if added is None else added)


def work(
    *texts: TextFile,
    files: tuple[ChangedFile, ...] = (),
    unread: tuple[str, ...] = (),
    names: frozenset[str] = frozenset(),
) -> Work:
    """Work of these texts; its files are those of the texts and `files`."""
    changed = tuple(ChangedFile(path=t.path, status="modified", added=len(t.added), removed=0) for t in texts)
    return Work(folder=FOLDER, files=(*changed, *files), contents=Contents(texts=texts, unread=unread, names=names))


def touched(*paths: str) -> Work:
    """Work that changed one line in each of these paths."""
    return work(files=tuple(ChangedFile(path=path, status="modified", added=1, removed=1) for path in paths))
