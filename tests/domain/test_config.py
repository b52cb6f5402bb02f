"""What a repository may set, and what becomes of it in a run's plan."""

from typing import Any

import pytest
from pydantic import ValidationError

from bot.domain.config import GateConfig, RepoConfig, RoleConfig, plan
from bot.domain.pipeline import Gate, Stage
from tests.domain.samples import PLANNED, QUICK


def test_without_a_file_everything_has_a_safe_default() -> None:
    config = RepoConfig()
    assert (config.trigger.label, config.merge.method) == ("spec", "squash")
    assert config.budget.run_usd > 0
    assert config.short_commands
    assert plan(QUICK, config) == QUICK


def test_a_role_is_what_the_file_says_of_it_or_nothing_special() -> None:
    config = RepoConfig(agents={"builder": RoleConfig(agent="codex", model="big")})
    assert config.role("builder").model == "big"
    assert config.role("reviewer") == RoleConfig()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("approvals", 3), ("remind_after_hours", 2.0), ("expire_after_hours", 72.0), ("on_expiry", "cancel")],
)
def test_a_repository_changes_its_gates_and_nothing_else(setting: str, value: Any) -> None:
    config = RepoConfig(gates={"plan": GateConfig.model_validate({setting: value})})
    planned = plan(PLANNED, config)
    assert getattr(planned.gate("plan"), setting) == value
    assert planned.gate("merge") == PLANNED.gate("merge")
    assert planned.stages == PLANNED.stages


def test_a_gates_settings_do_not_touch_a_stage_of_the_same_name() -> None:
    config = RepoConfig(gates={"builder": GateConfig(approvals=3)})
    assert plan(QUICK, config) == QUICK


def test_values_cannot_be_changed_and_know_their_fields() -> None:
    gate = Gate(gate="merge", rejects_to="builder")
    with pytest.raises(ValidationError):
        gate.approvals = 0  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Stage.model_validate({"stage": "builder", "role": "builder", "rolle": "x"})


@pytest.mark.parametrize("name", ["a", "a-1", "six-agents", "x" * 40])
def test_names_are_short_and_plain(name: str) -> None:
    assert Stage(stage=name, role="builder").name == name


@pytest.mark.parametrize("name", ["", "A", "1a", "-a", "a_b", "a b", "a/b", "..", "a\n", "x" * 41, "é"])
def test_other_names_are_none(name: str) -> None:
    with pytest.raises(ValidationError):
        Stage(stage=name, role="builder")
