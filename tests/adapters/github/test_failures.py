"""Whatever goes wrong arrives as one of three errors, after as few requests as is right, and without a secret."""

import pickle
import time
from collections.abc import Callable, Iterator

import pytest
import requests
from github import GithubException
from urllib3.exceptions import MaxRetryError, SSLError

from bot.adapters.github import GitHub, IssueTarget, Repository
from bot.adapters.github_connection import retry_reads
from bot.adapters.github_errors import forge_error
from bot.domain.errors import ForgeError, NotFound, Rejected, TooSoon, Transient, UserError
from bot.domain.forge import Actor, CheckRunReport, PullRequest
from tests.adapters.github import payloads
from tests.adapters.github.conftest import TALLY
from tests.adapters.github.unruly import Answer, Unruly, unruly_server

SECRET = "ghs_1001_secret"
LIMIT = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."

PULL = PullRequest(
    number=4,
    node_id="PR_4",
    state="open",
    draft=True,
    merged=False,
    merge_commit_sha=None,
    head_ref="x",
    head_sha=payloads.SHA,
    base_ref="main",
    base_sha=payloads.OTHER_SHA,
    author=Actor(id=99, login="issuewright[bot]", is_bot=True),
)
REPORT = CheckRunReport(
    name="issuewright", head_sha=payloads.SHA, external_id="x", status="queued", title="t", summary="s" * 65_536
)

WRITES: dict[str, Callable[[Repository], object]] = {
    "POST": lambda r: r.create_comment(3, "Hello"),
    "POST pulls": lambda r: r.open_pull_request("t", "b", "x", "main"),
    "POST graphql": lambda r: r.mark_ready(PULL.node_id),
    "PATCH": lambda r: r.edit_comment(50, "Hello"),
    "PUT": lambda r: r.merge(4, payloads.SHA, "merge", "t", "m"),
    "DELETE": lambda r: r.delete_comment(50),
}


@pytest.fixture
def hub() -> Iterator[Unruly]:
    with unruly_server() as hub:
        yield hub


@pytest.fixture
def repository(hub: Unruly, private_key: str) -> Repository:
    github = GitHub(api_url=hub.url, app_id=1001, private_key=private_key, installation_ids={"acme/tally": 5})
    repository = github.repository(TALLY)
    hub.answers.append(Answer(201, payloads.token(SECRET)))
    repository.push_token()
    hub.asked.clear()
    return repository


def failure_of(call: Callable[[Repository], object], repository: Repository) -> ForgeError:
    with pytest.raises(ForgeError) as caught:
        call(repository)
    error = caught.value
    assert SECRET not in repr(error)
    for behind in (error.__cause__, error.__context__):  # a library's error holds the Authorization header
        assert not isinstance(behind, GithubException | requests.RequestException)
    kept = pickle.loads(pickle.dumps(error))  # as the durable layer stores it
    assert (type(kept), kept.args, str(kept)) == (type(error), error.args, str(error))
    return error


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    ("answer", "status"),
    [(Answer(502, {"message": "Bad Gateway"}), 502), (Answer(503), 503), (Answer(drop=True), 0)],
    ids=["502", "503", "dropped"],
)
def test_a_write_is_never_repeated(
    write: str, answer: Answer, status: int, hub: Unruly, repository: Repository
) -> None:
    hub.answers = [answer, Answer(), Answer()]
    error = failure_of(WRITES[write], repository)
    assert isinstance(error, Transient)
    assert error.status == status
    assert len(hub.asked) == 1


def test_a_write_is_not_repeated_on_a_broken_tls_connection_either() -> None:
    with pytest.raises(MaxRetryError):
        retry_reads().increment("POST", "/", error=SSLError("EOF occurred in violation of protocol"))


@pytest.mark.parametrize(
    "failures",
    [[Answer(502)], [Answer(drop=True)], [Answer(500), Answer(drop=True)]],
    ids=["502", "dropped", "both"],
)
def test_a_read_is_repeated(failures: list[Answer], hub: Unruly, repository: Repository) -> None:
    hub.answers = [*failures, Answer(200, payloads.issue())]
    assert repository.issue(3).number == 3
    assert len(hub.asked) == len(failures) + 1


def test_a_read_is_repeated_twice_at_most(hub: Unruly, repository: Repository) -> None:
    hub.answers = [Answer(502, {"message": "Bad Gateway"}) for _ in range(9)]
    error = failure_of(lambda r: r.issue(3), repository)
    assert isinstance(error, Transient)
    assert str(error) == "issue on acme/tally: GitHub answered 502: Bad Gateway"
    assert len(hub.asked) == 3


def test_an_answer_that_breaks_off_may_have_been_an_effect(hub: Unruly, repository: Repository) -> None:
    hub.answers = [Answer(201, payloads.comment(), cut=True)]
    error = failure_of(WRITES["POST"], repository)
    assert isinstance(error, Transient)
    assert len(hub.asked) == 1


def test_nobody_listens(private_key: str) -> None:
    with unruly_server() as hub:
        pass
    github = GitHub(api_url=hub.url, app_id=1001, private_key=private_key, installation_ids={"acme/tally": 5})
    error = failure_of(lambda r: r.issue(3), github.repository(TALLY))
    assert isinstance(error, Transient)
    assert error.status == 0
    assert str(error) == "token on app 1001: no complete answer from GitHub (ConnectionError)"


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"Retry-After": "7"}, "slow down", 7),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "{in 90 s}"}, "API rate limit exceeded", 90),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, "API rate limit exceeded", 1),
        ({"X-RateLimit-Remaining": "4000", "X-RateLimit-Reset": "{in 90 s}"}, LIMIT, 60),
    ],
    ids=["Retry-After", "reset", "reset is past", "no time"],
)
@pytest.mark.parametrize("act", [lambda r: r.create_comment(3, "Hello"), lambda r: r.issue(3)], ids=["write", "read"])
def test_limits_are_not_slept_out_but_passed_on(
    act: Callable[[Repository], object],
    headers: dict[str, str],
    message: str,
    seconds: float,
    status: int,
    hub: Unruly,
    repository: Repository,
) -> None:
    soon = str(int(time.time()) + 90)
    headers = {name: value.replace("{in 90 s}", soon) for name, value in headers.items()}
    hub.answers = [Answer(status, {"message": message}, headers)]
    error = failure_of(act, repository)
    assert isinstance(error, Transient)
    assert error.status == status
    assert error.retry_after == pytest.approx(seconds, abs=5)
    assert len(hub.asked) == 1


NOON = 1_795_176_000
SPENT = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOON + 90)}


@pytest.mark.parametrize(
    ("headers", "clock", "seconds"),
    [
        ({**SPENT, "date": "Fri, 20 Nov 2026 12:00:00 GMT"}, NOON - 7200, 90),
        ({**SPENT, "date": "Fri, 20 Nov 2026 12:00:00 GMT"}, NOON + 7200, 90),
        (SPENT, NOON, 90),
        ({**SPENT, "date": "at noon"}, NOON, 90),
        (SPENT, NOON - 86_400, 3900),
        ({"retry-after": "86400"}, NOON, 3900),
    ],
    ids=["slow", "fast", "no date", "no such date", "no date, and slow", "Retry-After"],
)
def test_a_wrong_clock_makes_no_limit_longer(
    headers: dict[str, str], clock: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.adapters.github_errors.time.time", lambda: float(clock))
    limit = forge_error(GithubException(403, {"message": "API rate limit exceeded"}, headers), "issue")
    assert isinstance(limit, Transient)
    assert limit.retry_after == seconds


def test_a_limit_of_graphql_comes_with_200(hub: Unruly, repository: Repository) -> None:
    hub.answers = [Answer(200, {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]})]
    error = failure_of(WRITES["POST graphql"], repository)
    assert isinstance(error, Transient)
    assert error.retry_after == 60


def test_what_went_wrong_inside_graphql_is_tried_again(hub: Unruly, repository: Repository) -> None:
    """GitHub answers so, with 200, where REST would say 500 or 502."""
    said = "Something went wrong while executing your query. This may be the result of a timeout, or a GitHub bug."
    hub.answers = [Answer(200, {"data": None, "errors": [{"message": said}]})]
    assert isinstance(failure_of(WRITES["POST graphql"], repository), Transient)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Rejected), (403, Rejected), (404, NotFound), (410, NotFound), (422, Rejected), (451, Rejected)],
)
def test_a_no_is_final(status: int, kind: type[ForgeError], hub: Unruly, repository: Repository) -> None:
    hub.answers = [Answer(status, {"message": "Resource not accessible by integration"})]
    error = failure_of(WRITES["POST"], repository)
    assert type(error) is kind
    assert error.status == status
    assert len(hub.asked) == 1


def test_a_permission_that_is_lacking_is_named(hub: Unruly, repository: Repository) -> None:
    said = {"message": "Resource not accessible by integration"}
    hub.answers = [Answer(403, said, {"X-Accepted-GitHub-Permissions": "issues=write"})]
    assert str(failure_of(WRITES["POST"], repository)).endswith("(the App needs the permission issues=write)")


def test_where_there_are_no_drafts_a_pull_request_is_opened_as_ready(hub: Unruly, repository: Repository) -> None:
    """As in private repositories of GitHub's free plan."""
    said = "Draft pull requests are not supported in this repository."
    hub.answers = [Answer(422, {"message": said}), Answer(201, {**payloads.pull(), "draft": False})]
    assert not repository.open_pull_request("t", "b", "x", "main").draft
    assert len(hub.asked) == 2


def test_another_no_to_a_pull_request_stays_one(hub: Unruly, repository: Repository) -> None:
    hub.answers = [Answer(422, invalid("base"))]
    assert type(failure_of(WRITES["POST pulls"], repository)) is Rejected
    assert len(hub.asked) == 1


def invalid(field: str) -> payloads.Payload:
    error = {"resource": "PullRequest", "field": field, "code": "invalid"}
    return {"message": "Validation Failed", "errors": [error]}


@pytest.mark.parametrize(
    ("act", "answer"),
    [
        (WRITES["POST pulls"], Answer(422, invalid("head"))),
        (
            WRITES["POST pulls"],
            Answer(422, {"message": "Validation Failed", "errors": ["No commits between main and x"]}),
        ),
        (
            lambda r: r.create_check_run(REPORT.model_copy(update={"summary": "s"})),
            Answer(422, {"message": f"No commit found for SHA: {payloads.SHA}"}),
        ),
        (
            lambda r: r.create_deployment(sha="x", environment="e", description="d", key="k", production=True),
            Answer(422, {"message": "No ref found for: x"}),
        ),
    ],
    ids=["head", "no commits", "check run", "deployment"],
)
def test_what_was_pushed_a_moment_ago_may_not_be_known_yet(
    act: Callable[[Repository], object], answer: Answer, hub: Unruly, repository: Repository
) -> None:
    hub.answers = [answer]
    error = failure_of(act, repository)
    assert type(error) is TooSoon
    assert error.status == 422
    assert len(hub.asked) == 1


def test_a_comment_that_somebody_deleted_cannot_be_edited(hub: Unruly, repository: Repository) -> None:
    hub.answers = [Answer(404, {"message": "Not Found"})]
    assert isinstance(failure_of(WRITES["PATCH"], repository), NotFound)


def test_a_pull_request_that_graphql_does_not_know_yet(hub: Unruly, repository: Repository) -> None:
    said = "Could not resolve to a node with the global id of 'PR_4'."
    hub.answers = [Answer(200, {"data": None, "errors": [{"type": "NOT_FOUND", "message": said}]})]
    error = failure_of(WRITES["POST graphql"], repository)
    assert isinstance(error, TooSoon)
    assert str(error) == f"mark_ready on acme/tally: GitHub answered 404: {said}"


def test_the_details_of_a_422_are_told(hub: Unruly, repository: Repository) -> None:
    details = [
        {"resource": "PullRequest", "code": "custom", "message": "A pull request already exists for acme:x."},
        {"resource": "PullRequest", "code": "invalid", "field": "base"},
        "no commits",
    ]
    hub.answers = [Answer(422, {"message": "Validation Failed", "errors": details})]
    assert str(failure_of(WRITES["POST pulls"], repository)) == (
        "open_pull_request on acme/tally: GitHub answered 422: Validation Failed: "
        "A pull request already exists for acme:x.: base invalid: no commits"
    )


def test_a_long_explanation_is_cut(hub: Unruly, repository: Repository) -> None:
    hub.answers = [Answer(422, {"message": "no " * 1000})]
    assert len(str(failure_of(WRITES["POST"], repository))) < 600


@pytest.mark.parametrize(
    "payload",
    [payloads.review(state="UNHEARD_OF"), payloads.review(id="eighty")],
    ids=["unknown state", "wrong type"],
)
def test_an_answer_of_another_form_is_not_asked_for_again(
    payload: payloads.Payload, hub: Unruly, repository: Repository
) -> None:
    hub.answers = [Answer(200, [payload])]
    assert isinstance(failure_of(lambda r: r.reviews(4), repository), Rejected)


@pytest.mark.parametrize(
    "act",
    [
        lambda r: r.create_comment(3, "é" * 65_537),
        lambda r: r.edit_comment(50, "é" * 65_537),
        lambda r: r.open_pull_request("t", "é" * 65_537, "x", "main"),
        lambda r: r.edit_pull_request(4, body="é" * 65_537),
        lambda r: r.create_check_run(REPORT),
        lambda r: r.update_check_run(70, REPORT),
    ],
)
def test_what_is_too_long_is_not_sent(act: Callable[[Repository], object], hub: Unruly, repository: Repository) -> None:
    assert isinstance(failure_of(act, repository), Rejected)
    assert hub.asked == []


def test_the_longest_comment_is_sent(hub: Unruly, repository: Repository) -> None:
    hub.answers = [Answer(201, payloads.comment())]
    repository.create_comment(3, "é" * 65_536)
    assert len(hub.asked) == 1


@pytest.mark.parametrize(
    "found",
    [
        [{"type": "file", "name": "a", "path": "docs/a", "url": f"{payloads.REPO}/contents/docs/a"}],
        {"type": "file", "encoding": "none", "content": "", "size": 2_000_000},
        {"type": "file", "encoding": "base64", "content": "/w==", "size": 1},
        {"type": "submodule", "sha": payloads.SHA, "size": 0},
    ],
    ids=["folder", "large", "not UTF-8", "submodule"],
)
def test_what_is_no_text_file(found: object, hub: Unruly, repository: Repository) -> None:
    hub.answers = [Answer(200, found)]
    with pytest.raises(UserError, match="docs, line 1: is n"):
        repository.file_at("docs", "main")
    assert len(hub.asked) == 1


def test_reactions_fail_alike(hub: Unruly, repository: Repository) -> None:
    hub.answers = [Answer(502)]
    assert isinstance(failure_of(lambda r: r.react(IssueTarget(number=3), "eyes"), repository), Transient)
    assert len(hub.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("act", [*WRITES.values(), lambda r: r.open_issues_labelled("spec"), lambda r: r.issue(3)])
def test_a_renamed_repository_is_told_of_not_followed(
    act: Callable[[Repository], object], status: int, hub: Unruly, repository: Repository
) -> None:
    """PyGithub follows a 301 without the query, and takes a 307 on a write for success."""
    hub.answers = [
        Answer(status, {"message": "Moved"}, {"Location": f"{hub.url}/repositories/7/issues?page=1"}),
        Answer(200, [payloads.issue()]),
    ]
    error = failure_of(act, repository)
    assert isinstance(error, Rejected)
    assert "/repositories/7/issues" in str(error)
    assert len(hub.asked) == 1


def test_a_redirection_to_another_host_sends_no_token_there(hub: Unruly, repository: Repository) -> None:
    with unruly_server() as other:
        hub.answers = [Answer(301, None, {"Location": f"{other.url}/repos/acme/tally"})]
        assert isinstance(failure_of(lambda r: r.default_branch(), repository), Rejected)
        assert other.asked == []


def test_a_next_page_on_another_host_is_not_asked_for(hub: Unruly, repository: Repository) -> None:
    link = '<http://other.example/api/v3/repos/acme/tally/issues/3/comments?page=2>; rel="next"'
    hub.answers = [Answer(200, [payloads.comment()], {"Link": link})]
    assert isinstance(failure_of(lambda r: r.comments(3), repository), Rejected)
    assert len(hub.asked) == 1
