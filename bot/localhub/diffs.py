"""What a diff holds, file by file, as GitHub lists it."""

from bot.localhub.git import ZERO, FileChange, Git

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_STATUS = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied", "T": "changed"}


def changed_files(git: Git, old: str, new: str) -> list[FileChange]:
    """The files that differ between two commits (or trees), in git's order, renames followed."""
    summary = git.run("diff", "-M", "--raw", "--numstat", "--no-abbrev", "-z", old, new).decode(errors="replace")
    raw, counts = _parse_summary(summary)
    if not raw:
        return []
    patches = _split_patches(git.run("diff", "-M", "-p", old, new).decode(errors="replace"))
    found = []
    for index, (letter, blob, previous, path) in enumerate(raw):
        additions, deletions = counts.get(path, (0, 0))
        patch = patches[index] if index < len(patches) else None
        found.append(FileChange(path, _STATUS.get(letter, "changed"), blob, additions, deletions, patch, previous))
    return found


def _parse_summary(
    summary: str,
) -> tuple[list[tuple[str, str, str | None, str]], dict[str, tuple[int, int]]]:
    """Read `--raw --numstat -z`: (letter, blob, previous path, path) a file, and its added and removed lines."""
    raw: list[tuple[str, str, str | None, str]] = []
    counts: dict[str, tuple[int, int]] = {}
    words = iter(summary.split("\0"))
    for word in words:
        if word.startswith(":"):
            _, _, old_blob, new_blob, status = word.split(" ")
            letter = status[0]
            first = next(words)
            path = next(words) if letter in "RC" else first
            raw.append((letter, old_blob if new_blob == ZERO else new_blob, first if letter in "RC" else None, path))
        elif word:
            added, removed, path = word.split("\t", 2)
            if not path:  # a rename: the two paths follow as words of their own
                next(words)
                path = next(words)
            counts[path] = (0, 0) if added == "-" else (int(added), int(removed))
    return raw, counts


def _split_patches(text: str) -> list[str | None]:
    """The hunks of each file of a patch, None where git shows none (binary, mode changes, pure renames)."""
    patches: list[str | None] = []
    for section in ("\n" + text).split("\ndiff --git ")[1:]:
        start = section.find("\n@@ ")
        patches.append(section[start + 1 :].rstrip("\n") if start >= 0 else None)
    return patches
