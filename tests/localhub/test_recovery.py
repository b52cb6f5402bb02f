"""What a killed hub had half done, it finishes when it starts: the states a kill leaves, made by hand."""

import base64
import contextlib
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import psutil

from bot.localhub.git import ZERO, Git, Signature
from bot.localhub.hub import Hub
from tests.localhub.harness import Localhub, Receiver, git, push_change, wait_for


def bare(hub: Localhub) -> Path:
    return hub.directory / "repos" / "acme" / "tally.git"


def test_a_push_that_git_took_in_and_nobody_heard_of(own_hub: Localhub, receiver: Receiver, tmp_path: Path) -> None:
    push_change(own_hub, tmp_path, own_hub.tokens["wendy"], "topic", "a.txt", "a\n")
    own_hub.by("wendy", "POST", "/pulls", {"title": "t", "head": "topic", "base": "main"})
    own_hub.kill()
    clone = tmp_path / "clone"
    (clone / "a.txt").write_text("b\n")
    git(clone, "commit", "-qam", "b")
    git(clone, "push", "-q", str(bare(own_hub)), "topic")
    stopped = Hub(own_hub.directory)
    wendy = stopped.user_named("wendy")
    assert wendy is not None
    with stopped.store.transaction():
        stopped.store.insert("open_pushes", repo_id=stopped.repo_named("acme", "tally").id, user_id=wendy.id)
    stopped.store.close()

    own_hub.start()

    sha = git(clone, "rev-parse", "HEAD").stdout.strip()
    assert own_hub.by("wendy", "GET", "/pulls/1")["head"]["sha"] == sha
    (moved,) = wait_for("the webhook", lambda: receiver.named("pull_request.synchronize"))
    assert (moved.payload["after"], moved.payload["sender"]["login"]) == (sha, "wendy")


def test_nothing_serves_half_a_request_after_it(own_hub: Localhub) -> None:
    url = httpx.URL(own_hub.remote(own_hub.tokens["wendy"]))
    assert own_hub.process is not None and url.port is not None
    with socket.create_connection(("127.0.0.1", url.port)) as caller:
        head = f"POST {url.path}/git-upload-pack HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
        head += (
            "Content-Type: application/x-git-upload-pack-request\r\n"  # git asks for it before it waits for the rest
        )
        login = base64.b64encode(url.userinfo).decode()
        caller.sendall(f"{head}Authorization: Basic {login}\r\n\r\n0032".encode())
        hub = psutil.Process(own_hub.process.pid)
        server = wait_for("git", lambda: hub.children(recursive=True))[0]
        own_hub.kill()
        wait_for("git's end", lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)


def test_a_merge_that_the_database_knows_and_git_does_not(own_hub: Localhub) -> None:
    old = own_hub.by("wendy", "GET", "/git/ref/heads/main")["object"]["sha"]
    own_hub.kill()
    repository = Git(bare(own_hub))
    who = Signature("Mary", "mary@example.com", time.time())
    new = repository.commit_tree(repository.commit(old).tree, (old,), "Merged", who, who)
    stopped = Hub(own_hub.directory)
    repo = stopped.repo_named("acme", "tally")
    with stopped.store.transaction():
        for name, before, after in (("main", old, new), ("made", ZERO, new)):
            ref = f"refs/heads/{name}"
            stopped.store.insert(
                "ref_updates", id=stopped.store.new_id(), repo_id=repo.id, name=ref, old=before, new=after
            )
            stopped.note_ref(repo, ref, after)
    repository.move_ref("refs/heads/made", new, ZERO)  # the kill came after this one, and before its row was gone
    stopped.store.close()

    own_hub.start()

    for name in ("main", "made"):
        assert repository.refs("refs/heads")[f"refs/heads/{name}"] == new
        assert own_hub.by("wendy", "GET", f"/git/ref/heads/{name}")["object"]["sha"] == new
    assert not [one for one in own_hub.control("GET", "/deliveries") if one["event"] == "push"], "no push happened"


def test_only_one_process_serves_a_directory(own_hub: Localhub) -> None:
    command = [sys.executable, "-m", "bot.localhub", "--dir", str(own_hub.directory)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert second.returncode == 1
    assert "another process serves" in second.stderr
    assert own_hub.http.get(f"{own_hub.url}/_localhub/healthz").status_code == 200


def test_what_was_answered_is_kept_whenever_it_is_killed(own_hub: Localhub, receiver: Receiver, tmp_path: Path) -> None:
    """Comments, pushes and merges go on while the hub is killed again and again; the seed is in the output."""
    seed = time.time_ns()
    print("seed", seed)
    chance = random.Random(seed)
    token = own_hub.tokens["mary"]
    own_hub.by("mary", "POST", "/issues", {"title": "t"})
    answered: list[int] = []
    for turn in range(3):
        branch = f"topic-{turn}"
        head = push_change(own_hub, tmp_path, token, branch, f"{branch}.txt", "one\n")
        pull = own_hub.by("mary", "POST", "/pulls", {"title": branch, "head": branch, "base": "main"})["number"]
        killer = threading.Timer(chance.uniform(0.0, 0.12), own_hub.kill)
        killer.start()
        with contextlib.suppress(httpx.TransportError):
            for _ in range(chance.randrange(8)):
                made = own_hub.by("mary", "POST", "/issues/1/comments", {"body": "x"})
                answered.append(made["id"])
            own_hub.by("mary", "PUT", f"/pulls/{pull}/merge", {"sha": head})
            push_change_or_fail(tmp_path, own_hub)
        killer.join()
        own_hub.start()
        whole(own_hub, pull)
    comments = own_hub.by("mary", "GET", "/issues/1/comments?per_page=100")
    assert set(answered) <= {comment["id"] for comment in comments}
    git(bare(own_hub), "fsck", "--strict")
    wait_for("every webhook", lambda: all(one["attempts"] for one in own_hub.control("GET", "/deliveries")))
    opened = [delivered.payload["number"] for delivered in receiver.named("pull_request.opened")]
    assert sorted(set(opened)) == [2, 3, 4]


def push_change_or_fail(work: Path, hub: Localhub) -> None:
    clone = work / "clone"
    git(clone, "commit", "-q", "--allow-empty", "-m", "later")
    git(clone, "push", "-q", "origin", "HEAD:refs/heads/later", "--force", check=False)


def whole(hub: Localhub, pull: int) -> None:
    """Git and the answers agree, and a pull request is merged entirely or not at all."""
    actual = Git(bare(hub)).refs("refs/heads")
    told = {ref["ref"]: ref["object"]["sha"] for ref in hub.by("mary", "GET", "/git/refs?per_page=100")}
    assert told == actual
    shown = hub.by("mary", "GET", f"/pulls/{pull}")
    names = {entry["name"] for entry in hub.by("mary", "GET", "/contents")}
    assert shown["merged"] == (shown["state"] == "closed") == (f"topic-{pull - 2}.txt" in names)
