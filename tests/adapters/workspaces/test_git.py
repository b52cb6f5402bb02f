"""The runner alone, on a git directory whose own configuration is hostile; and snapshots against git's own."""

import os
import subprocess
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.adapters.git import Git, Remote
from bot.adapters.git_errors import GitFailed, failure
from bot.adapters.workspaces import Workspaces
from bot.domain.errors import ForgeError, Transient, UserError
from bot.domain.refs import AttemptRef
from tests.adapters.workspaces.conftest import TALLY, TOKEN
from tests.adapters.workspaces.git_server import GitServer, git


@pytest.mark.parametrize("key", ["core.fsmonitor", "core.hooksPath"])
def test_a_repositorys_own_configuration_runs_nothing(tmp_path: Path, key: str) -> None:
    """Even where the mirror's configuration was changed between our check and git's reading of it."""
    work = tmp_path / "work"
    git("init", "--quiet", str(work), cwd="/")
    (work / "file").write_text("x\n")
    mark = tmp_path / "mark"
    program = tmp_path / "hooks" / "post-index-change"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n: > {mark}\n")
    program.chmod(0o755)
    git("config", key, str(program if key == "core.fsmonitor" else program.parent), cwd=work)
    git("add", "-A", cwd=work)
    git("status", cwd=work)
    assert mark.exists()
    mark.unlink()
    ours = Git(work / ".git", work_tree=work, index=tmp_path / "index")
    for words in (("add", "-A"), ("status",), ("ls-files", "-o", "-m"), ("read-tree", "--empty"), ("add", "-A")):
        ours.run(*words)
    assert not mark.exists()


def test_a_redirect_does_not_carry_the_token_away(server: GitServer, start: str, tmp_path: Path) -> None:
    git("init", "--quiet", "--bare", str(tmp_path / "x.git"), cwd="/")
    asked: list[str] = []

    class Thief(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", f"{server.url}{self.path}")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Silence."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Thief) as http:
        Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        remote = Remote(f"http://127.0.0.1:{http.server_address[1]}/acme/tally.git", TOKEN)
        with pytest.raises(ForgeError, match=r"302|redirect"):
            Git(tmp_path / "x.git").run("ls-remote", "origin", remote=remote)
        http.shutdown()
    assert asked
    assert server.requests == []


def test_a_full_disk_passes_by_itself_however_git_says_it() -> None:
    for words in ("error: unable to write file a.py\nerror: unable to write file b.py", "x: No space left on device"):
        assert isinstance(failure("read-tree", 128, words, over_network=False), Transient)
    assert isinstance(failure("read-tree", 128, "error: bad tree", over_network=False), GitFailed)


def test_failures_here_are_bugs_and_a_missing_git_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git("init", "--quiet", "--bare", str(tmp_path / "x.git"), cwd="/")
    ours = Git(tmp_path / "x.git")
    with pytest.raises(GitFailed, match=r"git cat-file failed: fatal: Not a valid object name"):
        ours.run("cat-file", "blob", "nothing")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="install git"):
        ours.run("version")


NAMES = st.sampled_from(["README.md", "app", "app/count.py", "app/deep/er.py", "new", "new/one", "tests", "-x", "a b"])
ACTS = st.lists(st.tuples(st.sampled_from(["write", "remove", "link", "chmod"]), NAMES, st.text("ab\n", max_size=3)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_a_snapshot_is_what_git_add_would_have_taken(
    workspaces: Workspaces, start: str, attempt: Callable[[int], AttemptRef], acts: list[tuple[str, str, str]]
) -> None:
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    root = Path(workspace.path)
    for act, name, text in acts:
        path = root / name
        if act in ("write", "link"):
            for parent in reversed(path.relative_to(root).parents):
                if (root / parent).is_symlink() or (root / parent).is_file():
                    (root / parent).unlink()
                (root / parent).mkdir(exist_ok=True)
            subprocess.run(["rm", "-rf", "--", str(path)], check=True)
            if act == "write":
                path.write_text(text)
            else:
                path.symlink_to("README.md")
        elif act == "remove" and not any((root / parent).is_symlink() for parent in path.relative_to(root).parents):
            subprocess.run(["rm", "-rf", "--", str(path)], check=True)
        elif act == "chmod" and os.path.isfile(path) and not path.is_symlink():
            path.chmod(0o755)
    snapshot = workspaces.snapshot(workspace)
    git("add", "-A", cwd=root)
    assert snapshot.tree == git("write-tree", cwd=root)
    subprocess.run(["rm", "-rf", str(root / "app"), str(root / "README.md")], check=True)
    workspaces.restore(workspace, snapshot.tree)
    assert workspaces.snapshot(workspace) == snapshot
