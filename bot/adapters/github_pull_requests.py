"""Pull requests on GitHub, their reviews, and the check runs on their commits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from github import GithubException
from github.GithubObject import NotSet

from bot.adapters import github_snapshots as snapshots
from bot.adapters.github_errors import answer_text, forge_errors
from bot.adapters.github_repository import RepositoryApi
from bot.adapters.github_requests import check_run_fields, every_page, fitting, pulls_changed_since
from bot.domain.agents import Finding
from bot.domain.forge import CheckRunReport, Merged, MergeRefused, PullRequest, Review

MergeMethod = Literal["merge", "squash", "rebase"]


class PullRequestActs(RepositoryApi):
    """What we read and change of a repository's pull requests."""

    @forge_errors
    def pull_request(self, number: int) -> PullRequest:
        """1 request."""
        return snapshots.pull_request(self._api.get_pull(number))

    @forge_errors
    def pull_requests_changed(self, since: datetime) -> list[PullRequest]:
        """Pull requests that anything happened to since then. 1 request per 30."""
        return [snapshots.pull_request(each) for each in pulls_changed_since(self._api, since)]

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
        """Open one from branch `head`; Rejected when the branch has one already. 1 request; 2 where GitHub's plan has
        no drafts, and it is opened as ready."""
        body = fitting(body)
        try:
            made = self._api.create_pull(base, head, title=title, body=body, draft=draft)
        except GithubException as error:
            if not draft or error.status != 422 or "draft" not in answer_text(error).lower():
                raise
            made = self._api.create_pull(base, head, title=title, body=body, draft=False)
        return snapshots.pull_request(made)

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
        return [
            Finding(message=each["body"], path=each["path"], line=each.get("line") or each.get("original_line"))
            for each in every_page(api, url)
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

    @forge_errors
    def create_check_run(self, report: CheckRunReport) -> int:
        """Its id. 1 request."""
        return self._api.create_check_run(head_sha=report.head_sha, **check_run_fields(report)).id

    @forge_errors
    def update_check_run(self, check_run_id: int, report: CheckRunReport) -> None:
        """Say something new on the same commit. 1 request; 2 where there are annotations: GitHub adds those of an
        update to those that are there, and so it gets only what it lacks."""
        check_run = self._api.get_check_run(check_run_id)
        if report.annotations:
            there = {(each.path, each.start_line, each.message) for each in check_run.get_annotations()}
            new = tuple(each for each in report.annotations if (each.path, each.line, each.message) not in there)
            report = report.model_copy(update={"annotations": new})
        check_run.edit(**check_run_fields(report))

    @forge_errors
    def find_check_runs(self, head_sha: str, external_id: str) -> list[int]:
        """Ids of the check runs made with `external_id` on a commit, lowest first. 1 request per 100."""
        found = self._api.get_commit(head_sha).get_check_runs(filter="all")
        return sorted(each.id for each in found if each.external_id == external_id)
