"""What a tree added to a commit, read with the real git from trees that mean harm."""

import os
from pathlib import Path

import pytest

from bot.adapters import diffs
from bot.adapters.diffs import read_contents
from bot.adapters.git import Git
from bot.domain.checks.work import Contents
from bot.domain.trees import path_text
from tests.adapters.workspaces.git_server import git

BEFORE = {
    b"app/count.py": b"".join(b"line_%d = %d\n" % (n, n) for n in range(30)),
    b"gone.py": b"x = 1\n",
    b"README.md": b"# Tally\n",
    b"same.py": b"same = True\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    git("init", "--quiet", "--initial-branch=main", str(tmp_path / "work"), cwd="/")
    write(tmp_path / "work", BEFORE)
    commit(tmp_path / "work")
    return tmp_path / "work"


def write(folder: Path, files: dict[bytes, bytes]) -> None:
    for name, data in files.items():
        path = os.path.join(os.fsencode(folder), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)


def commit(folder: Path) -> None:
    git("add", "--all", cwd=folder)
    git("commit", "--quiet", "--allow-empty", "--message", "x", cwd=folder)


def read(folder: Path, *, without: frozenset[str] = frozenset()) -> Contents:
    """What the files in the folder add to its first commit."""
    commit(folder)
    base = git("rev-list", "--max-parents=0", "HEAD", cwd=folder)
    tree = git("rev-parse", "HEAD^{tree}", cwd=folder)
    return read_contents(Git(folder / ".git"), base, tree, without=without)


def added(contents: Contents) -> dict[str, list[tuple[int, str]]]:
    return {each.path: list(each.added_lines) for each in contents.texts}


def test_added_lines_have_their_numbers_and_the_file_is_there_to_read_them_in(folder: Path) -> None:
    lines = BEFORE[b"app/count.py"].split(b"\n")
    lines[3:4] = [b"new_3 = 3", b"new_4 = 4"]
    del lines[20]
    lines.insert(-1, b"end = 1")
    write(folder, {b"app/count.py": b"\n".join(lines), b"new.py": b"a = 1\r\nb = 2"})
    (folder / "gone.py").unlink()
    contents = read(folder)
    assert added(contents) == {
        "app/count.py": [(4, "new_3 = 3"), (5, "new_4 = 4"), (31, "end = 1")],
        "new.py": [(1, "a = 1"), (2, "b = 2")],
    }
    assert contents.texts[0].lines[0] == "line_0 = 0"
    assert contents.sizes.keys() == {"app/count.py", "new.py"}
    assert {"app", "count", "new", "same", "README"} <= contents.names
    assert "gone" not in contents.names


def test_nothing_changed_is_nothing_added(folder: Path) -> None:
    contents = read(folder)
    assert (contents.texts, contents.unread, contents.sizes) == ((), (), {})


def test_what_is_left_out_is_left_out(folder: Path) -> None:
    write(folder, {b"specs/7/spec.md": b"# A\n", b"a.py": b"a = 1\n"})
    assert added(read(folder, without=frozenset({"specs/7/spec.md"}))).keys() == {"a.py"}


@pytest.mark.parametrize(
    "name",
    [b"caf\xe9.py", b"new\nline.py", b'quo"te.py', b"-p", b":(glob)**", b" space .py", b"tab\t.py", "ü.py".encode(),
     b"a.py\n@@ -0,0 +1,9 @@", b"index 0000.py"],
)  # fmt: skip
def test_names_of_any_kind_are_read(folder: Path, name: bytes) -> None:
    write(folder, {name: b"old = 1\nkept = 1\n"})
    git("add", "--all", cwd=folder)
    git("commit", "--quiet", "--amend", "--message", "x", cwd=folder)
    write(folder, {name: b"new = 1\nkept = 1\n"})
    assert added(read(folder)) == {path_text(name): [(1, "new = 1")]}


def test_lines_that_look_like_a_diff_do_not_mislead(folder: Path) -> None:
    nasty = b"@@ -1 +1,99 @@\n+++ b/x\nindex %b..%b 100644\ndiff --git a/x b/x\n-- \n\\ No newline\n"
    nasty = nasty.replace(b"%b", b"a" * 40)
    write(folder, {b"app/count.py": nasty + BEFORE[b"app/count.py"], b"README.md": b"# Tally\nlast"})
    contents = read(folder)
    assert [number for number, _ in added(contents)["app/count.py"]] == [1, 2, 3, 4, 5, 6]
    assert added(contents)["README.md"] == [(2, "last")]


def test_no_attribute_of_the_tree_hides_a_line(folder: Path) -> None:
    write(folder, {b".gitattributes": b"*.py -diff binary\n", b"same.py": b"same = False\n"})
    assert added(read(folder))["same.py"] == [(1, "same = False")]


def test_binary_files_links_and_bytes_that_are_no_text(folder: Path) -> None:
    write(folder, {b"image.png": b"\x89PNG\0\0", b"latin.py": b"name = 'caf\xe9'\n"})
    (folder / "link.py").symlink_to("same.py")
    contents = read(folder)
    assert added(contents) == {"latin.py": [(1, "name = 'caf\ufffd'")]}
    assert contents.sizes["image.png"] == 6


def test_large_files_are_told_and_not_read(folder: Path) -> None:
    write(folder, {b"line.txt": b"x" * 10_000_000, b"a.py": b"a = 1\n"})
    contents = read(folder)
    assert added(contents).keys() == {"a.py"}
    assert contents.unread == ("line.txt",)
    assert contents.sizes["line.txt"] == 10_000_000


def test_the_whole_is_bounded_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffs, "MAX_BYTES", 25)
    write(folder, {b"%d.py" % n: b"0123456789" for n in range(4)})
    contents = read(folder)
    assert (list(added(contents)), contents.unread) == (["0.py", "1.py"], ("2.py", "3.py"))
    monkeypatch.setattr(diffs, "MAX_FILES", 1)
    assert read(folder).unread == ("1.py", "2.py", "3.py")


def test_many_changed_files_are_read_in_portions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffs, "_MAX_ARGUMENTS", 20)
    write(folder, {b"app/count.py": b"a\n", b"README.md": b"b\n", b"same.py": b"c\n"})
    assert added(read(folder)) == {"README.md": [(1, "b")], "app/count.py": [(1, "a")], "same.py": [(1, "c")]}
