"""Repository pages: the front page with its README, directories, files and their raw bytes."""

import mimetypes

from markupsafe import Markup
from starlette.responses import Response

from bot.localhub.errors import not_found
from bot.localhub.pages import highlight, markdown
from bot.localhub.pages.places import Spot, branches, spot
from bot.localhub.pages.visit import Pages, Visit, go, place
from bot.localhub.records import Repo

pages = Pages()
REPO = "/{owner}/{name}"
MOST_SHOWN = 500_000
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml")
_RAW_HEADERS = {
    # Whatever is in there, it neither runs nor loads nor reads anything.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "x-content-type-options": "nosniff",
}


@pages.get(REPO)
def home(visit: Visit) -> Response:
    """A repository: its files, latest commit and README."""
    name = visit.parameters["name"]
    if name.endswith(".git"):
        return go(place(visit.parameters["owner"], name.removesuffix(".git")))
    repo = visit.repo()
    if visit.hub.head(repo, repo.default_branch) is None:
        return visit.page("empty.html.j2", repo.full_name, repo=repo, tab="code")
    return _tree(visit, spot(visit, repo, repo.default_branch), "home")


@pages.get(REPO + "/tree/{rest:path}")
def tree(visit: Visit) -> Response:
    """A directory."""
    where = spot(visit, visit.repo(), visit.parameters["rest"])
    if where.path:
        entry = where.git.entry(where.commit.sha, where.path)
        if entry is None:
            raise not_found()
        if entry[1] == "blob":
            return go(where.url("blob"))
    return _tree(visit, where, "tree")


def _tree(visit: Visit, where: Spot, kind: str) -> Response:
    entries = where.git.directory(where.commit.sha, where.path)
    entries.sort(key=lambda entry: (entry[1] == "blob", entry[0].lower()))
    readme = next((entry for entry in entries if entry[0].rpartition("/")[2].lower() == "readme.md"), None)
    repo = where.repo
    return visit.page(
        "tree.html.j2",
        f"{repo.full_name}{': ' + where.path if where.path else ''}",
        repo=repo,
        tab="code",
        where=where,
        is_home=kind == "home",
        entries=entries,
        branches=branches(visit, repo),
        latest=_latest(where),
        commits=int(where.git.text("rev-list", "--count", where.commit.sha)),
        readme=_readme(visit, where, readme[0]) if readme and readme[3] <= MOST_SHOWN else None,
        readme_name=readme[0].rpartition("/")[2] if readme else None,
    )


def _latest(where: Spot) -> object:
    return where.git.commits("-3", where.commit.sha, *(["--", where.path] if where.path else []))


def _readme(visit: Visit, where: Spot, path: str) -> Markup:
    text = where.git.run("cat-file", "blob", f"{where.commit.sha}:{path}").decode(errors="replace")
    return _as_markdown(visit, where, path, text)


def _as_markdown(visit: Visit, where: Spot, path: str, text: str) -> Markup:
    directory = path.rpartition("/")[0]
    return markdown.render(visit.hub, text, markdown.Place(where.repo, where.ref, directory, breaks=False))


def _file(visit: Visit) -> tuple[Spot, bytes]:
    """The file in the path and its bytes."""
    where = spot(visit, visit.repo(), visit.parameters["rest"])
    entry = where.git.entry(where.commit.sha, where.path) if where.path else None
    if entry is None or entry[1] != "blob":
        raise not_found()
    return where, where.git.run("cat-file", "blob", entry[2])


@pages.get(REPO + "/blob/{rest:path}")
def blob(visit: Visit) -> Response:
    """A file with numbered lines; Markdown is laid out unless `?plain=1`."""
    rest = spot(visit, visit.repo(), visit.parameters["rest"])
    entry = rest.git.entry(rest.commit.sha, rest.path) if rest.path else None
    if entry is not None and entry[1] == "tree":
        return go(rest.url("tree"))
    where, content = _file(visit)
    kind = mimetypes.guess_type(where.name)[0] or ""
    is_text = b"\0" not in content[:8000]
    text = content[:MOST_SHOWN].decode(errors="replace") if is_text else ""
    is_markdown = where.name.lower().endswith((".md", ".markdown"))
    laid_out = is_markdown and "plain" not in visit.query
    return visit.page(
        "blob.html.j2",
        f"{where.path} · {where.repo.full_name}",
        repo=where.repo,
        tab="code",
        where=where,
        size=len(content),
        is_cut=len(content) > MOST_SHOWN,
        is_text=is_text,
        is_picture=kind in _PICTURES,
        is_markdown=is_markdown,
        document=_as_markdown(visit, where, where.path, text) if laid_out and is_text else None,
        lines=[] if laid_out or not is_text else highlight.for_file(where.path, text),
    )


@pages.get(REPO + "/raw/{rest:path}")
def raw(visit: Visit) -> Response:
    """A file's bytes: pictures as such, all other text as plain text."""
    where, content = _file(visit)
    return raw_response(where.name, content)


def raw_response(name: str, content: bytes) -> Response:
    """Bytes of a stranger's, made harmless for a browser."""
    kind = mimetypes.guess_type(name)[0] or ""
    if kind not in _PICTURES:
        kind = "application/octet-stream" if b"\0" in content[:8000] else "text/plain; charset=utf-8"
    return Response(content, 200, {**_RAW_HEADERS, "content-type": kind})


def plain_text(text: str) -> Response:
    """A text of a stranger's."""
    return raw_response("", text.encode())


def tip(visit: Visit, repo: Repo, branch: str) -> str:
    """The commit of a branch; 404 without one."""
    sha = visit.hub.head(repo, branch)
    if sha is None:
        raise not_found()
    return sha
