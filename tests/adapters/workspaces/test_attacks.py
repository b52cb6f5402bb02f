"""What an agent may leave in its worktree to make the orchestrator's git run something, or believe something.

Each trap is first shown to work on a plain git, so that a test which finds it unsprung proves a guard."""

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from bot.adapters.workspaces import Workspaces
from bot.domain.errors import UserError
from bot.domain.refs import AttemptRef
from bot.domain.trees import Snapshot, Workspace, path_text
from tests.adapters.workspaces.conftest import TALLY
from tests.adapters.workspaces.git_server import PERSON, GitServer, git

Attempt = Callable[[int], AttemptRef]
AT = datetime(2026, 3, 1, tzinfo=UTC)


class Trap:
    """A program that leaves a mark when anything runs it; `git_config` names it wherever git would."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.mark = directory / "sprung"
        self.program = directory / "program"
        self.program.write_text(f"#!/bin/sh\n: > {self.mark}\ncat\n")
        self.program.chmod(0o755)
        self.hooks = directory / "hooks"
        self.hooks.mkdir()
        for name in ("post-checkout", "post-index-change", "pre-push", "reference-transaction", "pre-auto-gc"):
            (self.hooks / name).symlink_to(self.program)

    @property
    def sprung(self) -> bool:
        return self.mark.exists()

    def set_again(self) -> None:
        self.mark.unlink(missing_ok=True)

    def git_config(self) -> dict[str, str]:
        return {
            "core.fsmonitor": str(self.program),
            "core.hooksPath": str(self.hooks),
            "core.sshCommand": str(self.program),
            "core.pager": str(self.program),
            "credential.helper": str(self.program),
            "diff.external": str(self.program),
            "diff.trap.command": str(self.program),
            "diff.trap.textconv": str(self.program),
            "filter.trap.clean": str(self.program),
            "filter.trap.smudge": str(self.program),
            "merge.trap.driver": str(self.program),
            "gpg.program": str(self.program),
            "commit.gpgSign": "true",
            "push.gpgSign": "if-asked",
            "url.ext::false.insteadOf": "http://",
            "protocol.ext.allow": "always",
        }

    def lay(self, repository: Path) -> None:
        for key, value in self.git_config().items():
            git("config", key, value, cwd=repository)


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path / "trap")


def everything(workspaces: Workspaces, workspace: Workspace, server: GitServer) -> Snapshot:
    """All that the orchestrator does with a worktree after its agent."""
    snapshot = workspaces.snapshot(workspace)
    workspaces.restore(workspace, snapshot.tree)
    workspaces.keep(workspace.attempt, workspace, snapshot.tree)
    commit = workspaces.commit(workspace, tree=snapshot.tree, parent=workspace.start, message="Build\n", at=AT)
    workspaces.push(workspace, commit, "issuewright/7-x", expected=None)
    person = server.commit("acme/tally", "issuewright/7-x", {"person.txt": "hello\n"}, parent=workspace.start)
    workspaces.fetch(TALLY)
    replayed = workspaces.replay(workspace, commit, person)
    assert isinstance(replayed, Snapshot)
    workspaces.diff_digest(TALLY, workspace.start, commit)
    workspaces.file_digests(TALLY, commit, ["README.md"])
    return snapshot


def plainly(*arguments: str, cwd: str) -> None:
    subprocess.run(["git", *arguments], cwd=cwd, env={**os.environ, **PERSON}, capture_output=True)


def test_another_git_directory_in_the_worktree_is_not_believed(
    workspaces: Workspaces, server: GitServer, start: str, attempt: Attempt, trap: Trap
) -> None:
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    path = Path(workspace.path)
    (path / ".git").unlink()
    git("init", "--quiet", str(path), cwd="/")
    trap.lay(path)
    (path / ".gitattributes").write_text("* filter=trap diff=trap merge=trap\n")
    (path / "README.md").write_text("# New\n")
    plainly("add", "-A", cwd=workspace.path)
    assert trap.sprung
    trap.set_again()
    snapshot = everything(workspaces, workspace, server)
    assert not trap.sprung
    assert [file.path for file in snapshot.changed] == [".gitattributes", "README.md"]
    workspaces.prepare(attempt(1), TALLY, start=start)
    assert not trap.sprung


def test_an_agents_git_config_lands_in_the_mirror_and_is_undone(
    workspaces: Workspaces, server: GitServer, start: str, attempt: Attempt, trap: Trap, root: Path
) -> None:
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    path = Path(workspace.path)
    git("update-index", "--assume-unchanged", "README.md", cwd=path)
    trap.lay(path)
    git("config", "remote.origin.pushurl", "http://127.0.0.1:1/thief.git", cwd=path)
    info = root / "mirrors/acme--tally.git/info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text("* filter=trap -diff\n")
    (info / "exclude").write_text("hidden.py\n")
    (path / ".gitattributes").write_text("* filter=trap diff=trap merge=trap\n")
    (path / "hidden.py").write_text("bad = 1\n")
    (path / "README.md").write_text("# Quietly\n")
    plainly("add", "-A", cwd=workspace.path)
    assert trap.sprung
    trap.set_again()
    snapshot = everything(workspaces, workspace, server)
    assert not trap.sprung
    assert {file.path: file.added for file in snapshot.changed} == {
        ".gitattributes": 1, "README.md": 1, "hidden.py": 1
    }  # fmt: skip


def test_an_attribute_cannot_hide_a_change(
    workspaces: Workspaces, start: str, attempt: Attempt, server: GitServer
) -> None:
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    (Path(workspace.path) / ".gitattributes").write_text("* -diff\n*.py ident export-ignore\n")
    (Path(workspace.path) / "app/names.py").write_text("names = [1]\n")
    counts = {file.path: (file.added, file.removed) for file in workspaces.snapshot(workspace).changed}
    assert counts == {".gitattributes": (2, 0), "app/names.py": (1, 1)}


def test_a_nested_repository_is_refused(workspaces: Workspaces, start: str, attempt: Attempt, trap: Trap) -> None:
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    nested = Path(workspace.path) / "vendor" / "lib"
    git("init", "--quiet", str(nested), cwd="/")
    trap.lay(nested)
    (nested / "a.txt").write_text("a\n")
    with pytest.raises(UserError, match="'vendor/lib' is a git repository of its own"):
        workspaces.snapshot(workspace)
    assert not trap.sprung
    (Path(workspace.path) / ".gitignore").write_text("vendor/\n")
    assert [file.path for file in workspaces.snapshot(workspace).changed] == [".gitignore"]


def test_a_submodule_that_the_agent_filled_is_not_entered(
    workspaces: Workspaces, start: str, attempt: Attempt, trap: Trap, server: GitServer
) -> None:
    served = server.repository("acme/tally")
    index = {"GIT_INDEX_FILE": str(served / "sub.index")}
    for words in (("read-tree", start), ("update-index", "--add", "--cacheinfo", f"160000,{start},sub")):
        subprocess.run(["git", *words], cwd=served, env={**os.environ, **index}, check=True)
    tree = subprocess.run(
        ["git", "write-tree"], cwd=served, env={**os.environ, **index}, check=True, capture_output=True, text=True
    ).stdout.strip()
    base = git("commit-tree", tree, "-p", start, "-m", "submodule", cwd=served)
    git("update-ref", "refs/heads/main", base, cwd=served)

    workspace = workspaces.prepare(attempt(1), TALLY, start=base)
    sub = Path(workspace.path) / "sub"
    assert sub.is_dir()
    (Path(workspace.path) / "README.md").write_text("# New\n")
    assert [file.path for file in workspaces.snapshot(workspace).changed] == ["README.md"]

    git("clone", "--quiet", str(served), str(sub), cwd="/")
    git("checkout", "--quiet", start, cwd=sub)
    trap.lay(sub)
    (sub / ".gitattributes").write_text("* filter=trap\n")
    (sub / "README.md").write_text("# Within\n")
    plainly("add", "-A", cwd=workspace.path)
    assert trap.sprung
    trap.set_again()
    assert [file.path for file in workspaces.snapshot(workspace).changed] == ["README.md"]
    (sub / ".git/HEAD").write_text(f"{base}\n")
    with pytest.raises(UserError, match="'sub' is a git repository of its own"):
        workspaces.snapshot(workspace)
    assert not trap.sprung
    workspaces.prepare(attempt(1), TALLY, start=base)
    assert not trap.sprung


@pytest.mark.parametrize("name", [".GIT/config", "app/.Git/hooks/x", "git~1/config", ".g\u200cit/config"])
def test_names_that_are_git_elsewhere_are_refused(
    workspaces: Workspaces, start: str, attempt: Attempt, name: str
) -> None:
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    path = Path(workspace.path) / name
    path.parent.mkdir(parents=True)
    path.write_text("[core]\n")
    with pytest.raises(UserError, match="rename or remove it"):
        workspaces.snapshot(workspace)


@pytest.mark.parametrize(
    ("link", "target", "allowed"),
    [
        ("link", "README.md", True),
        ("app/link", "../README.md", True),
        ("app/deep/link", "./../../tests/test_count.py", True),
        ("link", "nowhere", True),
        ("link", "/etc/passwd", False),
        ("link", "../outside", False),
        ("app/link", "../../outside", False),
        ("app/link", "..//../outside", False),
        ("link", "app/../..", False),
        ("link", "app/..", False),  # inside today; outside once `app` is a link
        ("link", ".git/config", False),
    ],
)
def test_links_may_not_lead_outside(
    workspaces: Workspaces, start: str, attempt: Attempt, link: str, target: str, allowed: bool
) -> None:
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    path = Path(workspace.path) / link
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    if allowed:
        snapshot = workspaces.snapshot(workspace)
        assert [file.path for file in snapshot.changed] == [link]
        path.unlink()
        workspaces.restore(workspace, snapshot.tree)
        assert os.readlink(path) == target
    else:
        with pytest.raises(UserError, match="symbolic link"):
            workspaces.snapshot(workspace)


def test_a_folder_that_became_a_link_is_not_written_through(
    workspaces: Workspaces, start: str, attempt: Attempt, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "count.py").write_text("mine\n")
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    tree = workspaces.snapshot(workspace).tree
    path = Path(workspace.path)
    (path / "app").rename(path / "away")
    (path / "app").symlink_to(outside)
    with pytest.raises(UserError, match="'app'"):
        workspaces.snapshot(workspace)
    workspaces.restore(workspace, tree)
    assert (outside / "count.py").read_text() == "mine\n"
    assert sorted(os.listdir(outside)) == ["count.py"]
    assert workspaces.snapshot(workspace).empty

    path.rename(tmp_path / "moved")
    path.symlink_to(outside)
    for act in (lambda: workspaces.snapshot(workspace), lambda: workspaces.restore(workspace, tree)):
        with pytest.raises(UserError, match="removed or replaced"):
            act()
    workspaces.release(attempt(1))
    assert sorted(os.listdir(outside)) == ["count.py"]


def test_files_behind_an_ignored_link_are_gone(workspaces: Workspaces, start: str, attempt: Attempt) -> None:
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    path = Path(workspace.path)
    (path / "app").rename(path / "build")
    (path / "app").symlink_to("build")
    (path / ".gitignore").write_text("/build/\n/app\n")
    changed = {file.path: file.status for file in workspaces.snapshot(workspace).changed}
    assert changed == {".gitignore": "modified", "app/count.py": "deleted", "app/names.py": "deleted"}


def test_names_are_kept_as_they_are(workspaces: Workspaces, start: str, attempt: Attempt, server: GitServer) -> None:
    names = [b"with space", b"two\nlines", b"-rf", b"--help", b"caf\xe9", "café ☕".encode(), b'"quoted"', b"a\\b"]
    names += [b"tab\there", b":(top)x", b"*", b"HEAD", b"start ", b"d e/-x\xff\n/y", b"@{0}"]
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    root = os.fsencode(workspace.path)
    for name in names:
        os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
        with open(os.path.join(root, name), "wb") as file:
            file.write(name)
    snapshot = workspaces.snapshot(workspace)
    assert {file.path for file in snapshot.changed} == {path_text(name) for name in names}
    assert Snapshot.model_validate_json(snapshot.model_dump_json()) == snapshot
    commit = workspaces.commit(workspace, tree=snapshot.tree, parent=start, message="Odd\n", at=AT)
    workspaces.push(workspace, commit, "odd", expected=None)
    shown = subprocess.run(
        ["git", "ls-tree", "-r", "-z", "--name-only", "odd"], cwd=server.repository("acme/tally"), capture_output=True
    ).stdout.split(b"\0")
    assert set(names) <= set(shown)
    for name in names:
        path = path_text(name)
        assert workspaces.file_digests(TALLY, commit, [path]) == {path: sha256(name).hexdigest()}
    for name in names:
        os.unlink(os.path.join(root, name))
    workspaces.restore(workspace, snapshot.tree)
    assert workspaces.snapshot(workspace) == snapshot


def test_locked_directories_do_not_stop_a_fresh_start(workspaces: Workspaces, start: str, attempt: Attempt) -> None:
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    locked = Path(workspace.path) / "locked" / "inner"
    locked.mkdir(parents=True)
    (locked / "file").write_text("x")
    locked.chmod(0)
    locked.parent.chmod(0)
    again = workspaces.prepare(attempt(1), TALLY, start=start)
    assert workspaces.snapshot(again).empty
    assert not locked.parent.exists()


def test_the_operators_environment_and_configuration_take_no_part(
    workspaces: Workspaces,
    start: str,
    attempt: Attempt,
    server: GitServer,
    trap: Trap,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    side = server.commit("acme/tally", "side", {"a": "1\n", "app/names.py": "x\n"}, parent=start)
    before = workspaces.diff_digest(TALLY, start, side)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for key, value in {**trap.git_config(), "diff.noprefix": "true", "diff.context": "9", "core.quotePath": "0",
                       "diff.renames": "copies", "core.abbrev": "5", "core.autocrlf": "true"}.items():  # fmt: skip
        subprocess.run(["git", "config", "--global", key, value], check=True)
    (home / ".config/git").mkdir(parents=True)
    (home / ".config/git/ignore").write_text("*.py\n")
    (home / ".config/git/attributes").write_text("* -diff\n")
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE"):
        monkeypatch.setenv(name, "/nonexistent")
    for name in ("GIT_EXTERNAL_DIFF", "GIT_SSH_COMMAND", "GIT_PAGER", "GIT_ASKPASS", "GIT_PROXY_COMMAND"):
        monkeypatch.setenv(name, str(trap.program))
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    monkeypatch.setenv("GIT_TRACE_CURL", str(tmp_path / "trace"))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", f"'core.fsmonitor'='{trap.program}'")
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    (Path(workspace.path) / "new.py").write_text("new\n")
    snapshot = workspaces.snapshot(workspace)
    assert [file.path for file in snapshot.changed] == ["new.py"]
    commit = workspaces.commit(workspace, tree=snapshot.tree, parent=start, message="x\n", at=AT)
    workspaces.push(workspace, commit, "x", expected=None)
    assert workspaces.remote_head(TALLY, "side") == side
    assert workspaces.diff_digest(TALLY, start, side) == before
    assert not trap.sprung
    assert not (tmp_path / "trace").exists()
