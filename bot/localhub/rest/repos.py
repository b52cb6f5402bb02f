"""REST: repositories, branches, commits, comparisons and contents. Its catch-all paths come last."""

from bot.localhub.api import Answer, Call, Routes
from bot.localhub.diffs import EMPTY_TREE, changed_files
from bot.localhub.errors import ApiError, not_found
from bot.localhub.git import Commit
from bot.localhub.people import Role, role_of
from bot.localhub.records import Repo
from bot.localhub.rest.parameters import moment
from bot.localhub.shapes.commits import (
    branch_json,
    commit_json,
    comparison_json,
    content_json,
    entry_json,
    full_commit_json,
    git_commit_json,
)
from bot.localhub.shapes.repos import full_repo_json, listed_repo_json, short_branch_json

routes = Routes()
REPO = "/repos/{owner}/{repo}"


@routes.get(REPO)
def get_repo(call: Call) -> object:
    """GitHub's `repos/get`."""
    return full_repo_json(call.view, call.repo(), call.caller.user)


@routes.get("/user/repos")
def list_my_repos(call: Call) -> object:
    """GitHub's `repos/list-for-authenticated-user`."""
    user = call.actor.user
    repos = call.hub.store.all(Repo, "SELECT * FROM repositories ORDER BY owner, name")
    mine = [repo for repo in repos if role_of(call.hub, repo, user) > Role.READ]
    return call.page(mine, lambda repo: listed_repo_json(call.view, repo, user))


@routes.get(f"{REPO}/branches")
def list_branches(call: Call) -> object:
    """GitHub's `repos/list-branches`."""
    repo = call.repo(resource="contents")
    sql = "SELECT name, sha FROM refs WHERE repo_id = ? AND name LIKE 'refs/heads/%' ORDER BY name"
    rows = call.hub.store.rows(sql, repo.id)
    return call.page(rows, lambda row: short_branch_json(call.view, repo, row["name"][11:], row["sha"]))


@routes.get(f"{REPO}/branches/{{branch:path}}")
def get_branch(call: Call) -> object:
    """GitHub's `repos/get-branch`."""
    repo, name = call.repo(resource="contents"), call.parameters["branch"]
    sha = call.hub.head(repo, name)
    if sha is None:
        raise not_found("Branch not found")
    return branch_json(call.view, repo, name, call.hub.git(repo).commit(sha))


def _commit(call: Call, repo: Repo, ref: str, missing: ApiError) -> Commit:
    git = call.hub.git(repo)
    sha = git.commit_id(ref)
    if sha is None:
        raise missing
    return git.commit(sha)


@routes.get(f"{REPO}/commits")
def list_commits(call: Call) -> object:
    """GitHub's `repos/list-commits`."""
    repo, query = call.repo(resource="contents"), call.query
    start = _commit(call, repo, query.get("sha") or repo.default_branch, not_found())
    options = [start.sha]
    if "since" in query:
        options.insert(0, f"--since={int(moment(query['since']))}")
    if "author" in query:
        options.insert(0, f"--author={query['author']}")
    if "path" in query:
        options += ["--", query["path"]]
    return call.page(call.hub.git(repo).commits(*options), lambda commit: commit_json(call.view, repo, commit))


@routes.get(f"{REPO}/git/commits/{{sha}}")
def get_git_commit(call: Call) -> object:
    """GitHub's `git/get-commit`."""
    repo = call.repo(resource="contents")
    return git_commit_json(call.view, repo, _commit(call, repo, call.parameters["sha"], not_found()))


@routes.get(f"{REPO}/commits/{{ref:path}}")
def get_commit(call: Call) -> object:
    """GitHub's `repos/get-commit`."""
    repo, ref = call.repo(resource="contents"), call.parameters["ref"]
    commit = _commit(call, repo, ref, ApiError(422, f"No commit found for SHA: {ref}"))
    if "sha" in call.headers.get("accept", ""):
        return Answer(commit.sha.encode(), headers={"content-type": "application/vnd.github.sha"})
    before = commit.parents[0] if commit.parents else EMPTY_TREE
    files = changed_files(call.hub.git(repo), before, commit.sha)
    return full_commit_json(call.view, repo, commit, files)


@routes.get(f"{REPO}/compare/{{span:path}}")
def compare(call: Call) -> object:
    """GitHub's `repos/compare-commits-with-basehead`."""
    repo = call.repo(resource="contents")
    base_name, dots, head_name = call.parameters["span"].partition("...")
    if not dots:
        raise not_found()
    base, head = (_commit(call, repo, name.rpartition(":")[2], not_found()) for name in (base_name, head_name))
    git = call.hub.git(repo)
    merge_base = git.merge_base(base.sha, head.sha)
    if merge_base is None:
        raise not_found(f"No common ancestor between {base_name} and {head_name}.")
    ahead = git.commits("--reverse", f"{base.sha}..{head.sha}")
    behind, files = git.count(head.sha, base.sha), changed_files(git, merge_base, head.sha)
    return comparison_json(
        call.view, repo, (base_name, head_name), (base, head), git.commit(merge_base), ahead, behind, files
    )


@routes.get(f"{REPO}/readme")
def get_readme(call: Call) -> object:
    """GitHub's `repos/get-readme`."""
    call.parameters["path"] = "README.md"
    return get_contents(call)


@routes.get(f"{REPO}/contents")
@routes.get(f"{REPO}/contents/{{path:path}}")
def get_contents(call: Call) -> object:
    """GitHub's `repos/get-content`."""
    repo = call.repo(resource="contents")
    path = call.parameters.get("path", "").strip("/")
    ref = call.query.get("ref") or repo.default_branch
    commit = _commit(call, repo, ref, not_found(f"No commit found for the ref {ref}"))
    git = call.hub.git(repo)
    entry = git.entry(commit.sha, path) if path else ("", "tree", commit.tree, 0)
    if entry is None:
        raise not_found()
    _, kind, sha, size = entry
    if kind == "tree":
        return [entry_json(call.view, repo, ref, *inside) for inside in git.directory(commit.sha, path)]
    if kind != "blob":
        return entry_json(call.view, repo, ref, path, kind, sha, size)
    content = git.run("cat-file", "blob", sha)
    if "raw" in call.headers.get("accept", ""):
        return Answer(content, headers={"content-type": "application/vnd.github.raw; charset=utf-8"})
    return content_json(call.view, repo, ref, path, sha, content)
