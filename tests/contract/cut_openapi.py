"""Cuts GitHub's OpenAPI description down to the operations and webhooks in tests/contract/operations.py.

    python -m tests.contract.cut_openapi api.github.com.json

writes tests/data/openapi/*.json, the same bytes each time; tests/data/README.md says where the input comes from.
The schemas become JSON Schema 2020-12: `nullable` turns into the type "null", and what is for readers
(descriptions, examples) goes.
"""

import argparse
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.contract.operations import EVENTS, OPERATIONS

Json = dict[str, Any]
SOURCE_SHA256 = "829b4bebb19a53133289f7b0bc819f4f1118115821db2ca9f25e9ee995a7da2a"
DATA = Path(__file__).parents[1] / "data" / "openapi"
SCHEMA_PREFIX = "#/components/schemas/"
_METHODS = ("get", "post", "put", "patch", "delete")
_FOR_READERS = ("title", "description", "summary", "example", "examples", "externalDocs", "deprecated", "default")
_LISTS = ("allOf", "anyOf", "oneOf")
_MAPS = ("properties", "patternProperties")
_SINGLE = ("items", "additionalProperties", "not")
_LEAST_SHARED = 300
"""Characters of a schema that is worth a name of its own when it occurs twice."""


class Cut:
    """One pass over the description; collects the schemas that are referred to."""

    def __init__(self, source: Json) -> None:
        self._source = source
        self.schemas: dict[str, Any] = {}

    def resolved(self, thing: Json) -> Json:
        """A parameter, response or header, wherever it is written down."""
        if "$ref" not in thing:
            return thing
        found: Any = self._source
        for part in thing["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return self.resolved(found)

    def schema(self, schema: Any) -> Any:
        """A schema in JSON Schema 2020-12, its references noted."""
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            self._note(schema["$ref"])
            # Beside a `$ref`, OpenAPI 3.0 passes over everything.
            return {"$ref": schema["$ref"]}
        kept = {
            key: value
            for key, value in schema.items()
            if key not in (*_FOR_READERS, "nullable") and not key.startswith("x-")
        }
        for key in _LISTS:
            if key in kept:
                kept[key] = [self.schema(part) for part in kept[key]]
        for key in _MAPS:
            if key in kept:
                kept[key] = {name: self.schema(part) for name, part in kept[key].items()}
        for key in _SINGLE:
            if key in kept:
                kept[key] = self.schema(kept[key])
        return _with_null(kept) if schema.get("nullable") else kept

    def _note(self, reference: str) -> None:
        name = reference.removeprefix(SCHEMA_PREFIX)
        if name not in self.schemas:
            self.schemas[name] = None  # it may refer to itself
            self.schemas[name] = self.schema(self._source["components"]["schemas"][name])

    def content(self, body: Json) -> Json:
        """Media type to schema."""
        return {kind: self.schema(media.get("schema", {})) for kind, media in body.get("content", {}).items()}

    def operation(self, path: str, method: str) -> Json:
        """One operation: its id, place, parameters, request body and answers by status."""
        operation = self._source["paths"][path][method]
        cut: Json = {"operationId": operation["operationId"], "method": method.upper(), "path": path}
        parameters = [self.resolved(each) for each in operation.get("parameters", [])]
        cut["parameters"] = [
            {
                "name": each["name"],
                "in": each["in"],
                "required": each.get("required", False),
                "schema": self.schema(each["schema"]),
            }
            for each in parameters
        ]
        if "requestBody" in operation:
            body = self.resolved(operation["requestBody"])
            cut["requestBody"] = {"required": body.get("required", False), "content": self.content(body)}
        cut["responses"] = {
            status: self.content(self.resolved(response)) for status, response in operation["responses"].items()
        }
        return cut


def _with_null(schema: Json) -> Json:
    """The schema that also allows null."""
    if isinstance(schema.get("type"), str):
        schema = schema | {"type": [schema["type"], "null"]}
        if "enum" in schema and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        if not any(key in schema for key in _LISTS):
            return schema
    elif not any(key in schema for key in (*_LISTS, "enum")):
        return schema  # anything at all
    return {"anyOf": [schema, {"type": "null"}]}


def _inside(schema: Any) -> list[Any]:
    """The schemas directly inside a schema."""
    if not isinstance(schema, dict):
        return []
    inside = [part for key in _LISTS for part in schema.get(key, [])]
    inside += [part for key in _MAPS for part in schema.get(key, {}).values()]
    return inside + [schema[key] for key in _SINGLE if key in schema]


def _line(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def share(schemas: dict[str, Any]) -> dict[str, Any]:
    """The same schemas, with what is written out twice or more under a name of its own."""
    times: Counter[str] = Counter()

    def count(schema: Any) -> None:
        for part in _inside(schema):
            text = _line(part)
            times[text] += 1
            if times[text] == 1:
                count(part)

    for schema in schemas.values():
        count(schema)
    shared: dict[str, Any] = {}

    def name_of(text: str) -> str:
        return f"shared-{hashlib.sha256(text.encode()).hexdigest()[:10]}"

    def replaced(schema: Any, top: bool = False) -> Any:
        if not isinstance(schema, dict):
            return schema
        text = _line(schema)
        if not top and times[text] > 1 and len(text) >= _LEAST_SHARED:
            if name_of(text) not in shared:
                shared[name_of(text)] = replaced(schema, top=True)
            return {"$ref": SCHEMA_PREFIX + name_of(text)}
        new = dict(schema)
        for key in _LISTS:
            if key in new:
                new[key] = [replaced(part) for part in new[key]]
        for key in _MAPS:
            if key in new:
                new[key] = {name: replaced(part) for name, part in new[key].items()}
        for key in _SINGLE:
            if key in new:
                new[key] = replaced(new[key])
        return new

    return {name: replaced(schema, top=True) for name, schema in schemas.items()} | shared


def cut_description(source: Json) -> tuple[dict[str, Json], dict[str, Json], dict[str, Any]]:
    """Operations by id, webhook schemas by `event` or `event.action`, and schemas by name."""
    cut = Cut(source)
    places = {
        operation["operationId"]: (path, method)
        for path, item in source["paths"].items()
        for method, operation in item.items()
        if method in _METHODS
    }
    operations = {name: cut.operation(*places[name]) for name in sorted(OPERATIONS)}
    webhooks = {}
    for item in source["x-webhooks"].values():
        event, _, action = item["post"]["operationId"].replace("-", "_").partition("/")
        if event in EVENTS:
            schema = cut.content(item["post"]["requestBody"])["application/json"]
            webhooks[f"{event}.{action}" if action else event] = schema
    missing = set(EVENTS) - {name.partition(".")[0] for name in webhooks}
    if missing:
        raise SystemExit(f"not described: {', '.join(sorted(missing))}")
    return operations, webhooks, share(cut.schemas)


def write(folder: Path, name: str, entries: dict[str, Any]) -> None:
    """One JSON object with a line an entry, so that a new version's changes can be read."""
    lines = (f"{json.dumps(key)}: {_line(value)}" for key, value in sorted(entries.items()))
    (folder / name).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main() -> None:
    """Read the description named on the command line and write the cut."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="api.github.com.json of @octokit/openapi")
    parser.add_argument("--to", type=Path, default=DATA, help="folder to write to")
    options = parser.parse_args()
    content = options.source.read_bytes()
    if hashlib.sha256(content).hexdigest() != SOURCE_SHA256:
        raise SystemExit("another version of the description: look at what changes, then update SOURCE_SHA256")
    operations, webhooks, schemas = cut_description(json.loads(content))
    options.to.mkdir(parents=True, exist_ok=True)
    write(options.to, "operations.json", operations)
    write(options.to, "webhooks.json", webhooks)
    write(options.to, "schemas.json", schemas)


if __name__ == "__main__":
    main()
