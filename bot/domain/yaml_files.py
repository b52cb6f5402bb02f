"""YAML that people write, read into values; every error names the file, the line and the way to mend it."""

from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.domain.errors import UserError
from bot.domain.setting_problems import Place, explain, place_of
from bot.domain.values import writable

Model = TypeVar("Model", bound=BaseModel)
_MAX_BYTES = 256 * 1024
_MOST_COMPLAINTS = 10


class _StrictLoader(yaml.SafeLoader):
    """Plain YAML without aliases (a short file could otherwise unfold into gigabytes) or repeated keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            problem = "aliases (`*name`) are not supported: write the value out"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)


def load_model(model: type[Model], text: str, file: str) -> Model:
    """Read `text` as a `model`; raises UserError with file, line and fix when it is not one."""
    if len(text.encode(errors="replace")) > _MAX_BYTES:
        raise UserError(f"{file}, line 1: larger than {_MAX_BYTES // 1024} KiB: make it shorter")
    node, data = _parse(text, file)
    if (line := _unwritable(node)) is not None:
        raise UserError(f"{file}, line {line}: holds a character that cannot be stored: remove it")
    if not isinstance(data, dict):
        raise UserError(f"{file}, line 1: must hold settings, as `name: value`, one a line")
    repeated = _repeated_key(node)
    if repeated is not None:
        raise UserError(f"{file}, line {repeated[1]}: `{repeated[0]}` is set twice: keep one of them")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = [*dict.fromkeys(_complain(problem, node, file, model) for problem in error.errors())]
        more = len(lines) - _MOST_COMPLAINTS
        told = [*lines[:_MOST_COMPLAINTS], f"… and {more} more"] if more > 0 else lines
        raise UserError("\n".join(told)) from None


def _parse(text: str, file: str) -> tuple[yaml.Node | None, object]:
    """The document's nodes, which know their lines, and what they say."""
    try:
        loader = _StrictLoader(text)
        try:
            node = loader.get_single_node()
            return node, {} if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UserError(f"{file}, line {line}: holds a character that YAML does not allow: remove it") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = "; ".join(part for part in (error.context, error.problem) if part)
        raise UserError(f"{file}, line {line}: not valid YAML: {problem}") from None
    except RecursionError:
        raise UserError(f"{file}, line 1: nested too deeply: write it flatter") from None
    except ValueError as error:
        # A date such as 2026-02-31, which YAML takes for one because it is not in quotes.
        raise UserError(f"{file}, line 1: a value is not what it looks like ({error}): put it in quotes") from None


def _complain(problem: ErrorDetails, node: yaml.Node | None, file: str, model: type[BaseModel]) -> str:
    place = place_of(problem)
    where = ".".join(str(part) for part in place)
    said = explain(problem, model)
    return f"{file}, line {_line_of(node, place)}: " + (f"`{where}` {said}" if where else said)


def _line_of(node: yaml.Node | None, path: Place) -> int:
    """The line (from 1) of the deepest part of `path` that the document has."""
    line = 1 if node is None else node.start_mark.line + 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is None:
                return line
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _unwritable(node: yaml.Node | None) -> int | None:
    """The line of the first text that no database can hold: YAML's escapes can write half a character."""
    if isinstance(node, yaml.ScalarNode):
        return node.start_mark.line + 1 if writable(node.value) != node.value else None
    inner = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else []
    inner = node.value if isinstance(node, yaml.SequenceNode) else inner
    return next((line for part in inner if (line := _unwritable(part)) is not None), None)


def _repeated_key(node: yaml.Node | None) -> tuple[str, int] | None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                return str(key.value), key.start_mark.line + 1
            seen.add(key.value)
            if (found := _repeated_key(value)) is not None:
                return found
    if isinstance(node, yaml.SequenceNode):
        for value in node.value:
            if (found := _repeated_key(value)) is not None:
                return found
    return None
