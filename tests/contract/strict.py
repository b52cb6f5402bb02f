"""Schemas that know every field: an object may hold only what its description names."""

from typing import Any

PREFIX = "#/components/schemas/"
CLOSED = "urn:github:closed"
OPEN = "urn:github:open"
_LISTS = ("allOf", "anyOf", "oneOf")


def closed_and_open(schemas: dict[str, Any]) -> list[tuple[str, Any]]:
    """Two registry resources: each schema closed, and open at its own top, for use inside a composition."""
    return [
        (CLOSED, {name: close(schema) for name, schema in schemas.items()}),
        (OPEN, {name: close(schema, composed=True) for name, schema in schemas.items()}),
    ]


def close(schema: Any, composed: bool = False) -> Any:
    """The schema with `unevaluatedProperties: false` at every object whose fields are described.

    Inside a composition (`allOf` beside properties and the like) the branches stay open at their top, since
    each sees the fields of the others: there the whole is closed.
    """
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": f"{OPEN if composed else CLOSED}#/{schema['$ref'].removeprefix(PREFIX)}"}
    new = dict(schema)
    if "properties" in new:
        new["properties"] = {name: close(part) for name, part in new["properties"].items()}
        if new.get("additionalProperties") is True:
            del new["additionalProperties"]  # what GitHub passes over, not what it knows
    for key in ("items", "additionalProperties"):
        if key in new:
            new[key] = close(new[key])
    lists = [key for key in _LISTS if key in new]
    # Alternatives that are all there is are closed one by one: that names the field which is too much.
    alone = len(lists) == 1 and "allOf" not in lists and "properties" not in new
    for key in lists:
        new[key] = [close(part, composed=composed or not alone) for part in new[key]]
    described = "properties" in new or (lists and not alone)
    if described and not composed and "additionalProperties" not in new:
        new["unevaluatedProperties"] = False
    return new
