"""Repository pages: commits, one commit, branches, and the difference between two places."""

import re

from starlette.responses import Response

from bot.localhub import pushes
from bot.localhub.auth import need
from bot.localhub.checks_state import rollup
from bot.localhub.diffs import EMPTY_TREE, changed_files
from bot.localhub.errors import ApiError, not_found
from bot.localhub.git import ZERO, Git
from bot.localhub.pages.code import REPO, plain_text
from bot.localhub.pages.diffs import shown_files
from bot.localhub.pages.places import branches, spot
from bot.localhub.pages.visit import Pages, Visit, go, place
from bot.localhub.people import Role
from bot.localhub.pulls import open_pulls_from
from bot.localhub.records import Repo

pages = Pages()
PER_PAGE = 35


@pages.get(REPO + "/commits")
@pages.get(REPO + "/commits/{rest:path}")
def commits(visit: Visit) -> Response:
    """The commits of a branch, or those that changed a path."""
    repo = visit.repo()
    where = spot(visit, repo, visit.parameters.get("rest") or repo.default_branch)
    number = max(int(visit.query["page"]) if re.fullmatch(r"[0-9]{1,6}", visit.query.get("page", "")) else 1, 1)
    span = [f"--skip={(number - 1) * PER_PAGE}", f"--max-count={PER_PAGE + 1}", where.commit.sha]
    found = where.git.commits(*span, *(["--", where.path] if where.path else []))
    return visit.page(
        "commits.html.j2",
        f"Commits · {repo.full_name}",
        repo=repo,
        tab="code",
        where=where,
        commits=found[:PER_PAGE],
        number=number,
        has_more=len(found) > PER_PAGE,
    )


@pages.get(REPO + "/commit/{sha}")
def commit(visit: Visit) -> Response:
    """One commit and its diff against its first parent; `.diff` and `.patch` as text."""
    repo, name = visit.repo(), visit.parameters["sha"]
    git = visit.hub.git(repo)
    bare = name.removesuffix(".diff").removesuffix(".patch")
    sha = git.commit_id(bare)
    if sha is None:
        raise not_found()
    if name.endswith(".patch"):
        return plain_text(git.run("format-patch", "-1", "--stdout", sha).decode(errors="replace"))
    found = git.commit(sha)
    before = found.parents[0] if found.parents else EMPTY_TREE
    if name.endswith(".diff"):
        return plain_text(git.run("diff", before, sha).decode(errors="replace"))
    files = visit.hub.remember(("commit files", repo.id, sha), lambda: changed_files(git, before, sha))
    return visit.page(
        "commit.html.j2",
        f"{found.message.partition(chr(10))[0]} · {repo.full_name}@{sha[:7]}",
        repo=repo,
        tab="code",
        commit=found,
        files=shown_files(files),
        state=rollup(visit.hub, repo, sha),
    )


@pages.get(REPO + "/branches")
def list_branches(visit: Visit) -> Response:
    """Every branch: how far it is from the default one, and its pull request."""
    repo = visit.repo()
    git, main = visit.hub.git(repo), visit.hub.head(repo, repo.default_branch)
    shown = []
    for name, sha in branches(visit, repo):
        ahead = behind = 0
        if main is not None and name != repo.default_branch:
            ahead, behind = _distance(visit, git, repo, main, sha)
        shown.append((name, git.commit(sha), ahead, behind, open_pulls_from(visit.hub, repo, name)))
    return visit.page("branches.html.j2", f"Branches · {repo.full_name}", repo=repo, tab="code", branches=shown)


def _distance(visit: Visit, git: Git, repo: Repo, main: str, sha: str) -> tuple[int, int]:
    """How many commits a commit is ahead of and behind another."""
    return visit.hub.remember(("distance", repo.id, main, sha), lambda: (git.count(main, sha), git.count(sha, main)))


@pages.post(REPO + "/branches/delete", moves_refs=True)
def delete_branch(visit: Visit) -> Response:
    """Delete a branch, as its pull request's page offers after the merge."""
    repo = visit.repo(Role.WRITE)
    name = visit.said("branch")
    need(visit.hub, visit.caller, repo, Role.WRITE, "contents", "write")
    sha = visit.hub.head(repo, name)
    if sha is None or name == repo.default_branch:
        raise ApiError(422, "This branch cannot be deleted")
    pushes.move_ref(visit.hub, repo, f"refs/heads/{name}", sha, ZERO, visit.actor)
    return go(visit.said("back") or place(repo.owner, repo.name, "branches"))


@pages.get(REPO + "/compare/{span:path}")
def compare(visit: Visit) -> Response:
    """What a branch or commit has that another one has not: `base...head`."""
    repo, span = visit.repo(), visit.parameters["span"]
    git = visit.hub.git(repo)
    bare = span.removesuffix(".diff").removesuffix(".patch")
    base_name, _, head_name = bare.partition("...")
    base, head = git.commit_id(base_name), git.commit_id(head_name)
    if base is None or head is None:
        raise not_found()
    start = git.merge_base(base, head) or base
    if span.endswith(".diff"):
        return plain_text(git.run("diff", start, head).decode(errors="replace"))
    if span.endswith(".patch"):
        return plain_text(git.run("format-patch", "--stdout", f"{base}..{head}").decode(errors="replace"))
    return visit.page(
        "compare.html.j2",
        f"Comparing {bare} · {repo.full_name}",
        repo=repo,
        tab="code",
        base=base_name,
        head=head_name,
        commits=git.commits("--max-count=250", f"{base}..{head}"),
        files=shown_files(changed_files(git, start, head)),
    )
