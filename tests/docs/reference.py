"""The reference pages, made from the code: `make docs` writes them, and a test sees that they are current."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sqlalchemy import Column

from bot.domain import entries
from bot.domain.commands import COMMANDS
from bot.domain.config import RepoConfig
from bot.entrypoints.settings import PREFIX, AgentSettings, RetentionSettings, Settings
from workflows.schema.tables import metadata

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reference"
_MADE = "<!-- Made from the code by `make docs`; do not edit. -->\n"


def pages() -> dict[str, str]:
    """The text of each page by its file's name."""
    made = {
        "commands.md": _commands(),
        "configuration.md": _configuration(),
        "settings.md": _settings(),
        "journal.md": _journal(),
        "database.md": _database(),
    }
    return {name: f"{_MADE}\n{text.strip()}\n" for name, text in made.items()}


def _commands() -> str:
    rows = [
        f"| `{command.usage}` | {command.summary} | {command.permission.name.lower()} | `{command.example}` |"
        for command in COMMANDS
    ]
    head = "| Command | What it does | Needs | Example |\n|---|---|---|---|"
    how = (
        "The first word of a line in a new comment or review. Lines that are quoted, code or edited later are not "
        "commands. `/issuewright <command>` always works; the short form does too unless the repository sets "
        "`short_commands: false`. Lines below `/reject` and `/retry` belong to them."
    )
    return f"# Commands\n\n{how}\n\n{head}\n" + "\n".join(rows)


def _configuration() -> str:
    intro = (
        "`.github/issuewright.yml`, read from the default branch only and frozen when a run starts. Every setting has "
        "a default; errors are answered on the issue with file, line and fix."
    )
    parts = [f"# Configuration of a repository\n\n{intro}"]
    parts += [_table(name, model) for name, model in _models(RepoConfig, {}).items()]
    return "\n\n".join(parts)


def _settings() -> str:
    intro = (
        "`service.toml` in the service's directory. Each of its first table can be overridden by an environment "
        f"variable `{PREFIX}<NAME>` (lists with commas); `DBOS_SYSTEM_DATABASE_URL` is honoured as the database's URL."
    )
    return "\n\n".join(
        (
            f"# Settings of the service\n\n{intro}",
            _table("service.toml", Settings, skip={"directory"}),
            _table("[agents]", AgentSettings),
            _table("[retention]", RetentionSettings),
        )
    )


def _journal() -> str:
    intro = "What a run's journal can hold, one kind of entry each. `issuewright` never rewrites an entry."
    parts = [f"# Journal entries\n\n{intro}"]
    for model in get_args(entries.Recorded):
        kind = model.model_fields["kind"].default
        fields = ", ".join(f"`{name}`" for name in model.model_fields if name not in ("kind", "version"))
        parts.append(f"## `{kind}`\n\n{_doc(model)}\n\nFields: {fields or 'none'}.")
    return "\n\n".join(parts)


def _database() -> str:
    intro = (
        "Beside DBOS's own tables. `entries` is the truth; `runs`, `attempts`, `costs`, `gates` and `deployments` are "
        "projections of it, written in the same transaction, for people and SELECTs. Times are ISO 8601 UTC text."
    )
    parts = [f"# Database\n\n{intro}"]
    for table in sorted(metadata.tables.values(), key=lambda table: table.name):
        rows = [f"| `{column.name}` | {column.type} | {_constraint(column)} |" for column in table.columns]
        parts.append(f"## `{table.name}`\n\n| Column | Type | |\n|---|---|---|\n" + "\n".join(rows))
    return "\n\n".join(parts)


def _constraint(column: Column[Any]) -> str:
    return "key" if column.primary_key else "" if column.nullable else "not null"


def _models(model: type[BaseModel], seen: dict[str, type[BaseModel]]) -> dict[str, type[BaseModel]]:
    """The model and all that it holds, each once."""
    if model.__name__ not in seen:
        seen[model.__name__] = model
        for field in model.model_fields.values():
            for nested in (field.annotation, *_flat(field.annotation)):
                if inspect.isclass(nested) and issubclass(nested, BaseModel):
                    _models(nested, seen)
    return seen


def _flat(annotation: Any) -> Iterator[Any]:
    for part in get_args(annotation):
        yield part
        yield from _flat(part)


def _table(title: str, model: type[BaseModel], skip: frozenset[str] | set[str] = frozenset()) -> str:
    fields = {name: field for name, field in model.model_fields.items() if name not in skip}
    # Where it would have holes, the docstring above the table has to do.
    explained = all(field.description for field in fields.values())
    columns = ["Setting", "Type", "Default", *(["Meaning"] if explained else [])]
    head = f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|"
    rows = [
        f"| `{name}` | {_type(field)} | {_default(field)} |" + (f" {field.description} |" if explained else "")
        for name, field in fields.items()
    ]
    return "\n".join([f"## {title}\n\n{_doc(model)}\n", head, *rows])


def _doc(model: type[BaseModel]) -> str:
    text = " ".join(inspect.cleandoc(model.__doc__ or "").split())
    return re.sub(r"\bdocs/(\S+?\.md)\b", r"[\g<0>](../\1)", text)


def _type(field: FieldInfo) -> str:
    return _words(field.annotation)


def _words(annotation: Any) -> str:
    """A type as people write it in a configuration file."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _words(parts[0])
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (Union, UnionType):
        return " or ".join(_words(part) for part in parts if part is not NoneType)
    if origin is dict:
        return f"by name: {_words(parts[1])}"
    if origin is tuple:
        return f"list of {_words(parts[0])}"
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path", SecretStr: "text"}
    return names[annotation]


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel):
        return "see below"
    return "none" if value in (None, (), {}) else f"`{_shown(value)}`"


def _shown(value: object) -> str:
    return ", ".join(str(part) for part in value) if isinstance(value, tuple) else str(value)


def main() -> None:
    """Write the pages."""
    DOCS.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (DOCS / name).write_text(text)


if __name__ == "__main__":
    main()
