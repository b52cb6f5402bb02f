"""JSON of repositories, branches and refs."""

from typing import Any

from bot.localhub.people import Role, role_of
from bot.localhub.protection import protection_of
from bot.localhub.records import Repo, User
from bot.localhub.shapes.people import user_json
from bot.localhub.view import View, node_id

Json = dict[str, Any]

# What GitHub hangs under a repository's API URL, by the name of the field that holds it.
_TEMPLATES = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def lite_repo_json(view: View, repo: Repo) -> Json:
    """A `Repository Lite`: what it is called and where its things are."""
    api = view.repo_api(repo)
    shape: Json = {
        "id": repo.id,
        "node_id": node_id("Repository", repo.id),
        "name": repo.name,
        "full_name": repo.full_name,
        "private": bool(repo.private),
        "owner": user_json(view, view.hub.user(repo.owner_id)),
        "html_url": view.repo_page(repo),
        "description": repo.description,
        "fork": False,
        "url": api,
    }
    return shape | {field: api + template for field, template in _TEMPLATES.items()}


def repo_json(view: View, repo: Repo) -> Json:
    """A `Repository`, as webhooks and lists show it."""
    page = view.repo_page(repo)
    open_issues = view.hub.store.value("SELECT count(*) FROM issues WHERE repo_id = ? AND state = 'open'", repo.id)
    return lite_repo_json(view, repo) | {
        "created_at": repo.created_at,
        "updated_at": repo.updated_at,
        "pushed_at": repo.pushed_at,
        "git_url": f"{page.replace('http', 'git', 1)}.git",
        "ssh_url": f"{page}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "homepage": None,
        "size": 0,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": None,
        "has_issues": True,
        "has_projects": False,
        "has_downloads": False,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": 0,
        "mirror_url": None,
        "archived": False,
        "disabled": False,
        "open_issues_count": open_issues,
        "license": None,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
        "visibility": "private" if repo.private else "public",
        "forks": 0,
        "open_issues": open_issues,
        "watchers": 0,
        "default_branch": repo.default_branch,
    }


def full_repo_json(view: View, repo: Repo, reader: User | None) -> Json:
    """A `Full Repository`, with the reader's own permissions."""
    return listed_repo_json(view, repo, reader) | {"network_count": 0, "subscribers_count": 0}


def listed_repo_json(view: View, repo: Repo, reader: User | None) -> Json:
    """A `Repository` in a list, with the reader's own permissions."""
    role = role_of(view.hub, repo, reader)
    return repo_json(view, repo) | {
        "permissions": {
            "admin": role >= Role.ADMIN,
            "maintain": role >= Role.MAINTAIN,
            "push": role >= Role.WRITE,
            "triage": role >= Role.TRIAGE,
            "pull": role >= Role.READ,
        },
        "allow_squash_merge": True,
        "allow_merge_commit": True,
        "allow_rebase_merge": True,
        "allow_auto_merge": False,
        "delete_branch_on_merge": False,
        "allow_update_branch": False,
    }


def small_repo_json(view: View, repo: Repo) -> Json:
    """What a check run's list of pull requests says about a repository."""
    return {"id": repo.id, "url": view.repo_api(repo), "name": repo.name}


def ref_json(view: View, repo: Repo, name: str, sha: str) -> Json:
    """A `Git Reference`; `name` is full (refs/heads/main)."""
    return {
        "ref": name,
        "node_id": node_id("Ref", f"{repo.id}:{name}"),
        "url": f"{view.repo_api(repo)}/git/{name}",
        "object": {"sha": sha, "type": "commit", "url": f"{view.repo_api(repo)}/git/commits/{sha}"},
    }


def short_branch_json(view: View, repo: Repo, name: str, sha: str) -> Json:
    """A `Short Branch`."""
    commit = {"sha": sha, "url": f"{view.repo_api(repo)}/commits/{sha}"}
    return {"name": name, "commit": commit, "protected": protection_of(view.hub, repo, name) is not None}
