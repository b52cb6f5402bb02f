"""Diffs as pages show them: files with numbered lines, and the comments on them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.localhub.git import FileChange
from bot.localhub.hub import Hub
from bot.localhub.hunks import DiffLine, patch_lines
from bot.localhub.records import Pull, Repo, ReviewComment
from bot.localhub.shapes.review_comments import current_line

MOST_LINES = 1500
"""Lines of a file's diff that are shown; what is longer is linked."""
MOST_FILES = 300


@dataclass
class Thread:
    """A comment on a line and the answers to it; `line` None when it is outdated."""

    first: ReviewComment
    line: int | None
    answers: list[ReviewComment] = field(default_factory=list)

    @property
    def everything(self) -> list[ReviewComment]:
        """The first comment and the answers."""
        return [self.first, *self.answers]

    @property
    def excerpt(self) -> list[DiffLine]:
        """The last lines of the diff that the comment was made on."""
        return [line for line in patch_lines(self.first.diff_hunk) if line.kind != "hunk"][-4:]


@dataclass
class ShownFile:
    """One file of a diff; `threads` by the line they stand on."""

    change: FileChange
    lines: list[DiffLine]
    is_cut: bool
    threads: dict[tuple[str, int], list[Thread]] = field(default_factory=dict)

    @property
    def anchor(self) -> str:
        """The file's place on the page."""
        return file_anchor(self.change.path)

    def threads_at(self, line: DiffLine) -> list[Thread]:
        """The threads under a line."""
        if line.number is None:
            return []
        here = list(self.threads.get((line.side, line.number), []))
        if line.kind == "context" and line.old is not None:
            here += self.threads.get(("LEFT", line.old), [])
        return here


def file_anchor(path: str) -> str:
    """As GitHub forms it."""
    return f"diff-{hashlib.sha256(path.encode()).hexdigest()}"


def shown_files(files: Sequence[FileChange]) -> list[ShownFile]:
    """The files of a diff, ready to be laid out."""
    shown = []
    for change in files[:MOST_FILES]:
        lines = patch_lines(change.patch)
        shown.append(ShownFile(change, lines[:MOST_LINES], len(lines) > MOST_LINES))
    return shown


def threads_of(hub: Hub, repo: Repo, pull: Pull, comments: Sequence[ReviewComment]) -> list[Thread]:
    """Comments gathered into threads, in the order of their first ones."""
    threads: dict[int, Thread] = {}
    for comment in comments:
        if comment.in_reply_to is None:
            place = current_line(hub, repo, pull, comment, comment.line)
            threads[comment.id] = Thread(comment, place[0] if place else None)
        elif comment.in_reply_to in threads:
            threads[comment.in_reply_to].answers.append(comment)
    return list(threads.values())


def place_threads(files: Sequence[ShownFile], threads: Sequence[Thread]) -> list[Thread]:
    """Put the threads under their lines; answers those that have none any more."""
    by_path = {file.change.path: file for file in files}
    outdated = []
    for thread in threads:
        file = by_path.get(thread.first.path)
        if file is None or thread.line is None:
            outdated.append(thread)
        else:
            file.threads.setdefault((thread.first.side, thread.line), []).append(thread)
    return outdated
