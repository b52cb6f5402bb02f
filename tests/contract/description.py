"""GitHub's description at work: what is wrong with a request, an answer or a webhook, if anything is."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

from tests.contract.strict import close, closed_and_open

Json = dict[str, Any]
DATA = Path(__file__).parents[1] / "data" / "openapi"
PREFIX = "/api/v3"
_WITH_SLASHES = {"{path}": ".*", "{ref}": ".+", "{branch}": ".+", "{basehead}": ".+", "{name}": ".+"}
_ANYWHERE = (304, 401, 403, 404, 429, 500, 502, 503)
"""Statuses that any operation may answer, described or not."""
_ERROR = {"$ref": "#/components/schemas/basic-error"}


@dataclass(frozen=True)
class Problem:
    """`where` is an operation id with `request`, `query` or a status, or a webhook's name; `at` is the place in
    the body, with `*` for any index; `fault` is the keyword that was broken and what broke it."""

    where: str
    at: str
    fault: str
    detail: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.where} {self.at or '/'}: {self.fault} {self.detail}".rstrip()


class Schemas:
    """The named schemas, closed to unknown fields, and what is compiled with them."""

    def __init__(self, named: Json) -> None:
        self.resources = dict(closed_and_open(named))
        self.registry = jsonschema_rs.Registry(self.resources.items())

    def described(self, schema: Any) -> set[str]:
        """The names of all fields that an object may have, whichever alternative it takes."""
        if "$ref" in schema:
            resource, _, name = schema["$ref"].partition("#/")
            return self.described(self.resources[resource][name])
        parts = [part for key in ("allOf", "anyOf", "oneOf") for part in schema.get(key, [])]
        return set(schema.get("properties", {})).union(*(self.described(part) for part in parts))


class Schema:
    """A compiled schema, closed to unknown fields."""

    def __init__(self, schema: Any, schemas: Schemas) -> None:
        self._closed = close(schema)
        self._schemas = schemas
        self._validator = jsonschema_rs.Draft202012Validator(
            self._closed, registry=schemas.registry, validate_formats=True
        )

    def problems(self, where: str, value: Any) -> Iterator[Problem]:
        """What is wrong with a value."""
        for error in self._validator.iter_errors(value):
            for leaf in _leaves(error):
                fault = self._fault(leaf)
                if fault:
                    at = "".join("/*" if isinstance(part, int) else f"/{part}" for part in leaf.instance_path)
                    yield Problem(where, at, fault, leaf.message[:200])

    def _fault(self, error: jsonschema_rs.ValidationError) -> str | None:
        kind = error.kind
        match kind:
            case jsonschema_rs.ValidationErrorKind.Required(name):
                return f"lacks {name}"
            case jsonschema_rs.ValidationErrorKind.AdditionalProperties(names):
                return f"unknown {' '.join(sorted(names))}"
            case jsonschema_rs.ValidationErrorKind.UnevaluatedProperties(names):
                # An alternative with a fault in it has seen none of its fields: they are not unknown.
                unknown = set(names) - self._schemas.described(self._object(error))
                return f"unknown {' '.join(sorted(unknown))}" if unknown else None
        return kind.name

    def _object(self, error: jsonschema_rs.ValidationError) -> Any:
        """The schema that was broken."""
        resource, _, pointer = (error.absolute_keyword_location or "").partition("#")
        found: Any = self._schemas.resources.get(resource, self._closed)
        steps = pointer.split("/")[1:] if resource else [str(step) for step in error.schema_path]
        for step in steps[:-1]:
            step = unquote(step).replace("~1", "/").replace("~0", "~")
            found = found[int(step)] if isinstance(found, list) else found[step]
        return found


def _leaves(error: jsonschema_rs.ValidationError) -> Iterator[jsonschema_rs.ValidationError]:
    """The errors of the alternative that was meant: the one that gets furthest."""
    branches = getattr(error.kind, "context", None)
    if not branches:
        yield error
        return
    best = min(branches, key=lambda errors: (_is_type_only(errors, error), len(errors)))
    if not best:
        yield error  # `oneOf`: more than one alternative fits
    for inner in best:
        yield from _leaves(inner)


def _is_type_only(errors: list[jsonschema_rs.ValidationError], whole: jsonschema_rs.ValidationError) -> bool:
    """Whether a value is of another type altogether than the alternative."""
    return any(error.kind.name == "type" and error.instance_path == whole.instance_path for error in errors)


class Operation:
    """One operation of the REST API."""

    def __init__(self, described: Json, schemas: Schemas) -> None:
        self.id: str = described["operationId"]
        self.method: str = described["method"]
        self.template: str = described["path"]
        self._named = schemas
        parameters = described["parameters"]
        self._in_path = {each["name"]: each["schema"] for each in parameters if each["in"] == "path"}
        self._in_query = {each["name"]: each for each in parameters if each["in"] == "query"}
        self._request: Json | None = described.get("requestBody")
        self._responses: dict[str, Json] = described["responses"]
        self._schemas: dict[str, Schema] = {}
        self.pattern = re.compile(_pattern(self.template))

    @property
    def rank(self) -> tuple[int, int]:
        """Of several operations that fit a path, the one with the most literal parts is meant."""
        return -len(re.sub(r"\{[^}]*\}", "", self.template)), len(self.template)

    def request_problems(self, path: str, query: list[list[str]], half: Json) -> Iterator[Problem]:
        """What is wrong with a request."""
        found = self.pattern.fullmatch(path)
        for name, value in found.groupdict().items() if found else ():
            yield from self._parameter(f"{self.id} path", name, value, self._in_path[name])
        for name, value in query:
            if name not in self._in_query:
                yield Problem(f"{self.id} query", f"/{name}", "unknown")
            else:
                yield from self._parameter(f"{self.id} query", name, value, self._in_query[name]["schema"])
        for name, described in self._in_query.items():
            if described["required"] and name not in {pair[0] for pair in query}:
                yield Problem(f"{self.id} query", f"/{name}", "lacks")
        where = f"{self.id} request"
        if "body" not in half:
            if "text" in half or (self._request or {}).get("required"):
                yield Problem(where, "", "no JSON body")
        elif self._request is None:
            # Clients send `{}` or null where there is nothing to say.
            if half["body"]:
                yield Problem(where, "", "body not described")
        else:
            schema = self._request["content"].get("application/json", {})
            yield from self._schema("request", schema).problems(where, half["body"])

    def answer_problems(self, status: int, half: Json) -> Iterator[Problem]:
        """What is wrong with an answer."""
        where = f"{self.id} {status}"
        described = self._responses.get(str(status))
        if described is None:
            if status not in _ANYWHERE:
                yield Problem(where, "", "status not described")
                return
            described = {}
        if status >= 400 and not described:
            # Described in words alone: GitHub answers its usual error.
            described = {"application/json": _ERROR}
        kind = half["headers"].get("content-type", "").partition(";")[0]
        if not described:
            if "body" in half or "text" in half:
                yield Problem(where, "", "body not described")
        elif kind in described and "body" in half:
            yield from self._schema(f"{status} {kind}", described[kind]).problems(where, half["body"])
        elif "body" in half or ("application/json" in described and not kind.startswith("application/vnd.github")):
            yield Problem(where, "", f"media type not described {kind}")

    def _parameter(self, where: str, name: str, value: str, schema: Any) -> Iterator[Problem]:
        for problem in self._schema(f"{where} {name}", schema).problems(where, _read(value, schema)):
            yield Problem(problem.where, f"/{name}", problem.fault, problem.detail)

    def _schema(self, name: str, schema: Any) -> Schema:
        if name not in self._schemas:
            self._schemas[name] = Schema(schema, self._named)
        return self._schemas[name]


def _pattern(template: str) -> str:
    parts = re.split(r"(\{[^}]*\})", template)
    return "".join(
        f"(?P<{part[1:-1]}>{_WITH_SLASHES.get(part, '[^/]+')})" if part.startswith("{") else re.escape(part)
        for part in parts
    )


def _read(value: str, schema: Any) -> Any:
    """A parameter's value in the type that its schema wants, if it can be."""
    kinds = schema.get("type", "string")
    if "integer" in kinds and re.fullmatch(r"-?\d+", value):
        return int(value)
    if "boolean" in kinds and value in ("true", "false"):
        return value == "true"
    return value.split(",") if "array" in kinds else value


class Description:
    """Everything in tests/data/openapi."""

    def __init__(self, folder: Path = DATA) -> None:
        self._named = Schemas(json.loads((folder / "schemas.json").read_text()))
        described = json.loads((folder / "operations.json").read_text())
        self.operations = {name: Operation(each, self._named) for name, each in described.items()}
        self._by_rank = sorted(self.operations.values(), key=lambda operation: operation.rank)
        self._webhooks: Json = json.loads((folder / "webhooks.json").read_text())
        self._compiled: dict[str, Schema] = {}

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation at a path below /api/v3; None when GitHub describes none."""
        if path.endswith("/contents"):
            path += "/"  # the contents of the top directory, whose path is empty
        for operation in self._by_rank:
            if operation.method == method and operation.pattern.fullmatch(path):
                return operation
        return None

    def exchange_problems(self, entry: Json, wrong_on_purpose: bool) -> list[Problem]:
        """What is wrong with a recorded request and its answer; a request that was refused as malformed may have
        been `wrong_on_purpose`."""
        path = entry["path"].removeprefix(PREFIX) or "/"
        operation = self.operation(entry["method"], path)
        if operation is None:
            return [Problem(f"{entry['method']} {path}", "", "operation not described")]
        found: list[Problem] = []
        if not (wrong_on_purpose and entry["status"] in (400, 422)):
            found += operation.request_problems(path, entry["query"], entry["request"])
        found += operation.answer_problems(entry["status"], entry["answer"])
        return found

    def webhook_problems(self, event: str, payload: Json) -> list[Problem]:
        """What is wrong with a webhook's payload."""
        name = f"{event}.{payload['action']}" if f"{event}.{payload.get('action')}" in self._webhooks else event
        if name not in self._webhooks:
            return [Problem(f"{event}.{payload.get('action')} webhook", "", "event not described")]
        if name not in self._compiled:
            self._compiled[name] = Schema(self._webhooks[name], self._named)
        return list(self._compiled[name].problems(f"{name} webhook", payload))


@cache
def github() -> Description:
    """The one description, read once."""
    return Description()
