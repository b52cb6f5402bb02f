"""The merges themselves, on a bare repository: with git's merge-tree, and as done for a git too old for it."""

import time
from pathlib import Path

import pytest

from bot.localhub import merging
from bot.localhub.git import Git, Signature

WHO = Signature("Ann", "ann@example.com", time.time())
BASE = {"kept.txt": "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "gone.txt": "x\n", "dir/deep.txt": "d\n"}


class Bench:
    """A bare repository in which commits are made from whole trees."""

    def __init__(self, directory: Path) -> None:
        self.git = Git.create(directory / "bare.git", "main")
        self.directory = directory
        self.count = 0

    def commit(self, files: dict[str, str], *parents: str) -> str:
        self.count += 1
        source = self.directory / f"tree-{self.count}"
        for path, text in files.items():
            target = source / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        tip = self.git.commit_directory(source, f"branch-{self.count}", WHO, "tree", ignored=True)
        return self.git.commit_tree(self.git.commit(tip).tree, parents, f"Commit {self.count}", WHO, WHO)

    def files(self, tree: str) -> dict[str, str]:
        names = self.git.text("ls-tree", "-r", "--name-only", tree).splitlines()
        return {name: self.git.run("cat-file", "blob", f"{tree}:{name}").decode() for name in names}


@pytest.fixture(params=["old git", "this git"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    if request.param == "old git":
        monkeypatch.setattr("bot.localhub.merging.git_version", lambda: (2, 30))
    return Bench(tmp_path)


def test_both_sides_arrive(bench: Bench) -> None:
    start = bench.commit(BASE)
    ours = bench.commit({**BASE, "kept.txt": BASE["kept.txt"].replace("1\n", "one\n"), "ours.txt": "o\n"}, start)
    theirs = {**BASE, "kept.txt": BASE["kept.txt"].replace("9\n", "nine\n"), "dir/theirs.txt": "t\n"}
    del theirs["gone.txt"]
    tree = merging.merged_tree(bench.git, ours, bench.commit(theirs, start))
    assert tree is not None
    assert bench.files(tree) == {
        "kept.txt": "one\n2\n3\n4\n5\n6\n7\n8\nnine\n",
        "dir/deep.txt": "d\n",
        "dir/theirs.txt": "t\n",
        "ours.txt": "o\n",
    }


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"kept.txt": "ours\n"}, {"kept.txt": "theirs\n"}),
        ({"new.txt": "ours\n"}, {"new.txt": "theirs\n"}),
        ({"gone.txt": None}, {"gone.txt": "changed\n"}),
    ],
    ids=["same line", "both added", "deleted and changed"],
)
def test_conflicts_are_seen(bench: Bench, ours: dict[str, str | None], theirs: dict[str, str | None]) -> None:
    def changed(changes: dict[str, str | None]) -> dict[str, str]:
        return {path: text for path, text in {**BASE, **changes}.items() if text is not None}

    start = bench.commit(BASE)
    one, other = bench.commit(changed(ours), start), bench.commit(changed(theirs), start)
    assert merging.merged_tree(bench.git, one, other) is None
    with pytest.raises(merging.Conflict):
        merging.rebased_commit(bench.git, one, other, WHO)


def test_unrelated_histories_do_not_merge(bench: Bench) -> None:
    assert merging.merged_tree(bench.git, bench.commit(BASE), bench.commit({"a": "b\n"})) is None


def test_a_rebase_keeps_the_commits(bench: Bench) -> None:
    start = bench.commit(BASE)
    first = bench.commit({**BASE, "a.txt": "a\n"}, start)
    second = bench.commit({**BASE, "a.txt": "b\n"}, first)
    main = bench.commit({**BASE, "main.txt": "m\n"}, start)
    tip = merging.rebased_commit(bench.git, main, second, WHO)
    assert bench.files(tip) == {**BASE, "a.txt": "b\n", "main.txt": "m\n"}
    assert [commit.message for commit in bench.git.commits(f"{main}..{tip}")] == [
        bench.git.commit(second).message,
        bench.git.commit(first).message,
    ]
