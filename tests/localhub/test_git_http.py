"""Git over HTTP: who may clone and push, large and packed bodies, and what a push sets off."""

import gzip
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.localhub.harness import Localhub, git, push_change


def test_who_may_push(hub: Localhub, tmp_path: Path) -> None:
    push_change(hub, tmp_path, hub.tokens["wendy"], "topic", "a.txt", "a\n")
    clone = tmp_path / "clone"
    for token in (
        hub.tokens["rita"],
        hub.tokens["tom"],
        hub.tokens["sam"],
        hub.bot_token(permissions={"issues": "write"}),
    ):
        git(clone, "remote", "set-url", "origin", hub.remote(token))
        refused = git(clone, "push", "origin", "topic:other", check=False)
        assert refused.returncode != 0
        assert "403" in refused.stderr
        git(clone, "fetch", "-q", "origin")
    for nobody in (None, "nonsense"):
        git(clone, "remote", "set-url", "origin", hub.remote(nobody))
        assert git(clone, "push", "origin", "topic:other", check=False).returncode != 0
    branches = [branch["name"] for branch in hub.by("wendy", "GET", "/branches")]
    assert branches == ["main", "topic"]


def test_a_private_repository_is_cloned_by_its_people(hub: Localhub, tmp_path: Path) -> None:
    name = f"{hub.repository.partition('/')[2]}-private"
    hub.control("POST", "/repositories", {"owner": "acme", "name": name, "private": True})
    hub.repository = f"acme/{name}"
    for token in (None, hub.tokens["sam"], hub.bot_token()):
        assert git(tmp_path, "clone", "-q", hub.remote(token), "no", check=False).returncode != 0
    git(tmp_path, "clone", "-q", hub.remote(hub.tokens["acme"]), "yes")


def test_a_large_push_streams(hub: Localhub, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", hub.remote(hub.tokens["wendy"]), "clone")
    clone = tmp_path / "clone"
    (clone / "large.bin").write_bytes(os.urandom(3_000_000))  # over git's postBuffer: sent in chunks
    git(clone, "add", "-A")
    git(clone, "commit", "-qm", "large")
    git(clone, "push", "-q", "origin", "HEAD:large")
    git(tmp_path, "clone", "-q", "-b", "large", hub.remote(None), "again")
    assert (tmp_path / "again" / "large.bin").read_bytes() == (clone / "large.bin").read_bytes()


def test_a_packed_request_is_unpacked(hub: Localhub) -> None:
    sha = hub.by("wendy", "GET", "/git/ref/heads/main")["object"]["sha"]
    want = f"want {sha}\n"
    body = f"{len(want) + 4:04x}{want}00000009done\n".encode()
    headers = {"content-type": "application/x-git-upload-pack-request", "content-encoding": "gzip"}
    answer = hub.http.post(f"{hub.remote(None)}/git-upload-pack", content=gzip.compress(body), headers=headers)
    assert answer.status_code == 200
    assert b"PACK" in answer.content


def test_force_delete_and_tags(hub: Localhub, tmp_path: Path) -> None:
    token = hub.tokens["wendy"]
    push_change(hub, tmp_path, token, "topic", "a.txt", "a\n")
    hub.by("wendy", "POST", "/pulls", {"title": "t", "head": "topic", "base": "main"})
    clone = tmp_path / "clone"
    (clone / "a.txt").write_text("b\n")
    git(clone, "commit", "-qa", "--amend", "-m", "another")
    lease = "--force-with-lease=topic:" + "0" * 40
    assert git(clone, "push", "-q", lease, "origin", "topic", check=False).returncode != 0
    git(clone, "push", "-q", "--force-with-lease", "origin", "topic")
    head = git(clone, "rev-parse", "HEAD").stdout.strip()
    assert hub.by("wendy", "GET", "/pulls/1")["head"]["sha"] == head
    git(clone, "push", "-q", "origin", "HEAD:refs/tags/v1", ":topic")
    assert hub.by("wendy", "GET", "/git/ref/tags/v1")["object"]["sha"] == head
    assert hub.by("wendy", "GET", "/pulls/1")["state"] == "closed"
    fetched = git(clone, "fetch", "origin", "pull/1/head")
    assert "pull/1/head" in fetched.stderr
    assert git(clone, "push", "origin", "HEAD:refs/pull/1/head", check=False).returncode != 0


def test_pushes_and_merges_at_once(hub: Localhub, tmp_path: Path) -> None:
    token = hub.tokens["mary"]
    names = [f"topic-{number}" for number in range(3)]
    for name in names:
        work = tmp_path / name
        work.mkdir()
        push_change(hub, work, token, name, f"{name}.txt", "one\n")
        hub.by("mary", "POST", "/pulls", {"title": name, "head": name, "base": "main"})

    def merge(number: int) -> int:
        return hub.call("PUT", f"/pulls/{number}/merge", token, {}).status_code

    def push(name: str) -> str:
        return push_change(hub, tmp_path / name, token, f"{name}-later", f"{name}-later.txt", "two\n")

    with ThreadPoolExecutor(6) as pool:
        pushed = pool.map(push, names)
        merged = pool.map(merge, (1, 2, 3))
        assert list(merged) == [200, 200, 200]
        shas = list(pushed)
    refs = [hub.by("mary", "GET", f"/git/ref/heads/{name}-later") for name in names]
    assert [ref["object"]["sha"] for ref in refs] == shas
    files = {entry["name"] for entry in hub.by("mary", "GET", "/contents")}
    assert {f"{name}.txt" for name in names} <= files
    main = git(tmp_path, "ls-remote", hub.remote(None), "refs/heads/main").stdout.split()[0]
    assert hub.by("mary", "GET", "/git/ref/heads/main")["object"]["sha"] == main


@pytest.mark.parametrize("path", ["/HEAD", "/objects/info/packs", "/config", "/../../hub.db"])
def test_nothing_else_is_served(hub: Localhub, path: str) -> None:
    assert hub.http.get(f"{hub.remote(None)}{path}").status_code == 404
