"""Names of things: harmless in paths, branches and URLs, whatever people call their issues."""

import re
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.permissions import Permission
from bot.domain.refs import AttemptRef, IssueRef, RepoRef, branch_name, run_id, slug, spec_name
from tests.domain.samples import ISSUE

SLUGS = [
    ("Add a health check", "add-a-health-check"),
    ("  Größe & Übermaß!  ", "groe-uberma"),
    ("Ünïcödé", "unicode"),
    ("日本語", "spec"),
    ("", "spec"),
    ("---", "spec"),
    ("../../etc/passwd", "etc-passwd"),
    ("a" * 100, "a" * 40),
    ("x" * 39 + " y", "x" * 39),
    ("feat(api): v2.0 -- done", "feat-api-v2-0-done"),
    ("-rf /", "rf"),
    ("a\nb\0c", "a-b-c"),
]


@pytest.mark.parametrize(("title", "expected"), SLUGS)
def test_a_title_becomes_words_joined_by_hyphens(title: str, expected: str) -> None:
    assert slug(title) == expected


@given(st.text(), st.integers(1, 10**9), st.integers(1, 999))
def test_names_are_harmless_whatever_the_title(title: str, number: int, ordinal: int) -> None:
    issue = IssueRef(repo=ISSUE.repo, number=number)
    name = spec_name(issue, title, ordinal)
    assert re.fullmatch(r"[0-9]+-[a-z0-9]+(-[a-z0-9]+)*", name)
    assert len(name) < 70
    branch = branch_name(issue, title, ordinal)
    assert PurePosixPath(branch).parts == ("issuewright", name)
    assert ".." not in branch
    assert not branch.endswith(".lock")


def test_later_runs_of_an_issue_are_numbered_up() -> None:
    assert [run_id(ISSUE, n) for n in (1, 2, 10)] == ["acme--tally--7", "acme--tally--7-2", "acme--tally--7-10"]
    assert [spec_name(ISSUE, "Go", n) for n in (1, 2)] == ["7-go", "7-go-2"]


owners = st.from_regex(r"[a-z0-9]{1,3}(-[a-z0-9]{1,2}){0,2}", fullmatch=True)
repositories = st.from_regex(r"[a-z0-9._-]{1,6}", fullmatch=True).filter(lambda name: name not in {".", ".."})
issues = st.tuples(owners, repositories, st.integers(1, 99), st.integers(1, 9))


@given(st.lists(issues, min_size=2, max_size=2, unique=True))
def test_no_two_runs_share_an_id(two: list[tuple[str, str, int, int]]) -> None:
    ids = [
        run_id(IssueRef(repo=RepoRef(owner=owner, name=name), number=number), ordinal)
        for owner, name, number, ordinal in two
    ]
    assert ids[0] != ids[1]


def test_an_attempts_key_is_one_file_name() -> None:
    key = AttemptRef(run_id="acme--tally--7", stage="builder", number=2).key
    assert key == "acme--tally--7.builder.2"
    assert PurePosixPath(key).name == key


@pytest.mark.parametrize("name", ["acme/tally", "a/b", "A-1/x.y_z-0", "acme/.github", "mona_acme/x", "a/" + "b" * 100])
def test_a_repository_is_read_and_written_alike(name: str) -> None:
    assert str(RepoRef.parse(name)) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "acme",
        "acme/",
        "/tally",
        "acme/tally/x",
        "acme/..",
        "acme/.",
        "../tally",
        "-acme/x",
        "acme-/x",
        "ac--me/x",
        "a b/x",
        "acme/x y",
        "acme/x\n",
        "acme\n/x",
        "acme/x;y",
        "aсme/x",  # noqa: RUF001 - a Cyrillic s
        "acme/" + "b" * 101,
        "a" * 40 + "/x",
    ],
)
def test_what_github_would_not_allow_is_no_repository(name: str) -> None:
    with pytest.raises(ValueError):
        RepoRef.parse(name)


@pytest.mark.parametrize(
    ("role", "level"),
    [
        ("admin", Permission.ADMIN),
        ("maintain", Permission.MAINTAIN),
        ("write", Permission.WRITE),
        ("triage", Permission.TRIAGE),
        ("read", Permission.READ),
        ("none", Permission.NONE),
        ("security-manager", Permission.NONE),
        ("", Permission.NONE),
        ("WRITE", Permission.WRITE),
    ],
)
def test_a_role_that_we_do_not_know_may_do_nothing(role: str, level: Permission) -> None:
    assert Permission.of_role(role) is level


def test_permissions_are_ordered() -> None:
    assert sorted(Permission) == list(Permission)
    assert Permission.NONE < Permission.READ < Permission.TRIAGE < Permission.WRITE < Permission.MAINTAIN
