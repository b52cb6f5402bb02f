"""A pipeline: the named sequence of stages and gates that a run follows, frozen into its plan at the start."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from bot.domain.agents import Limits
from bot.domain.values import Value

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]


class Stage(Value):
    """One position that an agent fills. `checks` judge its work; `rounds` is how many refused attempts in a
    row it may make before a person is asked."""

    stage: Name
    role: Name
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    checks: tuple[Name, ...] = ()
    rounds: int = Field(default=3, ge=1, le=20)
    limits: Limits = Limits()

    @property
    def name(self) -> str:
        return self.stage


class Gate(Value):
    """One position where people decide. A rejection goes to the stage `rejects_to`; times are in hours."""

    gate: Name
    rejects_to: Name
    approvals: int = Field(default=1, ge=1, le=20)
    remind_after_hours: float | None = Field(default=24.0, gt=0)
    expire_after_hours: float | None = Field(default=None, gt=0)
    on_expiry: Literal["park", "cancel"] = "park"

    @property
    def name(self) -> str:
        return self.gate


class Pipeline(Value):
    """Stages and gates in order. The last step is the merge gate: nothing is merged that no one approved."""

    name: Name
    description: str = ""
    steps: tuple[Stage | Gate, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _is_well_formed(self) -> "Pipeline":
        names = [step.name for step in self.steps]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two steps are called `{name}`: give each its own name")
        seen: set[str] = set()
        for step in self.steps:
            if isinstance(step, Gate) and step.rejects_to not in seen:
                raise ValueError(
                    f"gate `{step.name}` rejects to `{step.rejects_to}`, which is no stage before it: name one that is"
                )
            if isinstance(step, Stage):
                seen.add(step.name)
        if not isinstance(self.steps[-1], Gate):
            raise ValueError("the last step must be a gate: put the gate that guards the merge there")
        return self

    @property
    def stages(self) -> tuple[Stage, ...]:
        return tuple(step for step in self.steps if isinstance(step, Stage))

    @property
    def gates(self) -> tuple[Gate, ...]:
        return tuple(step for step in self.steps if isinstance(step, Gate))

    @property
    def merge_gate(self) -> Gate:
        """The gate that guards the merge: always the last step."""
        return self.gates[-1]

    def stage(self, name: str) -> Stage:
        """The stage of that name; raises KeyError when there is none."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise KeyError(name)

    def gate(self, name: str) -> Gate:
        """The gate of that name; raises KeyError when there is none."""
        for gate in self.gates:
            if gate.name == name:
                return gate
        raise KeyError(name)

    def stages_before(self, gate: str) -> tuple[Stage, ...]:
        """The stages that come before a gate, in order."""
        before: list[Stage] = []
        for step in self.steps:
            if step.name == gate:
                break
            if isinstance(step, Stage):
                before.append(step)
        return tuple(before)
