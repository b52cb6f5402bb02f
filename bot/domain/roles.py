"""A role: what an agent in it may do, as the front matter of its file in `templates/roles/` says."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from pydantic import Field

from bot.domain.errors import UserError
from bot.domain.pipeline import Pipeline, Stage
from bot.domain.values import Value
from bot.domain.yaml_files import load_model

Access = Literal["read-only", "artifacts", "code"]
"""What a role may write: nothing, its run's folder of artifacts, or any file of the repository. An agent's tools
follow from it."""

_FENCE = "---"


class Role(Value):
    """`consumes` and `produces` name artifacts, or `code`. `model` is a hint, which the configuration overrides."""

    description: str = Field(min_length=1, max_length=300)
    access: Access
    consumes: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    model: str | None = Field(default=None, min_length=1, max_length=100)


class RoleFile(NamedTuple):
    """A role, and the template of its prompt. The front matter's lines are left empty there, so that an error in
    the template names the right line."""

    role: Role
    prompt: str


def read_role(text: str, file: str) -> RoleFile:
    """A role's file: front matter between two lines `---`, then the prompt. Raises UserError with file and line."""
    lines = text.split("\n")
    if lines[0].strip() != _FENCE:
        raise UserError(f"{file}, line 1: must begin with a line `---`: put description and access between two of them")
    closing = next((number for number, line in enumerate(lines) if number and line.strip() == _FENCE), None)
    if closing is None:
        raise UserError(f"{file}, line 1: has a line `---` without a second one: end the front matter with it")
    role = load_model(Role, "\n" + "\n".join(lines[1:closing]), file)
    prompt = "\n" * (closing + 1) + "\n".join(lines[closing + 1 :])
    if not prompt.strip():
        raise UserError(f"{file}, line {closing + 1}: has no prompt: write one below the front matter")
    return RoleFile(role, prompt)


def misfit(pipeline: Pipeline, roles: Mapping[str, Role]) -> str | None:
    """Why these roles cannot fill the pipeline's stages; None when they can."""
    return next((problem for stage in pipeline.stages if (problem := _misfit(stage, roles)) is not None), None)


def _misfit(stage: Stage, roles: Mapping[str, Role]) -> str | None:
    role = roles.get(stage.role)
    if role is None:
        known = ", ".join(f"`{name}`" for name in sorted(roles))
        return f"stage `{stage.name}` has the role `{stage.role}`, which does not exist: use one of {known}"
    if role.access == "read-only" and stage.outputs:
        return f"stage `{stage.name}` has outputs, and its role `{stage.role}` may write nothing"
    if stage.writes == "code" and role.access != "code":
        return f"stage `{stage.name}` writes code, and its role `{stage.role}` may not: set `writes: artifacts`"
    return None
