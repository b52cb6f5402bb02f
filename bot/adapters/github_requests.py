"""Requests that PyGithub does not make, or not in one go; and what to send in them."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from github.ContentFile import ContentFile
from github.GithubObject import NotSet
from github.Issue import Issue
from github.IssueComment import IssueComment
from github.IssueEvent import IssueEvent
from github.PaginatedList import PaginatedList
from github.PullRequest import PullRequest
from github.Repository import Repository
from requests.utils import parse_header_links

from bot.domain.errors import Rejected, UserError
from bot.domain.forge import Annotation, CheckRunReport

LONGEST_BODY = 65_536
LONGEST_SUMMARY = 65_535


def issues_labelled(api: Repository, label: str, since: datetime | None) -> Iterable[Issue]:
    """Open issues and pull requests with a label, updated since then."""
    changed = {} if since is None else {"since": github_time(since)}
    return PaginatedList(
        Issue,
        api.requester,
        f"{api.url}/issues",
        {"state": "open", "labels": label, **changed},
        # Issues have no such field in lists, and PyGithub would fetch each of them again to look for it.
        attributesTransformer=lambda issue: {"pull_request": None, **issue},
    )


def every_page(api: Repository, url: str) -> Iterator[dict[str, Any]]:
    """What a list holds; for what PyGithub reaches only by more requests than that."""
    headers, first_page = api.requester.requestJsonAndCheck("GET", url, {"per_page": 100})
    yield from first_page
    for page_number in range(2, _last_page(headers) + 1):
        _, page = api.requester.requestJsonAndCheck("GET", url, {"per_page": 100, "page": page_number})
        yield from page


def newest_events(api: Repository, number: int) -> Iterator[IssueEvent]:
    """An issue's events, newest first; GitHub lists them oldest first, and the first page names the last."""
    url = f"{api.url}/issues/{number}/events"
    headers, first_page = api.requester.requestJsonAndCheck("GET", url, {"per_page": 100})
    for page_number in range(_last_page(headers), 1, -1):
        _, page = api.requester.requestJsonAndCheck("GET", url, {"per_page": 100, "page": page_number})
        yield from _events(api, page)
    yield from _events(api, first_page)


def comments_of_repository(api: Repository, since: datetime) -> Iterator[tuple[int, IssueComment]]:
    """Comments anywhere in the repository that were written or edited since then, with their issue's number."""
    for comment in api.get_issues_comments(sort="updated", direction="asc", since=since.astimezone(UTC)):
        yield int(comment.issue_url.rpartition("/")[2]), comment


def pulls_changed_since(api: Repository, since: datetime) -> Iterator[PullRequest]:
    """Pull requests that anything happened to since then, the newest change first."""
    for pull in api.get_pulls(state="all", sort="updated", direction="desc"):
        if pull.updated_at is None or pull.updated_at < since:
            return
        yield pull


def github_time(at: datetime) -> str:
    """A time as GitHub wants it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def comments_since(api: Repository, number: int, since: datetime | None) -> Iterable[IssueComment]:
    """Comments on an issue or pull request, oldest first."""
    if since is None:
        return api.get_issue(number).get_comments()
    # PyGithub writes the time as it stands and calls it UTC.
    return api.get_issue(number).get_comments(since.astimezone(UTC))


def comment_by_id(api: Repository, comment_id: int) -> IssueComment:
    """A lazy comment; PyGithub reaches one only through its issue."""
    return IssueComment(api.requester, url=f"{api.url}/issues/comments/{comment_id}")


def text_of(path: str, found: ContentFile | list[ContentFile]) -> str:
    """The content of a text file; UserError for a folder, a link to nowhere, a large file, and what is not UTF-8."""
    if isinstance(found, list) or found.encoding != "base64":
        raise UserError(f"{path}, line 1: is no file of at most 1 MB: put a text file in its place")
    try:
        return found.decoded_content.decode()
    except UnicodeDecodeError as error:
        line = found.decoded_content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}, line {line}: is not UTF-8: save the file as UTF-8 text") from None


def check_run_fields(report: CheckRunReport) -> dict[str, Any]:
    """What creating and updating a check run have in common, as PyGithub's arguments."""
    return {
        "name": report.name,
        "external_id": report.external_id,
        "status": report.status,
        "conclusion": report.conclusion or NotSet,
        "output": {
            "title": report.title,
            "summary": fitting(report.summary, LONGEST_SUMMARY),
            **({"annotations": [_annotation(each) for each in report.annotations]} if report.annotations else {}),
        },
    }


def _annotation(annotation: Annotation) -> dict[str, Any]:
    return {
        "path": annotation.path,
        "start_line": annotation.line,
        "end_line": annotation.line,
        "annotation_level": annotation.level,
        "title": annotation.title,
        "message": annotation.message,
    }


def fitting(text: str, longest: int = LONGEST_BODY) -> str:
    """The text itself; Rejected, without a request, when GitHub would not take that many characters."""
    if len(text) > longest:
        raise Rejected(f"GitHub takes at most {longest} characters here, not {len(text)}")
    return text


def _events(api: Repository, page: list[dict[str, Any]]) -> Iterator[IssueEvent]:
    return (IssueEvent(api.requester, {}, event, completed=True) for event in reversed(page))


def _last_page(headers: Mapping[str, str]) -> int:
    for link in parse_header_links(headers.get("link", "")):
        if link.get("rel") == "last":
            return int(parse_qs(urlsplit(link["url"]).query)["page"][0])
    return 1
