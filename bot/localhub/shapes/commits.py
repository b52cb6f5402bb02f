"""JSON of commits, diffs, branches, comparisons and files."""

import base64
from typing import Any
from urllib.parse import quote

from bot.localhub.clock import iso
from bot.localhub.git import Commit, FileChange, Signature
from bot.localhub.protection import protection_of
from bot.localhub.records import Repo, User
from bot.localhub.shapes.people import user_json
from bot.localhub.shapes.protection import protection_summary
from bot.localhub.view import View, node_id

Json = dict[str, Any]
_UNSIGNED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def _signature_json(signature: Signature) -> Json:
    return {"name": signature.name, "email": signature.email, "date": iso(signature.at)}


def account_of(view: View, signature: Signature) -> User | None:
    """The user whose address a commit carries, None when it is nobody's."""
    return view.hub.store.one(User, "SELECT * FROM users WHERE email = ?", signature.email)


def commit_json(view: View, repo: Repo, commit: Commit) -> Json:
    """A `Commit`, without stats and files."""
    api, page = view.repo_api(repo), view.repo_page(repo)
    author, committer = account_of(view, commit.author), account_of(view, commit.committer)
    return {
        "sha": commit.sha,
        "node_id": node_id("Commit", f"{repo.id}:{commit.sha}"),
        "commit": {
            "author": _signature_json(commit.author),
            "committer": _signature_json(commit.committer),
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": f"{api}/git/trees/{commit.tree}"},
            "url": f"{api}/git/commits/{commit.sha}",
            "comment_count": 0,
            "verification": _UNSIGNED,
        },
        "url": f"{api}/commits/{commit.sha}",
        "html_url": f"{page}/commit/{commit.sha}",
        "comments_url": f"{api}/commits/{commit.sha}/comments",
        "author": user_json(view, author) if author else None,
        "committer": user_json(view, committer) if committer else None,
        "parents": [
            {"sha": sha, "url": f"{api}/commits/{sha}", "html_url": f"{page}/commit/{sha}"} for sha in commit.parents
        ],
    }


def full_commit_json(view: View, repo: Repo, commit: Commit, files: list[FileChange]) -> Json:
    """A `Commit` with its diff against the first parent."""
    additions, deletions = sum(f.additions for f in files), sum(f.deletions for f in files)
    return commit_json(view, repo, commit) | {
        "stats": {"total": additions + deletions, "additions": additions, "deletions": deletions},
        "files": [file_json(view, repo, commit.sha, file) for file in files],
    }


def git_commit_json(view: View, repo: Repo, commit: Commit) -> Json:
    """A `Git Commit`: the object alone, nobody's account."""
    api, page = view.repo_api(repo), view.repo_page(repo)
    return {
        "sha": commit.sha,
        "node_id": node_id("Commit", f"{repo.id}:{commit.sha}"),
        "url": f"{api}/git/commits/{commit.sha}",
        "html_url": f"{page}/commit/{commit.sha}",
        "author": _signature_json(commit.author),
        "committer": _signature_json(commit.committer),
        "tree": {"sha": commit.tree, "url": f"{api}/git/trees/{commit.tree}"},
        "message": commit.message,
        "parents": [
            {"sha": sha, "url": f"{api}/git/commits/{sha}", "html_url": f"{page}/commit/{sha}"}
            for sha in commit.parents
        ],
        "verification": _UNSIGNED,
    }


def file_json(view: View, repo: Repo, sha: str, file: FileChange) -> Json:
    """A `Diff Entry`; `sha` is the commit in which the file is seen."""
    path = quote(file.path)
    entry: Json = {
        "sha": file.sha,
        "filename": file.path,
        "status": file.status,
        "additions": file.additions,
        "deletions": file.deletions,
        "changes": file.additions + file.deletions,
        "blob_url": f"{view.repo_page(repo)}/blob/{sha}/{path}",
        "raw_url": f"{view.repo_page(repo)}/raw/{sha}/{path}",
        "contents_url": f"{view.repo_api(repo)}/contents/{path}?ref={sha}",
    }
    if file.patch is not None:
        entry["patch"] = file.patch
    if file.previous is not None:
        entry["previous_filename"] = file.previous
    return entry


def branch_json(view: View, repo: Repo, name: str, commit: Commit) -> Json:
    """A `Branch With Protection`."""
    api = f"{view.repo_api(repo)}/branches/{quote(name)}"
    rules = protection_of(view.hub, repo, name)
    return {
        "name": name,
        "commit": commit_json(view, repo, commit),
        "_links": {"self": api, "html": f"{view.repo_page(repo)}/tree/{quote(name)}"},
        "protected": rules is not None,
        "protection": protection_summary(rules),
        "protection_url": f"{api}/protection",
    }


def comparison_json(
    view: View,
    repo: Repo,
    names: tuple[str, str],
    ends: tuple[Commit, Commit],
    merge_base: Commit,
    ahead: list[Commit],
    behind: int,
    files: list[FileChange],
) -> Json:
    """A `Commit Comparison` of `ends` (base, head); `ahead` oldest first."""
    api, page = view.repo_api(repo), view.repo_page(repo)
    base, head = ends
    span = f"{base.sha}...{head.sha}"
    status = ("diverged" if behind else "ahead") if ahead else ("behind" if behind else "identical")
    return {
        "url": f"{api}/compare/{'...'.join(names)}",
        "html_url": f"{page}/compare/{'...'.join(names)}",
        "permalink_url": f"{page}/compare/{span}",
        "diff_url": f"{page}/compare/{'...'.join(names)}.diff",
        "patch_url": f"{page}/compare/{'...'.join(names)}.patch",
        "base_commit": commit_json(view, repo, base),
        "merge_base_commit": commit_json(view, repo, merge_base),
        "status": status,
        "ahead_by": len(ahead),
        "behind_by": behind,
        "total_commits": len(ahead),
        "commits": [commit_json(view, repo, commit) for commit in ahead[:250]],
        "files": [file_json(view, repo, head.sha, file) for file in files[:300]],
    }


def entry_json(view: View, repo: Repo, ref: str, path: str, kind: str, sha: str, size: int) -> Json:
    """What `contents` says about one file or directory; `kind` is git's (blob, tree, commit)."""
    api, page, place = view.repo_api(repo), view.repo_page(repo), quote(path)
    is_file = kind == "blob"
    itself = f"{api}/contents/{place}?ref={quote(ref)}"
    stored = f"{api}/git/{'blobs' if is_file else 'trees'}/{sha}"
    seen = f"{page}/{'blob' if is_file else 'tree'}/{quote(ref)}/{place}"
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "size": size,
        "url": itself,
        "html_url": seen,
        "git_url": stored,
        "download_url": f"{page}/raw/{quote(ref)}/{place}" if is_file else None,
        "type": {"blob": "file", "tree": "dir", "commit": "submodule"}[kind],
        "_links": {"self": itself, "git": stored, "html": seen},
    }


def content_json(view: View, repo: Repo, ref: str, path: str, sha: str, content: bytes) -> Json:
    """A `Content File` with its bytes in base64, broken into lines as GitHub does."""
    entry = entry_json(view, repo, ref, path, "blob", sha, len(content))
    return entry | {"content": base64.encodebytes(content).decode(), "encoding": "base64"}
