"""What a killed hub had half done, it finishes when it starts: the states a kill leaves, made by hand."""

import subprocess
import sys
import time
from pathlib import Path

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
