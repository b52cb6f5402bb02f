"""How answers are written: whose hub, which host the reader used, and the ids that GraphQL knows things by."""

import base64
import binascii
from dataclasses import dataclass

from bot.localhub.hub import Hub
from bot.localhub.records import Repo


@dataclass(frozen=True)
class View:
    """`base` is the scheme and host in every URL of the answer, so that a client finds what it is told."""

    hub: Hub
    base: str

    @property
    def api(self) -> str:
        """Where the REST API begins."""
        return f"{self.base}/api/v3"

    def repo_api(self, repo: Repo) -> str:
        """The repository's place in the API."""
        return f"{self.api}/repos/{repo.full_name}"

    def repo_page(self, repo: Repo) -> str:
        """The repository's page for people."""
        return f"{self.base}/{repo.full_name}"


def node_id(kind: str, key: int | str) -> str:
    """GitHub's opaque global id."""
    return base64.b64encode(f"{len(kind):03}:{kind}{key}".encode()).decode()


def parse_node_id(text: str) -> tuple[str, int] | None:
    """Kind and id inside a `node_id`, None when it is not one of ours."""
    try:
        length, _, rest = base64.b64decode(text, validate=True).decode().partition(":")
        return rest[: int(length)], int(rest[int(length) :])
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
