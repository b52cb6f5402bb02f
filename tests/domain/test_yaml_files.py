"""Every error in a file that people write names the file, the line and what to write instead."""

import pytest

from bot.domain.config import RepoConfig
from bot.domain.errors import UserError
from bot.domain.pipeline import Gate, Pipeline, Stage
from bot.domain.yaml_files import load_model

QUICK = """\
name: quick
steps:
  - stage: builder
    role: builder
  - gate: merge
    rejects_to: builder
"""

BAD_PIPELINES = [
    (
        QUICK.replace("role: builder", "role: B!"),
        "line 4: `steps.0.role` cannot be `B!`: use lower-case letters, digits and hyphens, a letter first, at most 40",
    ),
    (QUICK + "    aprovals: 2\n", "line 7: `steps.1.aprovals` is not a setting: did you mean `approvals`?"),
    (
        QUICK + "    zzz: 2\n",
        "line 7: `steps.1.zzz` is not a setting: use one of `approvals`, `expire_after_hours`, `gate`, `on_expiry`, ",
    ),
    (
        QUICK.replace("    rejects_to: builder\n", ""),
        "line 5: `steps.1.rejects_to` is missing: add `rejects_to: …`",
    ),
    (
        QUICK + "  - wat: x\n",
        "line 7: `steps.2` is neither a stage nor a gate: give it `stage: <name>` and `role: <role>`, "
        "or `gate: <name>` and `rejects_to: <stage>`",
    ),
    (
        QUICK + "  - just words\n",
        "line 7: `steps.2` is neither a stage nor a gate: give it `stage: <name>` and `role: <role>`, "
        "or `gate: <name>` and `rejects_to: <stage>`",
    ),
    (
        QUICK + "  - gate: last\n    stage: last\n    rejects_to: builder\n",
        "line 8: `steps.2.stage` is not a setting: use one of `approvals`, `expire_after_hours`, `gate`, ",
    ),
    ("name: q\nsteps: []\n", "line 2: `steps` must end with a gate: put the one that guards the merge there"),
    (
        QUICK + "  - stage: after\n    role: builder\n",
        "line 2: `steps` must end with a gate: put the one that guards the merge there",
    ),
    (
        QUICK.replace("to: builder", "to: bilder"),
        "line 2: `steps` are not in order: gate `merge` rejects to `bilder`, which is no stage before it: "
        "name one that is",
    ),
    (
        QUICK.replace("gate: merge", "gate: builder"),
        "line 2: `steps` must differ: two are called `builder`: give each its own name",
    ),
    ("name: q\nsteps: {a: b}\n", "line 2: `steps` must be a list: one `- …` a line, or `[…, …]`"),
    (QUICK.replace("name: quick\n", ""), "line 1: `name` is missing: add `name: …`"),
]

BAD_CONFIGS = [
    ("version: 2", "line 1: `version` must be `1`, not `2`"),
    ("version: 1\nfoo: 1", "line 2: `foo` is not a setting: use one of `agents`, "),
    ("checks:\n  tests: {commnd: x}", "line 2: `checks.tests.commnd` is not a setting: did you mean `command`?"),
    ("agents:\n  builder: {agnt: x}", "line 2: `agents.builder.agnt` is not a setting: did you mean `agent`?"),
    ("agents:\n  Builder: {agent: x}", "line 2: `agents.Builder` cannot be `Builder`: use lower-case letters"),
    ("agents:\n  builder:\n    agent: A b\n", "line 3: `agents.builder.agent` cannot be `A b`: use lower-case letters"),
    ("agents: 3", "line 1: `agents` must hold settings of its own, as `name: value`, indented below it"),
    (
        "merge:\n  method: sqash",
        "line 2: `merge.method` must be one of `merge`, `squash`, `rebase`, not `sqash`: did you mean `squash`?",
    ),
    ("pipeline: no", 'line 1: `pipeline` must be text: put it in quotes, as in `"…"`'),
    ("pipeline: {a: 1}", "line 1: `pipeline` must be text, not a list or settings of its own"),
    (
        "version: 1\npipeline:",
        "line 2: `pipeline` must be text, but nothing follows it: write the text, or remove the setting",
    ),
    (
        "checks:\n  tests:\n    timeout_seconds: soon",
        "line 3: `checks.tests.timeout_seconds` must be a number, not `soon`",
    ),
    (
        "checks:\n  tests:\n    timeout_seconds: -1",
        "line 3: `checks.tests.timeout_seconds` must be greater than 0.0, not `-1`",
    ),
    (
        "checks:\n  tests:\n    timeout_seconds: 99999",
        "line 3: `checks.tests.timeout_seconds` must be at most 14400.0, not `99999`",
    ),
    (
        'checks:\n  tests:\n    command: "a \'b"',
        "line 3: `checks.tests.command` cannot be split into words (No closing quotation): check its quotes",
    ),
    ('checks:\n  tests:\n    command: ""', "line 3: `checks.tests.command` is empty: write something there"),
    ("gates:\n  merge:\n    approvals: 0", "line 3: `gates.merge.approvals` must be at least 1, not `0`"),
    ("gates:\n  merge:\n    approvals: two", "line 3: `gates.merge.approvals` must be a whole number, not `two`"),
    ("gates:\n  merge: {remind_after_hours: .nan}", "line 2: `gates.merge.remind_after_hours` must be "),
    (
        "deploy:\n  preview:\n    url: example.org",
        "line 3: `deploy.preview.url` must begin with `http://` or `https://`, not `example.org`",
    ),
    ("deploy:\n  preview:\n    healt: {}", "line 3: `deploy.preview.healt` is not a setting: did you mean `health`?"),
    ("short_commands: maybe", "line 1: `short_commands` must be `true` or `false`, not `maybe`"),
    ("trigger: {label: ''}", "line 1: `trigger.label` is empty: write something there"),
    ("trigger: {label: " + "x" * 60 + "}", "line 1: `trigger.label` is too long: 50 characters at most"),
    (
        "pipelines:\n  mine:\n    name: mine\n    steps:\n      - stage: a\n        chekcs: [tests]\n        role: a\n"
        "      - gate: g\n        rejects_to: a\n",
        "line 6: `pipelines.mine.steps.0.chekcs` is not a setting: did you mean `checks`?",
    ),
    (
        "pipelines:\n  mine:\n    name: mine\n    steps:\n      - stage: a\n        role: a\n"
        "        limits: {wall: 3}\n      - gate: g\n        rejects_to: a\n",
        "line 7: `pipelines.mine.steps.0.limits.wall` is not a setting: did you mean `wall_seconds`?",
    ),
    ("1: 2", 'line 1: `1` must be text: put it in quotes, as in `"…"`'),
    ("a: &x 1\nb: *x", "line 2: not valid YAML: aliases (`*name`) are not supported: write the value out"),
    ("a: 1\na: 2", "line 2: `a` is set twice: keep one of them"),
    ("merge:\n  method: squash\n  method: merge", "line 3: `method` is set twice: keep one of them"),
    ("- a", "line 1: must hold settings, as `name: value`, one a line"),
    ("just words", "line 1: must hold settings, as `name: value`, one a line"),
    ("version: 1\nx: \x00", "line 2: holds a character that YAML does not allow: remove it"),
    ("x: 2026-02-31", "line 1: a value is not what it looks like (day is out of range for month): put it in quotes"),
    ("version: 1\n---\nversion: 1", "line 2: not valid YAML: expected a single document in the stream; "),
    ("x: !!python/object:os.x {}", "line 1: not valid YAML: could not determine a constructor for the tag "),
    ("version: 1\na: [1,", "line 2: not valid YAML: while parsing a flow node; "),
    ("checks:\n\ttests: 1", "line 2: not valid YAML: while scanning for the next token; "),
    ("[" * 3000, "line 1: nested too deeply: write it flatter"),
    ("x: " + "y" * 300_000, "line 1: larger than 256 KiB: make it shorter"),
]


@pytest.mark.parametrize(("text", "complaint"), BAD_PIPELINES)
def test_a_bad_pipeline_is_explained_in_one_sentence(text: str, complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        load_model(Pipeline, text, "quick.yml")
    (said,) = str(caught.value).splitlines()
    assert said.startswith(f"quick.yml, {complaint}")


@pytest.mark.parametrize(("text", "complaint"), BAD_CONFIGS)
def test_a_bad_config_is_explained_in_one_sentence(text: str, complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        load_model(RepoConfig, text, "issuewright.yml")
    (said,) = str(caught.value).splitlines()
    assert said.startswith(f"issuewright.yml, {complaint}")


def test_every_problem_of_a_file_is_named_at_once() -> None:
    with pytest.raises(UserError) as caught:
        load_model(RepoConfig, "version: 2\nmerge:\n  method: sqash\n  foo: 1\n", "x.yml")
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "x.yml, line 1",
        "x.yml, line 3",
        "x.yml, line 4",
    ]


def test_a_file_of_mistakes_does_not_fill_the_issue() -> None:
    with pytest.raises(UserError) as caught:
        load_model(RepoConfig, "".join(f"k{number}: 1\n" for number in range(3000)), "x.yml")
    *told, last = str(caught.value).splitlines()
    assert (len(told), last) == (10, "… and 2990 more")


@pytest.mark.parametrize("text", ['pipeline: quick\nagents: {a: {model: "\\ud800"}}\n', 'merge:\n  "\\0": 1\n'])
def test_what_no_database_can_hold_is_no_setting(text: str) -> None:
    with pytest.raises(UserError, match=r"x\.yml, line 2: holds a character that cannot be stored: remove it"):
        load_model(RepoConfig, text, "x.yml")


@pytest.mark.parametrize("name", ["../../.git/config", "/etc/x", "a//b", ".git/hooks/x", "..", "a\\b"])
def test_an_artifact_stays_in_its_folder(name: str) -> None:
    text = f"name: q\nsteps:\n  - {{stage: a, role: a, outputs: ['{name}']}}\n  - {{gate: merge, rejects_to: a}}\n"
    with pytest.raises(UserError, match=r"line 3: `steps\.0\.outputs\.0` cannot be .*such as `plan\.md`"):
        load_model(Pipeline, text, "x.yml")


def test_an_error_quotes_a_value_harmlessly() -> None:
    with pytest.raises(UserError) as caught:
        load_model(RepoConfig, 'pipeline: "` @acme/everybody\\n<!--"', "x.yml")
    assert "cannot be `' @acme/everybody <!--`: use" in str(caught.value)


def test_an_empty_file_means_the_defaults() -> None:
    assert load_model(RepoConfig, "", "x.yml") == RepoConfig()
    assert load_model(RepoConfig, "# nothing yet\n", "x.yml") == RepoConfig()


def test_steps_are_told_apart_by_their_first_setting() -> None:
    pipeline = load_model(Pipeline, QUICK, "quick.yml")
    assert pipeline.steps == (Stage(stage="builder", role="builder"), Gate(gate="merge", rejects_to="builder"))
    assert Pipeline.model_validate_json(pipeline.model_dump_json()) == pipeline
    assert Pipeline(name="quick", steps=pipeline.steps) == pipeline


def test_a_command_is_split_into_words_as_a_shell_would() -> None:
    config = load_model(RepoConfig, "checks:\n  tests:\n    command: python3 -m pytest 'tests/a b'\n", "x.yml")
    assert config.checks.tests.command == ("python3", "-m", "pytest", "tests/a b")
