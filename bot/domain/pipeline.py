"""A pipeline: the named sequence of stages and gates that a run follows, frozen into its plan at the start."""

import difflib
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator

from bot.domain.agents import Limits
from bot.domain.checks import names
from bot.domain.values import Value
from bot.domain.wording import quoted

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")


def _is_name(text: str) -> str:
    if not _NAME.match(text):
        raise ValueError(
            f"cannot be {quoted(text)}: use lower-case letters, digits and hyphens, a letter first, at most 40"
        )
    return text


Name = Annotated[str, AfterValidator(_is_name)]


def _is_check(text: str) -> str:
    if text not in names():
        nearest = difflib.get_close_matches(text, names(), n=1, cutoff=0.5)
        known = ", ".join(f"`{name}`" for name in names())
        fix = f"did you mean `{nearest[0]}`?" if nearest else f"use one of {known}"
        raise ValueError(f"cannot be {quoted(text)}, which is no check: {fix}")
    return text


CheckName = Annotated[str, AfterValidator(_is_check)]


def _is_artifact(text: str) -> str:
    parts = text.split("/")
    if {"", ".", "..", ".git"} & {*parts} or "\\" in text or not text.isprintable() or len(text) > 200:
        raise ValueError(f"cannot be {quoted(text)}: name a file in the run's folder, such as `plan.md`")
    return text


ArtifactName = Annotated[str, AfterValidator(_is_artifact)]


CODE = "code"
"""The input that stands for every file outside the folder of artifacts."""
SPEC = "spec.md"


class Stage(Value):
    """One position that an agent fills.

    `inputs` are artifacts by name, or `code`: the stage runs again only when one of them has changed. `outputs` are
    the artifacts it must leave. `writes` says whether it may touch code at all. `checks` judge its work; `rounds` is
    how often in a row its work may be refused (or it may send work back to `sends_back_to`) before a person is
    asked. A stage that `ships` hands a candidate to the deployment.
    """

    stage: Name
    role: Name
    inputs: tuple[ArtifactName, ...] = (SPEC, CODE)
    outputs: tuple[ArtifactName, ...] = ()
    writes: Literal["code", "artifacts"] = "code"
    checks: tuple[CheckName, ...] = ()
    sends_back_to: Name | None = None
    ships: bool = False
    rounds: int = Field(default=3, ge=1, le=20)
    limits: Limits = Limits()

    @property
    def name(self) -> str:
        return self.stage


class Gate(Value):
    """One position where people decide. They are shown the artifacts `shows`, or `code`, and asked again when one of
    them has changed; a gate that names none shows everything. A rejection that nobody else can act on goes to the
    stage `rejects_to`; times are in hours."""

    gate: Name
    rejects_to: Name
    shows: tuple[ArtifactName, ...] = ()
    approvals: int = Field(default=1, ge=1, le=20)
    remind_after_hours: float | None = Field(default=24.0, gt=0)
    expire_after_hours: float | None = Field(default=None, gt=0)
    on_expiry: Literal["park", "cancel"] = "park"

    @property
    def name(self) -> str:
        return self.gate

    def shows_any_of(self, names: set[str]) -> bool:
        """Whether it shows one of these artifacts."""
        return bool(names & {*self.shows} if self.shows else names)


def _kind_of_step(raw: Any) -> str | None:
    if isinstance(raw, Gate) or (isinstance(raw, dict) and "gate" in raw):
        return "(gate)"
    if isinstance(raw, Stage) or (isinstance(raw, dict) and "stage" in raw):
        return "(stage)"
    return None


# Told apart by their first setting, so that an error speaks of the one that was meant. The parentheses keep the
# tags from being taken for settings where an error names its place.
Step = Annotated[
    Annotated[Stage, Tag("(stage)")] | Annotated[Gate, Tag("(gate)")],
    Discriminator(
        _kind_of_step,
        custom_error_type="no_step",
        custom_error_message="is neither a stage nor a gate: give it `stage: <name>` and `role: <role>`, "
        "or `gate: <name>` and `rejects_to: <stage>`",
    ),
]


class Pipeline(Value):
    """Stages and gates in order. The last step is the merge gate: nothing is merged that no one approved."""

    name: Name
    description: str = ""
    steps: tuple[Step, ...]

    @field_validator("steps")
    @classmethod
    def _are_well_formed(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        names = [step.name for step in steps]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"must differ: two are called `{name}`: give each its own name")
        seen: set[str] = set()
        for step in steps:
            if isinstance(step, Gate) and step.rejects_to not in seen:
                problem = f"gate `{step.name}` rejects to `{step.rejects_to}`, which is no stage before it"
                raise ValueError(f"are not in order: {problem}: name one that is")
            if isinstance(step, Stage):
                if step.sends_back_to is not None and step.sends_back_to not in seen:
                    problem = f"stage `{step.name}` sends back to `{step.sends_back_to}`, which is no stage before it"
                    raise ValueError(f"are not in order: {problem}: name one that is")
                seen.add(step.name)
        if not steps or not isinstance(steps[-1], Gate):
            raise ValueError("must end with a gate: put the one that guards the merge there")
        return steps

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
