"""Everything Issuewright does on GitHub, one method an act; each says how many HTTP requests it takes.

Acts on pull requests and deployments are in files of their own; `Repository` has them all. Besides those requests:
the first call for a repository finds its installation (1); a token is minted each hour (1; 3 where less is
granted than is wanted).
Every method raises bot.domain.errors only: Transient (a write may have taken effect), NotFound or Rejected.
"""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Literal
from urllib.parse import quote

from bot.adapters import github_snapshots as snapshots
from bot.adapters.github_auth import AppCredentials, Clients
from bot.adapters.github_connection import Moved
from bot.adapters.github_deployments import DeploymentActs
from bot.adapters.github_errors import MissingIsFine, forge_errors
from bot.adapters.github_pull_requests import PullRequestActs
from bot.adapters.github_requests import (
    comment_by_id,
    comments_of_repository,
    comments_since,
    fitting,
    issues_labelled,
    newest_events,
    text_of,
)
from bot.domain.forge import Actor, Comment, Issue, Label, is_same_label
from bot.domain.permissions import Permission
from bot.domain.refs import RepoRef
from bot.domain.values import Value

Reaction = Literal["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]


class IssueTarget(Value):
    """React to an issue's or pull request's own text."""

    number: int


class CommentTarget(Value):
    """React to a comment on an issue or pull request."""

    comment_id: int


class GitHub:
    """A GitHub App on one GitHub (or Enterprise Server). Share one object between all threads."""

    def __init__(
        self,
        *,
        api_url: str,
        app_id: int,
        private_key: str,
        installation_ids: Mapping[str, int] | None = None,
    ) -> None:
        """`api_url` as in `https://api.github.com`, the key as PEM text, installations by `owner/name`."""
        self._app = AppCredentials(api_url, app_id, private_key, installation_ids or {})
        self._clients = Clients(api_url, self._app)
        self._bot: Actor | None = None
        self._bot_lock = threading.Lock()
        self._one_repo: RepoRef | None = None

    def __str__(self) -> str:
        return str(self._app)

    def repository(self, repo: RepoRef) -> "Repository":
        """The acts on one repository: no request."""
        self._one_repo = self._one_repo or repo
        return Repository(repo, self._app, self._clients)

    def now(self) -> datetime:
        """What time it is for GitHub, as far as it has told: no request."""
        return self._app.clock.now()

    def token_refused(self) -> bool:
        """Called on a 401."""
        return self._clients.token_refused(self._bot_installation())

    @forge_errors
    def bot(self) -> Actor:
        """Who we are on GitHub, `<slug>[bot]`: 1 request (2 when `installation_ids` was given), then none."""
        with self._bot_lock:
            if self._bot is None:
                # A JWT may not read users, so an installation does.
                client = self._clients.client(self._bot_installation())
                user = client.get_user(f"{self._app.slug()}[bot]")
                self._bot = Actor(id=user.id, login=user.login, is_bot=True)
            return self._bot

    def _bot_installation(self) -> int:
        return self._app.installation_of(self._one_repo) if self._one_repo else self._app.any_installation()


class Repository(PullRequestActs, DeploymentActs):
    """What we read and change in one repository: here its code, its issues and what is said there."""

    # -- access and code ---------------------------------------------------------------------------------------

    @forge_errors
    def push_token(self) -> str:
        """A token for git over HTTP, good for five minutes: read it anew for each push. 0 requests."""
        return self._app.token(self._app.installation_of(self._repo))

    @forge_errors
    def permission(self, login: str) -> Permission:
        """What `login` may do here; NONE for strangers and unknown accounts. 1 request."""
        with MissingIsFine():
            api = self._api  # PyGithub tells of the role or of the permission, with a request for each
            url = f"{api.url}/collaborators/{quote(login, safe='')}/permission"
            _, found = api.requester.requestJsonAndCheck("GET", url)
            return Permission.of_role(found["role_name"], found["permission"])
        return Permission.NONE

    @forge_errors
    def default_branch(self) -> str:
        """1 request."""
        return self._api.default_branch

    @forge_errors
    def branch_head(self, branch: str) -> str | None:
        """The SHA at the tip of a branch; None when there is no such branch. 1 request."""
        with MissingIsFine(409):  # the repository is empty
            return self._api.get_git_ref(f"heads/{branch}").object.sha
        return None

    @forge_errors
    def file_at(self, path: str, ref: str) -> str | None:
        """A text file at a branch, tag or SHA; None when it is missing, UserError for what is no UTF-8 text of at most
        1 MB. 1 request."""
        with MissingIsFine():
            found = self._api.get_contents(path, ref)
            return text_of(path, found)
        return None

    # -- issues ------------------------------------------------------------------------------------------------

    @forge_errors
    def issue(self, number: int) -> Issue:
        """An issue, or a pull request seen as one. 1 request."""
        return snapshots.issue(self._repo, self._api.get_issue(number))

    @forge_errors
    def open_issues_labelled(self, label: str, since: datetime | None = None) -> list[Issue]:
        """Open issues and pull requests with a label (updated since then), newest first. 1 request per 100."""
        found = issues_labelled(self._api, label, since)
        return [snapshots.issue(self._repo, each) for each in found]

    @forge_errors
    def latest_label(self, number: int, label: str) -> Label | None:
        """Who last put `label` on the issue, if anybody did. 1 request for the first 100 events of the issue,
        beyond them 1 more as a rule."""
        for place, event in enumerate(newest_events(self._api, number)):
            if event.event == "labeled" and is_same_label(event.label.name, label):
                return snapshots.label(event, is_last=place == 0)
        return None

    @forge_errors
    def close_issue(self, number: int) -> None:
        """Close an issue as completed; one that was deleted, or moved to another repository, is fine. 1 request."""
        with MissingIsFine(), suppress(Moved):
            self._api.get_issue(number).edit(state="closed", state_reason="completed")

    @forge_errors
    def add_labels(self, number: int, names: Sequence[str]) -> None:
        """Add labels; GitHub creates those that the repository lacks. 1 request."""
        if names:
            self._api.get_issue(number).add_to_labels(*names)

    @forge_errors
    def remove_label(self, number: int, name: str) -> None:
        """Take a label off; one that is not there is fine. 1 request."""
        api = self._api
        with MissingIsFine():
            # Not PyGithub's own: it leaves a slash in the name unquoted.
            api.requester.requestJsonAndCheck("DELETE", f"{api.url}/issues/{number}/labels/{quote(name, safe='')}")

    # -- comments and reactions --------------------------------------------------------------------------------

    @forge_errors
    def comments(self, number: int, since: datetime | None = None) -> list[Comment]:
        """Comments written or edited at `since` (aware) or later, oldest first. 1 request per 100."""
        return [snapshots.comment(number, each) for each in comments_since(self._api, number, since)]

    @forge_errors
    def comment(self, number: int, comment_id: int) -> Comment:
        """One comment; NotFound when somebody has deleted it. 1 request."""
        return snapshots.comment(number, comment_by_id(self._api, comment_id))

    @forge_errors
    def comments_anywhere(self, since: datetime) -> list[Comment]:
        """Comments on all issues and pull requests, written or edited since then. 1 request per 100."""
        return [snapshots.comment(number, each) for number, each in comments_of_repository(self._api, since)]

    @forge_errors
    def find_comment(self, number: int, marker: str, author_id: int, since: datetime | None = None) -> list[int]:
        """Ids of that author's comments which begin with `marker`, lowest first. 1 request per 100 comments."""
        ours = (each for each in comments_since(self._api, number, since) if snapshots.actor(each.user).id == author_id)
        return sorted(each.id for each in ours if each.body.startswith(marker))

    @forge_errors
    def create_comment(self, number: int, body: str) -> Comment:
        """1 request."""
        made = self._api.get_issue(number).create_comment(fitting(body))
        return snapshots.comment(number, made)

    @forge_errors
    def edit_comment(self, comment_id: int, body: str) -> None:
        """NotFound when somebody has deleted it. 1 request."""
        comment_by_id(self._api, comment_id).edit(fitting(body))

    @forge_errors
    def delete_comment(self, comment_id: int) -> None:
        """Delete a comment; one that is gone already is fine. 1 request."""
        with MissingIsFine():
            comment_by_id(self._api, comment_id).delete()

    @forge_errors
    def react(self, target: IssueTarget | CommentTarget, content: Reaction) -> None:
        """Once is enough: GitHub keeps one reaction of a kind for each account. 1 request."""
        match target:
            case IssueTarget():
                self._api.get_issue(target.number).create_reaction(content)
            case CommentTarget():
                comment_by_id(self._api, target.comment_id).create_reaction(content)
