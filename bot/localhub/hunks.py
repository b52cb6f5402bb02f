"""A file's patch, line by line: what a page shows, and the lines that a review can comment on."""

import re
from dataclasses import dataclass
from typing import Literal

Side = Literal["LEFT", "RIGHT"]
LineKind = Literal["hunk", "context", "added", "removed", "note"]
_HEADER = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a patch. `position` is GitHub's: 0 at the first hunk's header, rising by one a line."""

    kind: LineKind
    old: int | None
    new: int | None
    text: str
    position: int

    @property
    def side(self) -> Side:
        """The side on which a comment on this line stands."""
        return "LEFT" if self.kind == "removed" else "RIGHT"

    @property
    def number(self) -> int | None:
        """The line's number on that side."""
        return self.old if self.kind == "removed" else self.new

    def is_at(self, side: str, number: int) -> bool:
        """Whether this is that line; unchanged lines are on both sides."""
        if self.kind == "context":
            return number == (self.old if side == "LEFT" else self.new)
        return self.kind in ("added", "removed") and self.side == side and self.number == number


def patch_lines(patch: str | None) -> list[DiffLine]:
    """The lines of a patch as git writes it, none for a file without one."""
    found: list[DiffLine] = []
    old = new = 0
    for position, raw in enumerate(patch.split("\n") if patch else []):
        mark, text = raw[:1], raw[1:]
        header = _HEADER.match(raw)
        if header:
            old, new = int(header[1]), int(header[3])
            found.append(DiffLine("hunk", None, None, raw, position))
        elif mark == "+":
            found.append(DiffLine("added", None, new, text, position))
            new += 1
        elif mark == "-":
            found.append(DiffLine("removed", old, None, text, position))
            old += 1
        elif mark == "\\":
            found.append(DiffLine("note", None, None, text.strip(), position))
        else:
            found.append(DiffLine("context", old, new, text, position))
            old, new = old + 1, new + 1
    return found


def line_at(patch: str | None, side: str, number: int) -> DiffLine | None:
    """The line of a patch with that number on that side, None when the patch does not show it."""
    return next((line for line in patch_lines(patch) if line.is_at(side, number)), None)


def hunk_up_to(patch: str, line: DiffLine) -> str:
    """What GitHub calls `diff_hunk`: the line's hunk, from its header to the line itself."""
    rows = patch.split("\n")[: line.position + 1]
    start = max(index for index, row in enumerate(rows) if row.startswith("@@ "))
    return "\n".join(rows[start:])


def follow(patch: str | None, number: int) -> int | None:
    """Where a line of the old side is on the new one; None when the patch changed or removed it."""
    shift = 0
    for raw in patch.split("\n") if patch else []:
        header = _HEADER.match(raw)
        if header is None:
            continue
        old, taken, put = int(header[1]), int(header[2] or 1), int(header[4] or 1)
        # With `-U0`, a pure insertion names the line after which it stands.
        if taken == 0:
            if number <= old:
                break
        elif number < old:
            break
        elif number < old + taken:
            return None
        shift += put - taken
    return number + shift
