"""The list of checks: complete, in order, each with its help and its settings, and named in pipelines by people."""

import pytest

from bot.adapters.templates import Templates
from bot.domain.checks import CHECKS, check, in_order, names
from bot.domain.config import ChecksConfig, RepoConfig
from bot.domain.errors import UserError
from bot.domain.pipeline import Pipeline
from bot.domain.yaml_files import load_model

PIPELINE = """\
name: mine
steps:
  - stage: builder
    role: builder
    checks: [build, {check}]
  - gate: merge
    rejects_to: builder
"""


def test_checks_run_in_the_order_of_the_list_whatever_the_pipeline_says() -> None:
    assert names() == ("build", "protected-paths", "size", "secrets", "markers", "tests")
    assert [each.name for each in in_order(("tests", "markers", "build"))] == ["build", "markers", "tests"]
    assert [each.name for each in CHECKS if each.stops] == ["build"]


def test_a_check_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(UserError, match="Known checks: `build`, `protected-paths`"):
        check("tets")


@pytest.mark.parametrize("each", CHECKS, ids=names())
def test_every_check_has_settings_of_its_own_and_help(each: object) -> None:
    found = check(getattr(each, "name"))  # noqa: B009
    settings = getattr(ChecksConfig(), found.setting)
    assert isinstance(settings, found.settings)
    assert ChecksConfig().of(found) is not None
    assert all(field.description for field in found.settings.model_fields.values())
    assert found.looks_at.endswith(".")
    assert found.mend.endswith(".")


def test_no_settings_are_of_no_check() -> None:
    assert set(ChecksConfig.model_fields) == {each.setting for each in CHECKS}


def test_a_pipeline_that_names_no_check_is_refused_with_line_and_fix() -> None:
    with pytest.raises(UserError) as caught:
        load_model(Pipeline, PIPELINE.format(check="tets"), "pipelines/mine.yml")
    assert str(caught.value) == (
        "pipelines/mine.yml, line 5: `steps.0.checks.1` cannot be `tets`, which is no check: did you mean `tests`?"
    )
    with pytest.raises(UserError, match="which is no check: use one of `build`, `protected-paths`, "):
        load_model(Pipeline, PIPELINE.format(check="zzzz"), "pipelines/mine.yml")
    assert load_model(Pipeline, PIPELINE.format(check="tests"), "x.yml").stages[0].checks == ("build", "tests")


def test_a_repositorys_own_pipeline_is_refused_just_so() -> None:
    indented = "".join(f"    {line}\n" for line in PIPELINE.format(check="secret").splitlines())
    with pytest.raises(UserError) as caught:
        load_model(RepoConfig, f"pipelines:\n  mine:\n{indented}", ".github/issuewright.yml")
    assert str(caught.value).startswith(
        ".github/issuewright.yml, line 7: `pipelines.mine.steps.0.checks.1` cannot be `secret`, which is no check: "
    )


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ("tests: {pass_threshold: 1.5}", "`checks.tests.pass_threshold` must be at most 1.0, not `1.5`"),
        ("protected-paths: {add: [a]}", "`checks.protected-paths` is not a setting: did you mean `protected_paths`?"),
        ("protected_paths: {add: [/etc]}", "`checks.protected_paths.add.0` cannot be `/etc`: write it from the "),
        ("size: {max_files: 0}", "`checks.size.max_files` must be at least 1, not `0`"),
        ("build: {command: ''}", "`checks.build.command` is empty: write something there"),
        ("secrets: {ignore: docs}", "`checks.secrets.ignore` must be a list"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_line_and_fix(settings: str, complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        load_model(RepoConfig, f"checks:\n  {settings}\n", "x.yml")
    assert str(caught.value).startswith(f"x.yml, line 2: {complaint}")


def test_the_presets_ask_for_checks_wherever_an_agent_writes() -> None:
    for pipeline in Templates().pipelines().values():
        for stage in pipeline.stages:
            assert {"protected-paths", "secrets", "size"} <= set(stage.checks), stage.name
            if stage.writes == "code":
                assert set(stage.checks) == set(names()), stage.name
