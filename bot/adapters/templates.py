"""Templates: comments and prompts in Jinja, pipelines in YAML, read from the installed package or the checkout."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2

import bot
from bot.domain.errors import UserError
from bot.domain.pipeline import Pipeline
from bot.domain.rendering import markdown
from bot.domain.rendering.prompts import PromptView, finding_line
from bot.domain.roles import Role, misfit, read_role
from bot.domain.yaml_files import load_model

_ROLES = "roles"
_SUFFIX = ".md.j2"


def template_directory() -> Path:
    """Where the templates are: inside the installed package, or beside it in a checkout."""
    package = Path(bot.__file__).parent
    bundled = package / "templates"
    return bundled if bundled.is_dir() else package.parent / "templates"


class Templates:
    """All templates below one directory. A name that a template uses and nobody gave is an error."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or template_directory()
        self._environment = jinja2.Environment(
            loader=_Loader(self._directory),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,  # noqa: S701  (Markdown, not HTML; hostile text goes through `inert`)
            keep_trailing_newline=True,
        )
        self._environment.filters |= {
            "code": markdown.code,
            "duration": markdown.duration,
            "finding_line": finding_line,
            "in_code": markdown.in_code,
            "inert": markdown.inert,
            "money": markdown.money,
            "prose": markdown.prose,
            "short": markdown.short,
        }

    def render(self, name: str, **values: Any) -> str:
        """The template's text with these values."""
        return self._environment.get_template(name).render(**values).strip() + "\n"

    def checked(self) -> "Templates":
        """The same, after a look at every role and preset: raises UserError now instead of when one is needed."""
        self.pipelines()
        return self

    def prompt(self, role: str, view: PromptView) -> str:
        """What an agent in this role is told."""
        return self.render(f"{_ROLES}/{role}{_SUFFIX}", view=view)

    def pipelines(self) -> dict[str, Pipeline]:
        """The presets, by name. Raises UserError when one is wrong, or no role can fill a stage of it."""
        return self._pipelines

    def roles(self) -> dict[str, Role]:
        """The roles, by name. Raises UserError, with file and line, when one's file is wrong."""
        return self._roles

    @cached_property
    def _pipelines(self) -> dict[str, Pipeline]:
        files = sorted((self._directory / "pipelines").glob("*.yml"))
        found: dict[str, Pipeline] = {}
        for file in files:
            pipeline = load_model(Pipeline, file.read_text("utf-8"), f"pipelines/{file.name}")
            if (problem := misfit(pipeline, self._roles)) is not None:
                raise UserError(f"pipelines/{file.name}: {problem}")
            found[pipeline.name] = pipeline
        return found

    @cached_property
    def _roles(self) -> dict[str, Role]:
        found: dict[str, Role] = {}
        for file in sorted((self._directory / _ROLES).glob(f"*{_SUFFIX}")):
            name = f"{_ROLES}/{file.name}"
            found[file.name.removesuffix(_SUFFIX)] = read_role(file.read_text("utf-8"), name).role
            try:
                self._environment.get_template(name)
            except jinja2.TemplateSyntaxError as error:
                raise UserError(f"{error.name or name}, line {error.lineno}: {error.message}") from None
        return found


class _Loader(jinja2.FileSystemLoader):
    """Templates as they are, and a role's without its front matter."""

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        source, filename, is_current = super().get_source(environment, template)
        folder, _, name = template.rpartition("/")
        if folder == _ROLES and name.endswith(_SUFFIX):
            source = read_role(source, template).prompt
        return source, filename, is_current
