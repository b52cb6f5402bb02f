"""YAML that people write, read into values; every error names the file, the line and the way to mend it."""

from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from bot.domain.errors import UserError

Model = TypeVar("Model", bound=BaseModel)
_MAX_BYTES = 256 * 1024


class _StrictLoader(yaml.SafeLoader):
    """Plain YAML without aliases (a short file could otherwise unfold into gigabytes) or repeated keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            problem = "aliases (`*name`) are not supported: write the value out"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)


def load_model(model: type[Model], text: str, file: str) -> Model:
    """Read `text` as a `model`; raises UserError with file, line and fix when it is not one."""
    if len(text.encode()) > _MAX_BYTES:
        raise UserError(f"{file}: larger than {_MAX_BYTES // 1024} KiB: make it shorter")
    try:
        loader = _StrictLoader(text)
        try:
            node = loader.get_single_node()
            data = {} if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{file}, line {line}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{file}: not valid YAML: {type(error).__name__}: {error}") from None
    if not isinstance(data, dict):
        raise UserError(f"{file}, line 1: expected settings as `name: value`, found {type(data).__name__}")
    repeated = _repeated_key(node)
    if repeated is not None:
        raise UserError(f"{file}, line {repeated[1]}: `{repeated[0]}` is set twice: keep one of them")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = [_explain(problem, node, file, model) for problem in error.errors()]
        raise UserError("\n".join(dict.fromkeys(lines))) from None


def _explain(problem: Any, node: yaml.Node | None, file: str, model: type[BaseModel]) -> str:
    path = [part for part in problem["loc"] if not _is_type_tag(part)]
    line = _line_of(node, path)
    where = ".".join(str(part) for part in path) or "the file"
    if problem["type"] == "extra_forbidden":
        known = _known_names(model, path[:-1])
        hint = f"known here: {', '.join(known)}" if known else "remove it"
        return f"{file}, line {line}: `{where}` is not a setting ({hint})"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{file}, line {line}: `{where}`: {message}"


def _is_type_tag(part: object) -> bool:
    """Pydantic puts the names of a union's members into the location; no setting starts with a capital."""
    return isinstance(part, str) and (part[:1].isupper() or "[" in part)


def _line_of(node: yaml.Node | None, path: list[Any]) -> int:
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


def _known_names(model: type[BaseModel], path: list[Any]) -> list[str]:
    current: Any = model
    for part in path:
        fields = getattr(current, "model_fields", {})
        if part not in fields:
            return []
        current = fields[part].annotation
    return sorted(getattr(current, "model_fields", {}))
