"""Everything Issuewright does on GitHub, one method an act; each says how many HTTP requests it takes.

Besides those: the first call for a repository finds its installation (1); a token is minted each hour (1).
Every method raises bot.domain.errors only: Transient (a write may have taken effect), NotFound or Rejected.
"""

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from urllib.parse import quote

from github import GithubException
from github.GithubObject import NotSet
from github.Repository import Repository as GithubRepository

from bot.adapters import github_deployments as deployments
from bot.adapters import github_snapshots as snapshots
from bot.adapters.github_auth import AppCredentials, Clients
from bot.adapters.github_deployments import DeploymentState, WorkflowRun
from bot.adapters.github_errors import MissingIsFine, answer_text, forge_errors
from bot.adapters.github_requests import (
    check_run_fields,
    comment_by_id,
    comments_of_repository,
    comments_since,
    fitting,
    issues_labelled,
    newest_events,
    pulls_changed_since,
    text_of,
)
from bot.domain.agents import Finding
from bot.domain.forge import (
    Actor,
    CheckRunReport,
    Comment,
    Issue,
    Label,
    Merged,
    MergeRefused,
    PullRequest,
    Review,
)
from bot.domain.permissions import Permission
from bot.domain.refs import RepoRef
from bot.domain.values import Value

Reaction = Literal["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]
MergeMethod = Literal["merge", "squash", "rebase"]


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


class Repository:
    """What we read and change in one repository. Any thread may call any method."""

    def __init__(self, repo: RepoRef, app: AppCredentials, clients: Clients) -> None:
        self._repo = repo
        self._app = app
        self._clients = clients

    def __str__(self) -> str:
        return str(self._repo)

    def token_refused(self) -> bool:
        """Called on a 401."""
        return self._clients.token_refused(self._app.installation_of(self._repo))

    @property
    def _api(self) -> GithubRepository:
        """This thread's PyGithub repository; lazy, so that naming an object by its id costs nothing."""
        return self._clients.client(self._app.installation_of(self._repo)).get_repo(str(self._repo))

    # -- access and code ------------------------------------------------------------------------------------

    @forge_errors
    def push_token(self) -> str:
        """A token for git over HTTP, good for five minutes: read it anew for each push. 0 requests."""
        return self._app.token(self._app.installation_of(self._repo))

    @forge_errors
    def permission(self, login: str) -> Permission:
        """What `login` may do here; NONE for strangers and unknown accounts. 1 request."""
        with MissingIsFine():
            return Permission.of_role(self._api.get_collaborator_role_name(login))
        return Permission.NONE

    @forge_errors
    def default_branch(self) -> str:
        """1 request."""
        return self._api.default_branch

    @forge_errors
    def branch_head(self, branch: str) -> str | None:
        """The SHA at the tip of a branch; None when there is no such branch. 1 request."""
        with MissingIsFine():
            return self._api.get_git_ref(f"heads/{branch}").object.sha
        return None

    @forge_errors
    def delete_branch(self, branch: str) -> None:
        """Delete a branch; one that is gone already is fine. 1 request."""
        api = self._api
        try:
            api.requester.requestJsonAndCheck("DELETE", f"{api.url}/git/refs/heads/{quote(branch)}")
        except GithubException as error:
            gone = error.status == 404 or (error.status == 422 and "does not exist" in answer_text(error))
            if not gone:
                raise

    @forge_errors
    def file_at(self, path: str, ref: str) -> str | None:
        """A text file (UTF-8, up to 1 MB) at a branch, tag or SHA; None when it is missing. 1 request."""
        with MissingIsFine():
            found = self._api.get_contents(path, ref)
            return text_of(path, found)
        return None

    # -- issues ---------------------------------------------------------------------------------------------

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
        for event in newest_events(self._api, number):
            if event.event == "labeled" and event.label.name.casefold() == label.casefold():
                return snapshots.label(event)
        return None

    @forge_errors
    def close_issue(self, number: int, reason: Literal["completed", "not_planned"] = "completed") -> None:
        """1 request."""
        self._api.get_issue(number).edit(state="closed", state_reason=reason)

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

    @forge_errors
    def set_labels(self, number: int, names: Sequence[str]) -> None:
        """Make these the only labels. 1 request."""
        self._api.get_issue(number).set_labels(*names)

    # -- comments and reactions -----------------------------------------------------------------------------

    @forge_errors
    def comments(self, number: int, since: datetime | None = None) -> list[Comment]:
        """Comments written or edited at `since` (aware) or later, oldest first. 1 request per 100."""
        return [snapshots.comment(number, each) for each in comments_since(self._api, number, since)]

    @forge_errors
    def comments_anywhere(self, since: datetime) -> list[Comment]:
        """Comments on all issues and pull requests, written or edited since then. 1 request per 100."""
        return [snapshots.comment(number, each) for number, each in comments_of_repository(self._api, since)]

    @forge_errors
    def pull_requests_changed(self, since: datetime) -> list[PullRequest]:
        """Pull requests that anything happened to since then. 1 request per 30."""
        return [snapshots.pull_request(each) for each in pulls_changed_since(self._api, since)]

    @forge_errors
    def find_comment(self, number: int, marker: str, author_id: int, since: datetime | None = None) -> list[int]:
        """Ids of that author's comments which contain `marker`, lowest first. 1 request per 100 comments."""
        ours = (each for each in comments_since(self._api, number, since) if snapshots.actor(each.user).id == author_id)
        return sorted(each.id for each in ours if marker in each.body)

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

    # -- pull requests --------------------------------------------------------------------------------------

    @forge_errors
    def pull_request(self, number: int) -> PullRequest:
        """1 request."""
        return snapshots.pull_request(self._api.get_pull(number))

    @forge_errors
    def find_pull_request(self, head_branch: str) -> PullRequest | None:
        """The newest pull request, open or not, from this repository's own branch. 1 request."""
        head = f"{self._repo.owner}:{head_branch}"
        for found in self._api.get_pulls(state="all", sort="created", direction="desc", head=head):
            if found.head.ref == head_branch:  # GitHub ignores a filter that it cannot read
                return snapshots.pull_request(found)
        return None

    @forge_errors
    def open_pull_request(self, title: str, body: str, head: str, base: str, draft: bool = True) -> PullRequest:
        """Open one from branch `head`; Rejected when the branch has one already. 1 request."""
        body = fitting(body)
        return snapshots.pull_request(self._api.create_pull(base, head, title=title, body=body, draft=draft))

    @forge_errors
    def edit_pull_request(
        self,
        number: int,
        *,
        title: str | None = None,
        body: str | None = None,
        state: Literal["open", "closed"] | None = None,
    ) -> None:
        """Change what is given. 1 request."""
        self._api.get_pull(number).edit(
            title=NotSet if title is None else title,
            body=NotSet if body is None else fitting(body),
            state=NotSet if state is None else state,
        )

    @forge_errors
    def mark_ready(self, node_id: str) -> None:
        """Turn a draft into a pull request that can be reviewed and merged. 1 request, by GraphQL."""
        # PyGithub's own would first fetch the pull request for its node id.
        self._api.requester.graphql_named_mutation(
            "markPullRequestReadyForReview", {"pullRequestId": node_id}, "pullRequest { isDraft }"
        )

    @forge_errors
    def request_reviewers(self, number: int, logins: Sequence[str]) -> None:
        """Ask people for a review; Rejected if one may not review here. 1 request."""
        if logins:
            self._api.get_pull(number).create_review_request(reviewers=list(logins))

    @forge_errors
    def reviews(self, number: int) -> list[Review]:
        """Submitted reviews, oldest first. 1 request per 100."""
        found = self._api.get_pull(number).get_reviews()
        return [snapshots.review(number, each) for each in found if each.state != "PENDING"]

    @forge_errors
    def review_comments(self, number: int, review_id: int) -> list[Finding]:
        """What a review says of single lines. 1 request per 100."""
        api = self._api  # PyGithub would first fetch the pull request, then the review
        url = f"{api.url}/pulls/{number}/reviews/{review_id}/comments"
        _, found = api.requester.requestJsonAndCheck("GET", url, parameters={"per_page": 100})
        return [
            Finding(message=each["body"], path=each["path"], line=each.get("line") or each.get("original_line"))
            for each in found
        ]

    @forge_errors
    def dismiss_review(self, number: int, review_id: int, message: str) -> None:
        """Take an approval or a request for changes out of force, with an explanation. 1 request."""
        api = self._api  # PyGithub can dismiss only a review that it has fetched
        url = f"{api.url}/pulls/{number}/reviews/{review_id}/dismissals"
        api.requester.requestJsonAndCheck("PUT", url, input={"message": message})

    @forge_errors
    def merge(self, number: int, head_sha: str, method: MergeMethod, title: str, message: str) -> Merged | MergeRefused:
        """Merge if the head still is `head_sha` and the repository's rules allow it. 1 request."""
        try:
            done = self._api.get_pull(number).merge(
                sha=head_sha, merge_method=method, commit_title=title, commit_message=message
            )
        except GithubException as error:
            if error.status in (405, 409):
                return MergeRefused(head_moved=error.status == 409, reason=answer_text(error))
            raise
        return Merged(sha=done.sha)

    # -- deployments ----------------------------------------------------------------------------------------

    @forge_errors
    def create_deployment(self, *, sha: str, environment: str, description: str, key: str, production: bool) -> int:
        """GitHub's record that a commit goes to an environment; its id. 1 request."""
        return deployments.create(
            self._api, sha=sha, environment=environment, description=description, key=key, production=production
        )

    @forge_errors
    def find_deployment(self, *, sha: str, environment: str, key: str) -> int | None:
        """The record that was made with that key. 1 request."""
        return deployments.find(self._api, sha=sha, environment=environment, key=key)

    @forge_errors
    def set_deployment_status(
        self, deployment_id: int, state: DeploymentState, description: str, url: str | None = None
    ) -> None:
        """1 request."""
        deployments.set_status(self._api, deployment_id, state, description, url)

    @forge_errors
    def dispatch_workflow(self, workflow: str, ref: str, inputs: Mapping[str, str]) -> int:
        """Start a GitHub Actions workflow; its run's id. 1 request."""
        return deployments.dispatch(self._api, workflow, ref, inputs)

    @forge_errors
    def find_dispatched_workflow(self, workflow: str, key: str, since: datetime) -> int | None:
        """The run of a workflow that was dispatched with that key. 1 request."""
        return deployments.find_dispatched(self._api, workflow, key, since)

    @forge_errors
    def workflow_run(self, run_id: int) -> WorkflowRun:
        """How a workflow's run stands. 1 request."""
        return deployments.workflow_run(self._api, run_id)

    # -- check runs -----------------------------------------------------------------------------------------

    @forge_errors
    def create_check_run(self, report: CheckRunReport) -> int:
        """Its id. 1 request."""
        return self._api.create_check_run(head_sha=report.head_sha, **check_run_fields(report)).id

    @forge_errors
    def update_check_run(self, check_run_id: int, report: CheckRunReport) -> None:
        """Say something new on the same commit. 1 request."""
        self._api.get_check_run(check_run_id).edit(**check_run_fields(report))

    @forge_errors
    def find_check_runs(self, head_sha: str, external_id: str) -> list[int]:
        """Ids of the check runs made with `external_id` on a commit, lowest first. 1 request per 100."""
        found = self._api.get_commit(head_sha).get_check_runs(filter="all")
        return sorted(each.id for each in found if each.external_id == external_id)
