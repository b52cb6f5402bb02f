"""The checks over what changed: `protected-paths`, `size` and `secrets`, and the patterns of paths that they share."""

import time

import pytest

from bot.domain.checks import protected_paths_check, secrets_check, size_check
from bot.domain.checks.base import PossibleSecret, Scan
from bot.domain.checks.globs import matches_any
from bot.domain.checks.protected_paths_check import ProtectedPathsConfig
from bot.domain.checks.secrets_check import SecretsConfig
from bot.domain.checks.size_check import SizeConfig
from bot.domain.checks.work import Contents, Work
from bot.domain.trees import ChangedFile, path_text
from bot.domain.verdicts import Outcome, Verdict
from tests.domain.checks.works import FOLDER, touched, work

# -- patterns ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        (".github/**", [".github/a", ".github/b/c.yml", ".github", ".GitHub/x"], ["a/.github/x", ".githubx"]),
        ("docs/", ["docs/a", "docs"], ["a/docs", "docs.md"]),
        ("CODEOWNERS", ["CODEOWNERS", "docs/CODEOWNERS", "codeowners"], ["CODEOWNERS.md", "XCODEOWNERS"]),
        ("*.lock", ["a.lock", "x/y/a.lock", ".lock"], ["a.lock.txt", "lock"]),
        ("**/fixtures/**", ["fixtures/a", "x/fixtures/a", "x/y/fixtures/z/a"], ["fixtures.py", "xfixtures/a"]),
        ("src/*.py", ["src/a.py"], ["src/x/a.py", "a.py", "x/src/a.py"]),
        ("src/**/a.py", ["src/a.py", "src/x/y/a.py"], ["src/b.py", "a.py"]),
        ("a?c", ["abc", "x/abc"], ["ac", "a/c"]),
        ("**", ["a", "a/b"], []),
    ],
)  # fmt: skip
def test_patterns_match_as_in_gitignore(pattern: str, matching: list[str], others: list[str]) -> None:
    assert [path for path in matching if not matches_any(path, (pattern,))] == []
    assert [path for path in others if matches_any(path, (pattern,))] == []


def test_a_pattern_and_a_path_made_to_hurt_are_compared_quickly() -> None:
    begin = time.process_time()
    assert not matches_any("a/" * 2000 + "b", ("/".join(["**", "a"] * 6) + "/c", "*a*a*a*a*a*a*a*a*a*a*b"))
    assert not matches_any("a" * 4000, ("*a*a*a*a*a*a*a*a*a*a*a*b",))
    assert time.process_time() - begin < 2


# -- protected paths -----------------------------------------------------------------------------------------------


def protection(*paths: str, **settings: object) -> Verdict:
    return protected_paths_check.judge(touched(*paths), ProtectedPathsConfig.model_validate(settings))


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/ci.yml",
        ".github/issuewright.yml",
        ".github",
        "CODEOWNERS",
        "docs/CODEOWNERS",
        ".gitlab-ci.yml",
        ".circleci/config.yml",
        "Jenkinsfile",
        "specs/6-another/plan.md",
        "specs/README.md",
        "specs/7-add-a-total-2/plan.md",
        path_text(b".github/caf\xe9.yml"),
    ],
)
def test_a_protected_path_fails(path: str) -> None:
    verdict = protection("src/app.py", path)
    assert verdict.refuses
    assert verdict.summary == "1 protected path changed: put them back as they were"
    assert [finding.path for finding in verdict.findings] == [path]


def test_removing_a_protected_path_fails_too() -> None:
    gone = ChangedFile(path="CODEOWNERS", status="deleted", added=0, removed=3)
    assert protected_paths_check.judge(work(files=(gone,)), ProtectedPathsConfig()).refuses


@pytest.mark.parametrize(
    "path",
    ["src/app.py", "github/x", "docs/owners.md", f"{FOLDER}/plan.md", "specs.md", "src/specs/a.py"],
)
def test_other_paths_pass(path: str) -> None:
    assert protection(path).outcome is Outcome.PASS


def test_a_repository_protects_more_or_less() -> None:
    assert protection("db/schema.sql", add=["db/**"]).refuses
    assert protection(".github/ISSUE_TEMPLATE/a.yml", remove=[".github/ISSUE_TEMPLATE/**"]).outcome is Outcome.PASS
    assert protection(".github/workflows/a.yml", remove=[".github/ISSUE_TEMPLATE/**"]).refuses


def test_names_of_files_are_told_harmlessly_and_only_some() -> None:
    verdict = protection(*[f".github/{n}\n\x1b[2J@everyone\u202e" for n in range(60)])
    assert len(verdict.findings) == 21
    assert all((finding.path or "").isprintable() for finding in verdict.findings)


# -- size ----------------------------------------------------------------------------------------------------------


def size(files: dict[str, int | None], sizes: dict[str, int] | None = None, **settings: object) -> Verdict:
    changed = tuple(ChangedFile(path=p, status="added", added=n, removed=0) for p, n in files.items())
    judged = Work(folder=FOLDER, files=changed, contents=Contents(sizes=sizes or {}))
    return size_check.judge(judged, SizeConfig.model_validate(settings))


def test_a_change_of_reviewable_size_passes() -> None:
    verdict = size({"a.py": 1999, "b.py": 1, "image.png": None})
    assert (verdict.outcome, verdict.summary) == (Outcome.PASS, "2,000 added lines in 3 files")
    assert size({}).outcome is Outcome.PASS


def test_too_many_lines_fail_with_advice_and_the_largest_files_first() -> None:
    verdict = size({"a.py": 1, "b.py": 2000})
    assert verdict.refuses
    assert verdict.summary == (
        "2,001 added lines in 2 files, where at most 2,000 lines and 100 files may be: "
        "split it into parts that can be reviewed one by one, and leave out what was not asked for"
    )
    assert [(f.path, f.message) for f in verdict.findings] == [("b.py", "2,000 added lines"), ("a.py", "1 added line")]


def test_too_many_files_fail() -> None:
    verdict = size({f"{n}.py": 1 for n in range(101)})
    assert verdict.refuses
    assert verdict.findings[-1].message == "… and 81 more"


@pytest.mark.parametrize(
    "path", ["package-lock.json", "web/yarn.lock", "uv.lock", "go.sum", "a/b.min.js", "api_pb2.py", "generated/x.py"]
)
def test_lock_files_and_generated_ones_do_not_count(path: str) -> None:
    assert size({path: 100_000, "a.py": 5}, {path: 90_000_000}).summary == "5 added lines in 1 file"


def test_a_line_of_10_megabytes_is_a_large_file() -> None:
    verdict = size({"data.json": 1}, {"data.json": 10_000_000})
    assert verdict.refuses
    assert verdict.summary.startswith("1 file larger than 2,000,000 bytes: keep large data out")
    assert size({"data.json": 1}, {"data.json": 10_000_000}, max_file_bytes=10_000_000).outcome is Outcome.PASS


def test_a_repository_sets_its_own_measure() -> None:
    assert size({"a.py": 11}, max_added_lines=10).refuses
    assert size({"a.py": 1, "b.py": 1}, max_files=1).refuses
    assert size({"data/a.csv": 90_000}, ignore=["data/**"]).outcome is Outcome.PASS


# -- secrets -------------------------------------------------------------------------------------------------------

SURE = PossibleSecret("tests/test_app.py", 3, "GitHub Token", sure=True)
LIKELY = PossibleSecret("app.py", 4, "a value assigned to a secret's name", sure=False)
WEAK = PossibleSecret("app.py", 5, "Hex High Entropy String", sure=False, weak=True)


def secrets(*found: PossibleSecret, unread: tuple[str, ...] = (), **settings: object) -> Verdict:
    return secrets_check.judge(Scan(found, unread), SecretsConfig.model_validate(settings))


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        ((), Outcome.PASS),
        ((SURE,), Outcome.FAIL),
        ((LIKELY,), Outcome.FAIL),
        ((WEAK,), Outcome.WARN),
        ((WEAK, LIKELY), Outcome.FAIL),
        ((LIKELY._replace(path="tests/test_app.py"),), Outcome.WARN),
        ((LIKELY._replace(path="docs/setup.md"),), Outcome.WARN),
        ((LIKELY._replace(path="web/src/login.test.ts"),), Outcome.WARN),
        ((LIKELY._replace(path="src/contest.py"),), Outcome.FAIL),
        ((LIKELY._replace(path="latest/app.py"),), Outcome.FAIL),
    ],
)
def test_what_is_sure_fails_everywhere_and_what_is_likely_in_code(
    found: tuple[PossibleSecret, ...], outcome: Outcome
) -> None:
    assert secrets(*found).outcome is outcome


def test_findings_tell_kind_and_place_of_each() -> None:
    verdict = secrets(SURE, WEAK)
    assert verdict.summary == "1 secret in the added lines: take them out, also from tests"
    assert [(f.path, f.line, f.severity, f.message) for f in verdict.findings] == [
        ("tests/test_app.py", 3, "error", "looks like a secret: GitHub Token"),
        ("app.py", 5, "warning", "may be a secret: Hex High Entropy String"),
    ]
    assert len(secrets(*[SURE] * 50).findings) == 21


def test_a_file_that_could_not_be_searched_is_a_warning() -> None:
    verdict = secrets(unread=("big.json",))
    assert (verdict.outcome, verdict.summary) == (Outcome.WARN, "`big.json` could not be searched: too large")


def test_a_repository_leaves_paths_out() -> None:
    assert secrets(SURE, ignore=["tests/**"]).outcome is Outcome.PASS
    assert secrets(unread=("big.json",), ignore=["*.json"]).outcome is Outcome.PASS
