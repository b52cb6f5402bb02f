"""Templates: comments and prompts in Jinja, pipelines in YAML, read from the installed package or the checkout."""

from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2

import bot
from bot.domain.pipeline import Pipeline
from bot.domain.yaml_files import load_model


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
            loader=jinja2.FileSystemLoader(self._directory),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,  # noqa: S701  (Markdown, not HTML; hostile text goes through `inert`)
            keep_trailing_newline=False,
        )
        self._environment.filters |= {"inert": inert, "code": code, "money": money, "short": short}

    def render(self, name: str, **values: Any) -> str:
        """The template's text with these values."""
        return self._environment.get_template(name).render(**values).strip() + "\n"

    def pipelines(self) -> dict[str, Pipeline]:
        """The presets, by name."""
        return self._pipelines

    @cached_property
    def _pipelines(self) -> dict[str, Pipeline]:
        files = sorted((self._directory / "pipelines").glob("*.yml"))
        found = [load_model(Pipeline, file.read_text(), f"pipelines/{file.name}") for file in files]
        return {pipeline.name: pipeline for pipeline in found}


def inert(text: str) -> str:
    """Somebody's words inside our comment: they notify nobody, hide nothing, link nowhere by themselves."""
    for character, shown in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "&#64;"), ("`", "&#96;")):
        text = text.replace(character, shown)
    for character in "*_[]|#~!":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())


def code(text: str) -> str:
    """Somebody's words as a code block that they cannot end."""
    longest = max((len(run) for run in _backticks(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.strip()}\n{fence}"


def money(usd: float) -> str:
    """US dollars, `$0.42`."""
    return f"${usd:.2f}"


def short(sha: str) -> str:
    """A commit's name as people write it."""
    return sha[:10]


def _backticks(text: str) -> list[str]:
    runs: list[str] = [""]
    for character in text:
        if character == "`":
            runs[-1] += character
        elif runs[-1]:
            runs.append("")
    return runs
