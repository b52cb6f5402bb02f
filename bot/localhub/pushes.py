"""What follows when branches move: webhooks, and pull requests that follow."""

from typing import Any

from bot.localhub.clock import iso
from bot.localhub.diffs import EMPTY_TREE, changed_files
from bot.localhub.git import ZERO, Commit
from bot.localhub.hub import Hub
from bot.localhub.pulls import follow_base, follow_head
from bot.localhub.records import Actor, Repo, User
from bot.localhub.shapes.commits import account_of
from bot.localhub.view import View
from bot.localhub.webhooks import emit, view_for_webhooks

Json = dict[str, Any]
_MOST_COMMITS = 20


def record_push(hub: Hub, repo: Repo, by: Actor) -> None:
    """Find out what a push changed, by comparing git with what is known, and let it take effect.
    The caller holds the repository's `ref_lock`; inside a transaction."""
    known = {row["name"]: row["sha"] for row in hub.store.rows("SELECT name, sha FROM refs WHERE repo_id = ?", repo.id)}
    actual = hub.git(repo).refs("refs/heads", "refs/tags")
    for name in sorted(known.keys() | actual.keys()):
        old, new = known.get(name, ZERO), actual.get(name, ZERO)
        if old != new:
            hub.note_ref(repo, name, new)
            hub.touch(repo, pushed=True)
            ref_moved(hub, repo, name, old, new, by)


def move_ref(hub: Hub, repo: Repo, name: str, old: str, new: str, by: Actor) -> None:
    """Move a ref by the API: create, update or delete (ZERO). The caller holds the `ref_lock`."""
    hub.move_ref(repo, name, old, new)
    hub.touch(repo, pushed=True)
    ref_moved(hub, repo, name, old, new, by)


def ref_moved(hub: Hub, repo: Repo, name: str, old: str, new: str, by: Actor) -> None:
    """The consequences of a ref having moved: `push`, `create` or `delete`, and the pull requests."""
    announce_ref(hub, repo, name, old, new, by)
    if name.startswith("refs/heads/"):
        branch = name.removeprefix("refs/heads/")
        follow_head(hub, repo, branch, old, new, by)
        follow_base(hub, repo, branch, new, by)


def announce_ref(hub: Hub, repo: Repo, name: str, old: str, new: str, by: Actor) -> None:
    """Send the webhooks of a moved ref."""
    if not hub.installations_on(repo):
        return
    kind, short = ("branch", name[11:]) if name.startswith("refs/heads/") else ("tag", name[10:])
    view = view_for_webhooks(hub)
    about: Json = {"ref": short, "ref_type": kind, "pusher_type": "user"}
    if old == ZERO:
        more: Json = {"master_branch": repo.default_branch, "description": repo.description}
        emit(hub, repo, "create", None, by.user, about | more)
    emit(hub, repo, "push", None, by.user, _push_json(view, repo, name, old, new, by.user))
    if new == ZERO:
        emit(hub, repo, "delete", None, by.user, about)


def _push_json(view: View, repo: Repo, name: str, old: str, new: str, pusher: User) -> Json:
    git, page = view.hub.git(repo), view.repo_page(repo)
    commits: list[Commit] = []
    if new != ZERO:
        default = view.hub.head(repo, repo.default_branch)
        start = old if old != ZERO else (default if name != f"refs/heads/{repo.default_branch}" else None)
        span = [f"{start}..{new}"] if start else [new]
        commits = git.commits("--reverse", f"--max-count={_MOST_COMMITS}", *span)
    shown = [_push_commit_json(view, repo, commit) for commit in commits]
    head = None if new == ZERO else _push_commit_json(view, repo, git.commit(new))
    forced = ZERO not in (old, new) and not git.is_ancestor(old, new)
    return {
        "ref": name,
        "before": old,
        "after": new,
        "created": old == ZERO,
        "deleted": new == ZERO,
        "forced": forced,
        "base_ref": None,
        "compare": f"{page}/compare/{old[:12]}...{new[:12]}",
        "commits": shown,
        "head_commit": head,
        "pusher": {"name": pusher.login, "email": pusher.email},
    }


def _push_commit_json(view: View, repo: Repo, commit: Commit) -> Json:
    git = view.hub.git(repo)
    before = commit.parents[0] if commit.parents else EMPTY_TREE
    files = view.hub.remember(("commit files", repo.id, commit.sha), lambda: changed_files(git, before, commit.sha))
    people: Json = {}
    for role, who in (("author", commit.author), ("committer", commit.committer)):
        account = account_of(view, who)
        people[role] = {"name": who.name, "email": who.email, "date": iso(who.at)}
        if account:
            people[role]["username"] = account.login
    return {
        "id": commit.sha,
        "tree_id": commit.tree,
        "distinct": True,
        "message": commit.message,
        "timestamp": iso(commit.committer.at),
        "url": f"{view.repo_page(repo)}/commit/{commit.sha}",
        **people,
        "added": [file.path for file in files if file.status == "added"],
        "removed": [file.path for file in files if file.status == "removed"],
        "modified": [file.path for file in files if file.status not in ("added", "removed")],
    }
