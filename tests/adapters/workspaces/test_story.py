"""What an attempt does with its workspace, from the start commit to the branch on the server."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import pytest

from bot.adapters.git import Remote
from bot.adapters.workspaces import Workspaces
from bot.domain.errors import NotFound, Rejected, Transient
from bot.domain.refs import AttemptRef, RepoRef
from bot.domain.trees import ChangedFile, Conflict, HeadMoved, Pushed, Snapshot, Workspace
from tests.adapters.workspaces.conftest import BOT, TALLY, TOKEN, make
from tests.adapters.workspaces.git_server import GitServer, git

Attempt = Callable[[int], AttemptRef]
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BRANCH = "issuewright/7-add-a-health-check"


def files(workspace: Workspace) -> dict[str, str]:
    root = Path(workspace.path)
    return {
        str(path.relative_to(root)): path.read_text()
        for path in root.rglob("*")
        if path.is_file() and path.name != ".git"
    }


def write(workspace: Workspace, path: str, text: str) -> None:
    target = Path(workspace.path) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def committed(workspaces: Workspaces, workspace: Workspace, parent: str, message: str = "Build\n") -> str:
    tree = workspaces.snapshot(workspace).tree
    return workspaces.commit(workspace, tree=tree, parent=parent, message=message, at=AT)


def requests_of(server: GitServer, service: str) -> int:
    return sum(line.startswith("POST") and line.endswith(service) for line in server.requests)


def test_from_start_to_the_branch(
    workspaces: Workspaces, server: GitServer, start: str, attempt: Attempt, root: Path
) -> None:
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    assert workspace.path == str(root / "worktrees" / "acme--tally--7.build.1")
    assert set(files(workspace)) == {
        "README.md", ".gitignore", "app/count.py", "app/names.py", "tests/test_count.py"
    }  # fmt: skip
    assert git("status", "--porcelain", cwd=workspace.path) == ""  # the agent's own git finds its way
    assert git("rev-parse", "HEAD", cwd=workspace.path) == start

    assert workspaces.snapshot(workspace).empty
    write(workspace, "app/health.py", "OK = 200\n")
    write(workspace, "README.md", "# Tally\n\nHealthy.\n")
    write(workspace, "app/noise.pyc", "ignored")
    (Path(workspace.path) / "app/names.py").unlink()
    snapshot = workspaces.snapshot(workspace)
    assert snapshot.base == start and not snapshot.empty
    assert snapshot.changed == (
        ChangedFile(path="README.md", status="modified", added=2, removed=0),
        ChangedFile(path="app/health.py", status="added", added=1, removed=0),
        ChangedFile(path="app/names.py", status="deleted", added=0, removed=1),
    )

    commit = workspaces.commit(workspace, tree=snapshot.tree, parent=start, message="Add it\n\nA: b\n", at=AT)
    assert workspaces.remote_head(TALLY, BRANCH) is None
    assert workspaces.push(workspace, commit, BRANCH, expected=None) == Pushed(sha=commit)
    assert workspaces.remote_head(TALLY, BRANCH) == commit == server.head("acme/tally", BRANCH)
    shown = git("log", "-1", "--format=%an|%ae|%cn|%ce|%aI|%cI|%B|%P", commit, cwd=server.repository("acme/tally"))
    who = f"{BOT.name}|{BOT.email}|{BOT.name}|{BOT.email}"
    assert shown == f"{who}|2026-03-01T12:00:00+00:00|2026-03-01T12:00:00+00:00|Add it\n\nA: b\n|{start}"


def test_the_same_words_make_the_same_commit(
    workspaces: Workspaces, start: str, attempt: Attempt, server: GitServer, tmp_path: Path
) -> None:
    def made(by: Workspaces, at: datetime) -> str:
        workspace = by.prepare(attempt(1), TALLY, start=start)
        write(workspace, "a.txt", "a\n")
        return by.commit(workspace, tree=by.snapshot(workspace).tree, parent=start, message="A\n", at=at)

    first = made(workspaces, AT)
    elsewhere = make(tmp_path / "another machine", server.url)
    assert made(workspaces, AT.astimezone(timezone(timedelta(hours=9)))) == first == made(elsewhere, AT)
    assert made(workspaces, AT + timedelta(seconds=1)) != first
    with pytest.raises(ValueError, match="zone"):
        made(workspaces, datetime(2026, 3, 1))


def test_a_push_repeated_is_a_push(workspaces: Workspaces, start: str, attempt: Attempt, server: GitServer) -> None:
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    write(workspace, "a.txt", "a\n")
    commit = committed(workspaces, workspace, start)
    for _ in range(2):
        assert workspaces.push(workspace, commit, BRANCH, expected=None) == Pushed(sha=commit)
    assert requests_of(server, "git-receive-pack") == 1
    write(workspace, "a.txt", "b\n")
    after = committed(workspaces, workspace, commit)
    for _ in range(2):
        assert workspaces.push(TALLY, after, BRANCH, expected=commit) == Pushed(sha=after)


def test_a_persons_commit_is_never_overwritten(
    workspaces: Workspaces, start: str, attempt: Attempt, server: GitServer
) -> None:
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    write(workspace, "a.txt", "a\n")
    ours = committed(workspaces, workspace, start)

    theirs = server.commit("acme/tally", BRANCH, {"b.txt": "b\n"}, parent=start)
    assert workspaces.push(workspace, ours, BRANCH, expected=None) == HeadMoved(head=theirs)
    assert workspaces.push(workspace, ours, BRANCH, expected=start) == HeadMoved(head=theirs)
    assert server.head("acme/tally", BRANCH) == theirs
    with pytest.raises(ValueError, match="does not contain"):
        workspaces.push(workspace, ours, BRANCH, expected=theirs)

    # A person set the branch back: going on from there would undo their decision, though it would fast-forward.
    git("update-ref", f"refs/heads/{BRANCH}", start, cwd=server.repository("acme/tally"))
    write(workspace, "a.txt", "more\n")
    more = committed(workspaces, workspace, ours)
    assert workspaces.push(workspace, more, BRANCH, expected=ours) == HeadMoved(head=start)
    git("update-ref", "-d", f"refs/heads/{BRANCH}", cwd=server.repository("acme/tally"))
    assert workspaces.push(workspace, more, BRANCH, expected=ours) == HeadMoved(head=None)
    assert server.head("acme/tally", BRANCH) is None


def test_a_branch_is_deleted_as_it_is_known_only(
    workspaces: Workspaces, start: str, attempt: Attempt, server: GitServer, root: Path
) -> None:
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    write(workspace, "a.txt", "a\n")
    ours = committed(workspaces, workspace, start)
    workspaces.push(workspace, ours, "topic", expected=None)
    assert not workspaces.delete_branch(TALLY, "topic", expected=start)
    assert workspaces.remote_head(TALLY, "topic") == ours
    elsewhere = make(root / "elsewhere", server.url)  # where nothing of it was ever fetched
    assert elsewhere.delete_branch(TALLY, "topic", expected=ours)
    assert workspaces.remote_head(TALLY, "topic") is None
    assert workspaces.delete_branch(TALLY, "topic", expected=ours)


def test_replayed_on_a_persons_head(workspaces: Workspaces, start: str, attempt: Attempt, server: GitServer) -> None:
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    write(workspace, "app/count.py", files(workspace)["app/count.py"].replace("line_29 = 29", "line_29 = 'ours'"))
    write(workspace, "app/health.py", "OK = 200\n")
    ours = committed(workspaces, workspace, start)
    text = files(workspace)["app/count.py"]
    theirs = server.commit(
        "acme/tally",
        BRANCH,
        {"app/count.py": text.replace("'ours'", "29").replace("line_0 = 0", "line_0 = 'theirs'"), "their.md": "t\n"},
        parent=start,
    )

    replayed = workspaces.replay(workspace, ours, theirs)
    assert isinstance(replayed, Snapshot)
    assert (replayed.base, [file.path for file in replayed.changed]) == (theirs, ["app/count.py", "app/health.py"])
    assert "line_0 = 'theirs'" in files(workspace)["app/count.py"]
    assert "line_29 = 'ours'" in files(workspace)["app/count.py"]
    assert files(workspace)["their.md"] == "t\n"
    assert workspaces.snapshot(workspace, base=theirs) == replayed
    again = workspaces.commit(workspace, tree=replayed.tree, parent=theirs, message="Build\n", at=AT)
    assert workspaces.push(workspace, again, BRANCH, expected=theirs) == Pushed(sha=again)


def test_a_replay_carries_our_change_alone(
    workspaces: Workspaces, start: str, attempt: Attempt, server: GitServer
) -> None:
    """A person dropped our first commit from the branch: replaying the second does not bring it back."""
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    write(workspace, "first.txt", "1\n")
    first = committed(workspaces, workspace, start)
    write(workspace, "second.txt", "2\n")
    second = committed(workspaces, workspace, first)
    theirs = server.commit("acme/tally", BRANCH, {"theirs.txt": "3\n"}, parent=start)
    replayed = workspaces.replay(workspace, second, theirs)
    assert isinstance(replayed, Snapshot)
    assert [file.path for file in replayed.changed] == ["second.txt"]
    assert "first.txt" not in files(workspace)


def test_a_conflict_names_the_paths_and_touches_nothing(
    workspaces: Workspaces, start: str, attempt: Attempt, server: GitServer
) -> None:
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    write(workspace, "app/names.py", "names = ['ours']\n")
    (Path(workspace.path) / "README.md").unlink()
    ours = committed(workspaces, workspace, start)
    before = files(workspace)
    theirs = server.commit(
        "acme/tally", BRANCH, {"app/names.py": "names = ['theirs']\n", "README.md": "# T\n"}, parent=start
    )
    assert workspaces.replay(workspace, ours, theirs) == Conflict(paths=("README.md", "app/names.py"))
    assert files(workspace) == before


def test_a_failed_attempts_files_are_carried_into_the_next(
    workspaces: Workspaces, start: str, attempt: Attempt, server: GitServer
) -> None:
    failed = workspaces.prepare(attempt(1), TALLY, start=start)
    write(failed, "app/health.py", "OK = 500\n")
    (Path(failed.path) / "app/names.py").unlink()
    tree = workspaces.snapshot(failed).tree
    kept = workspaces.keep(attempt(1), failed, tree)
    assert workspaces.keep(attempt(1), failed, tree) == kept
    workspaces.release(attempt(1))

    following = workspaces.prepare(attempt(2), TALLY, start=start, carry=kept)
    assert following.carried == kept
    assert workspaces.snapshot(following).tree == tree
    assert git("status", "--porcelain", cwd=following.path).splitlines() == [" D app/names.py", "?? app/health.py"]

    elsewhere = server.commit("acme/tally", "main", {"new": "n\n"})
    for carry, begin in ((kept, elsewhere), ("0" * 40, start), (start, start)):
        fresh = workspaces.prepare(attempt(3), TALLY, start=begin, carry=carry)
        assert fresh.carried is None
        assert workspaces.snapshot(fresh).empty
    assert server.head("acme/tally", "main") == elsewhere


def test_files_are_set_back_after_tests_dirtied_them(workspaces: Workspaces, start: str, attempt: Attempt) -> None:
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    path = Path(workspace.path)
    write(workspace, "app/health.py", "OK = 200\n")
    snapshot = workspaces.snapshot(workspace)
    judged = files(workspace)

    write(workspace, "app/health.py", "OK = 666\n")
    write(workspace, "README.md", "")
    write(workspace, "left/over.txt", "x")
    write(workspace, "build/cache", "costly")
    (path / "app/names.py").unlink()
    (path / "tests/test_count.py").unlink()
    (path / "tests").rmdir()
    (path / "tests").symlink_to("/etc")
    git("init", "--quiet", str(path / "nested"), cwd="/")
    workspaces.restore(workspace, snapshot.tree)
    assert files(workspace) == {**judged, "build/cache": "costly"}
    assert workspaces.snapshot(workspace) == snapshot


def test_release_and_leftovers(
    workspaces: Workspaces, start: str, attempt: Attempt, root: Path, server: GitServer
) -> None:
    made = {number: workspaces.prepare(attempt(number), TALLY, start=start) for number in (1, 2, 3)}
    for number in (1, 2):
        workspaces.keep(attempt(number), made[number], workspaces.snapshot(made[number]).tree)
    workspaces.release(attempt(1))
    workspaces.release(attempt(1))
    live = {attempt(2).key}
    assert workspaces.leftovers(live) == {attempt(1).key}  # attempt 3 is young: it may have begun just now
    assert Path(made[3].path).is_dir()
    assert workspaces.leftovers(live, older_than_seconds=0) == {attempt(3).key}
    assert workspaces.leftovers(live, older_than_seconds=0) == set()
    mirror = root / "mirrors" / "acme--tally.git"
    assert [path.name for path in (root / "worktrees").iterdir() if path.is_dir() and path.name != ".trash"] == [
        attempt(2).key
    ]
    assert list((root / "worktrees/.trash").iterdir()) == []
    assert [path.name for path in (mirror / "worktrees").iterdir()] == [attempt(2).key]
    assert git("for-each-ref", "--format=%(refname)", "refs/issuewright", cwd=mirror).splitlines() == [
        f"refs/issuewright/attempts/{attempt(2).key}"
    ]
    assert workspaces.snapshot(made[2]).empty
    assert workspaces.leftovers(set(), older_than_seconds=0) == {attempt(2).key}
    assert [path.name for path in (root / "worktrees").iterdir()] == [".trash"]


def test_nothing_is_fetched_twice(workspaces: Workspaces, start: str, attempt: Attempt, server: GitServer) -> None:
    workspaces.prepare(attempt(1), TALLY, start=start)
    fetched = len(server.requests)
    workspace = workspaces.prepare(attempt(2), TALLY, start=start)
    workspaces.diff_digest(TALLY, start, start)
    assert len(server.requests) == fetched
    hidden = server.commit("acme/tally", "gone", {"x": "y\n"}, parent=start)
    git("update-ref", "-d", "refs/heads/gone", cwd=server.repository("acme/tally"))
    assert workspaces.file_digests(TALLY, hidden, ["x"]).keys() == {"x"}  # reachable from no branch, fetched by its id
    fetched = len(server.requests)
    workspaces.prepare(attempt(1), TALLY, start=hidden)
    assert len(server.requests) == fetched
    assert workspace.start == start


def test_a_branch_may_take_the_name_of_a_folder_of_branches(
    workspaces: Workspaces, start: str, server: GitServer
) -> None:
    path = server.repository("acme/tally")
    git("update-ref", "refs/heads/topic/one", start, cwd=path)
    workspaces.fetch(TALLY)
    git("update-ref", "-d", "refs/heads/topic/one", cwd=path)
    git("update-ref", "refs/heads/topic", start, cwd=path)
    git("update-ref", "refs/pull/7/head", start, cwd=path)
    workspaces.fetch(TALLY)
    workspaces.fetch(TALLY, "main", "refs/pull/7/head")
    assert workspaces.remote_head(TALLY, "topic") == start


def test_contents_of_commits(workspaces: Workspaces, start: str, server: GitServer) -> None:
    side = server.commit("acme/tally", "side", {"app/new.py": "a\nb\n", "bin": "\0\1"}, parent=start)
    main = server.commit("acme/tally", "main", {"main.txt": "m\n"})
    digest = workspaces.diff_digest(TALLY, main, side)
    assert digest == workspaces.diff_digest(TALLY, start, side)  # the base went on elsewhere: the diff is the same
    merged = git("merge-tree", "--write-tree", main, side, cwd=server.repository("acme/tally"))
    clean = git("commit-tree", merged, "-p", side, "-p", main, "-m", "m", cwd=server.repository("acme/tally"))
    assert workspaces.diff_digest(TALLY, main, clean) == digest
    other = server.commit("acme/tally", "side", {"bin": "\0\2"})
    assert workspaces.diff_digest(TALLY, main, other) != digest
    found = workspaces.file_digests(TALLY, side, ["app/new.py", "none", "app", "README.md"])
    assert found == {
        "app/new.py": "911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2",
        "README.md": found["README.md"],
    }
    assert workspaces.file_digests(TALLY, side, ["bin"]) == {"bin": sha256(b"\0\1").hexdigest()}
    assert workspaces.file_digests(TALLY, side, ["../README.md"]) == {}


def test_errors_say_whose_they_are(
    workspaces: Workspaces, start: str, attempt: Attempt, server: GitServer, root: Path
) -> None:
    with pytest.raises(NotFound, match="acme/none"):
        workspaces.remote_head(RepoRef(owner="acme", name="none"), "main")
    with pytest.raises(NotFound, match="acme/none"):
        workspaces.head_without_mirror(RepoRef(owner="acme", name="none"), "main")
    assert not (root / "mirrors/acme--none.git").exists()
    with pytest.raises(NotFound):
        workspaces.prepare(attempt(1), TALLY, start="1" * 40)
    with pytest.raises(Rejected) as refused:
        make(root, server.url, token="ghs_expired").remote_head(TALLY, "main")
    assert refused.value.status == 401
    for status, error in ((403, Rejected), (429, Transient), (502, Transient), (404, NotFound)):
        server.answer = status
        with pytest.raises(error) as raised:
            workspaces.remote_head(TALLY, "main")
        assert raised.value.status == status
    server.answer, server.words = 403, b"You have exceeded a secondary rate limit\n"
    with pytest.raises(Transient):
        workspaces.remote_head(TALLY, "main")
    server.answer = None
    with pytest.raises(Transient):
        make(root, "http://127.0.0.1:1").remote_head(TALLY, "main")
    for name in ("-x", "a..b", "a b", "", "x.lock", "a//b", "--upload-pack=touch /tmp/x"):
        with pytest.raises(ValueError, match="branch"):
            workspaces.remote_head(TALLY, name)
    with pytest.raises(ValueError, match="commit id"):
        workspaces.prepare(attempt(1), TALLY, start="--help")
    with pytest.raises(ValueError, match="file's name"):
        workspaces.release(AttemptRef(run_id="../..", stage="x", number=1))


def test_the_servers_rules_are_shown(workspaces: Workspaces, start: str, attempt: Attempt, server: GitServer) -> None:
    server.hook("acme/tally", "pre-receive", "echo 'GH013: commits must be signed' >&2; exit 1")
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    write(workspace, "a.txt", "a\n")
    commit = committed(workspaces, workspace, start)
    with pytest.raises(Rejected, match=r"(?s)pre-receive hook declined.*GH013: commits must be signed"):
        workspaces.push(workspace, commit, BRANCH, expected=None)
    assert server.head("acme/tally", BRANCH) is None


def test_a_head_without_a_mirror(server: GitServer, root: Path, start: str, tmp_path: Path) -> None:
    """Asked from outside of any repository, where newer git dies of the setting `remote.<name>.fetch`."""
    elsewhere = make(tmp_path / "empty", server.url)
    assert elsewhere.head_without_mirror(TALLY, "main") == start
    assert elsewhere.head_without_mirror(TALLY, "heads/main") is None
    assert list((tmp_path / "empty" / "mirrors").iterdir()) == []
    outside = replace(Remote(server.url, TOKEN), has_branches=False)
    assert [key for key in outside.config() if key.startswith("remote.")] == ["remote.origin.url"]
