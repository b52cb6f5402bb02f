"""Finding a place in the code from an address: a branch's name may hold slashes, as may a path."""

from dataclasses import dataclass

from bot.localhub.errors import not_found
from bot.localhub.git import Commit, Git
from bot.localhub.pages.visit import Visit, place
from bot.localhub.records import Repo


@dataclass(frozen=True)
class Spot:
    """A file or directory (`path`, empty: the root) as of `ref`, which names `commit`."""

    repo: Repo
    git: Git
    ref: str
    commit: Commit
    path: str

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    def url(self, kind: str, path: str | None = None) -> str:
        """The address of this or another path at the same ref: `kind` is tree, blob, raw or commits."""
        wanted = self.path if path is None else path
        tail = f"{self.ref}/{wanted}" if wanted else self.ref
        return place(self.repo.owner, self.repo.name, kind, *tail.split("/"))

    @property
    def crumbs(self) -> list[tuple[str, str]]:
        """Name and address of each directory on the way, the last part left out."""
        parts = self.path.split("/")[:-1]
        return [(part, self.url("tree", "/".join(parts[: at + 1]))) for at, part in enumerate(parts)]


def spot(visit: Visit, repo: Repo, rest: str) -> Spot:
    """Where `ref/path` leads; 404 when the ref is unknown. The longest branch or tag that fits wins."""
    git = visit.hub.git(repo)
    rest = rest.strip("/")
    names = visit.hub.store.rows("SELECT name FROM refs WHERE repo_id = ?", repo.id)
    known = {row["name"].split("/", 2)[2] for row in names}
    fitting = [name for name in known if rest == name or rest.startswith(f"{name}/")]
    ref = max(fitting, key=len) if fitting else rest.partition("/")[0]
    sha = git.commit_id(ref)
    if sha is None:
        raise not_found()
    return Spot(repo, git, ref, git.commit(sha), rest[len(ref) :].strip("/"))


def branches(visit: Visit, repo: Repo) -> list[tuple[str, str]]:
    """Every branch and its commit, the default branch first."""
    rows = visit.hub.store.rows(
        "SELECT name, sha FROM refs WHERE repo_id = ? AND name LIKE 'refs/heads/%' ORDER BY name", repo.id
    )
    found = [(row["name"][11:], row["sha"]) for row in rows]
    return sorted(found, key=lambda branch: branch[0] != repo.default_branch)
