"""Addresses in a repository on the web, at commits: what was shown stays what was shown."""

from urllib.parse import quote

from bot.domain.refs import IssueRef, RepoRef
from bot.domain.rendering.markdown import in_code, link, short
from bot.domain.values import Value


class Links(Value):
    """Links as Markdown. `web` is where people read the forge, as in `https://github.com`."""

    web: str
    repo: RepoRef

    def file(self, commit: str, path: str, line: int | None = None) -> str:
        """A file at a commit, shown as its path (and line)."""
        shown = f"{path}:{line}" if line else path
        return link(in_code(shown), f"{self._root}/blob/{commit}/{quote(path)}{f'#L{line}' if line else ''}")

    def artifact(self, commit: str, folder: str, name: str) -> str:
        """A file of a run's folder, shown as its name."""
        return link(in_code(name), f"{self._root}/blob/{commit}/{quote(f'{folder}/{name}')}")

    def commit(self, sha: str) -> str:
        """A commit."""
        return link(in_code(short(sha)), f"{self._root}/commit/{sha}")

    def range(self, base: str, head: str) -> str:
        """What lies between two commits."""
        return link(in_code(f"{short(base)}...{short(head)}"), f"{self._root}/compare/{base}...{head}")

    def branch(self, name: str) -> str:
        """A branch as it is now."""
        return link(in_code(name), f"{self._root}/tree/{quote(name)}")

    def folder(self, branch: str, path: str) -> str:
        """A folder on a branch as it is now."""
        return link(in_code(path), f"{self._root}/tree/{quote(branch)}/{quote(path)}")

    def changes(self, pull: IssueRef) -> str:
        """The files that a pull request changes."""
        return link("all files", f"{self._root}/pull/{pull.number}/files")

    @property
    def _root(self) -> str:
        return f"{self.web}/{self.repo}"
