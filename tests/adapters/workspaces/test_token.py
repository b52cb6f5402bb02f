"""The token reaches the server and nothing else: no file, no argv, no log line, no exception."""

import base64
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.adapters.git import Remote
from bot.domain.errors import ForgeError
from bot.domain.refs import AttemptRef
from tests.adapters.workspaces.conftest import TALLY, TOKEN, make
from tests.adapters.workspaces.git_server import GitServer
from tests.adapters.workspaces.wrapper import wrapped_git

ENCODED = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()


def test_the_token_stays_in_memory(
    root: Path,
    tmp_path: Path,
    server: GitServer,
    start: str,
    attempt: Callable[[int], AttemptRef],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    wrapper = wrapped_git(tmp_path / "bin")
    monkeypatch.setenv("PATH", wrapper.environment()["PATH"])
    workspaces = make(root, server.url)
    workspace = workspaces.prepare(attempt(1), TALLY, start=start)
    (Path(workspace.path) / "a.txt").write_text("a\n")
    tree = workspaces.snapshot(workspace).tree
    at = datetime(2026, 3, 1, tzinfo=UTC)
    commit = workspaces.commit(workspace, tree=tree, parent=start, message="A\n", at=at)
    workspaces.push(workspace, commit, "side", expected=None)
    workspaces.fetch(TALLY)
    workspaces.remote_head(TALLY, "main")

    said = [caplog.text, wrapper.argv.read_text()]
    # A server that echoes what it was given, and rules that refuse.
    server.hook("acme/tally", "pre-receive", f"echo 'you sent {TOKEN} as {ENCODED}' >&2; exit 1")
    (Path(workspace.path) / "b.txt").write_text("b\n")
    other = workspaces.commit(workspace, tree=workspaces.snapshot(workspace).tree, parent=commit, message="B\n", at=at)
    for answer in (None, 401, 403, 500):
        server.answer = answer
        with pytest.raises(ForgeError) as refused:
            workspaces.push(workspace, other, "side", expected=commit)
        said += [str(refused.value), repr(refused.value), repr(refused.value.__cause__)]
    said += [repr(Remote(server.url, TOKEN)), caplog.text]
    assert any("you sent [token] as [token]" in words for words in said)
    assert any("push --porcelain" in words for words in said)

    on_disk = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(on_disk) > 20
    for secret in (TOKEN, ENCODED, "AUTHORIZATION", "Authorization"):
        assert not [words for words in said if secret in words]
        assert not [path for path in on_disk if secret.encode() in path.read_bytes()]


def test_the_token_goes_to_its_own_host_only() -> None:
    remote = Remote("https://github.example:8443/acme/tally.git", TOKEN)
    headers = {key: value for key, value in remote.config().items() if TOKEN in value or ENCODED in value}
    assert headers == {"http.https://github.example:8443/.extraHeader": f"Authorization: Basic {ENCODED}"}
    assert TOKEN not in str(Remote("/srv/tally.git", TOKEN).config())
    with pytest.raises(ValueError, match="credentials") as refused:
        Remote(f"https://x:{TOKEN}@github.example/acme/tally.git", "")
    assert TOKEN not in str(refused.value)


def test_a_redirect_is_not_followed(
    root: Path, server: GitServer, start: str, attempt: Callable[[int], AttemptRef], tmp_path: Path
) -> None:
    server.answer = 302
    with pytest.raises(ForgeError):
        make(root, server.url).remote_head(TALLY, "main")


def test_only_http_is_spoken(root: Path, server: GitServer, start: str) -> None:
    for url in ("ext::sh -c date", "ssh://127.0.0.1", str(server.root)):
        with pytest.raises(ForgeError, match=r"not allowed"):
            make(root, url).remote_head(TALLY, "main")
