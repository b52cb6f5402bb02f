"""Reading what a request asks for; what does not fit is a 422 in GitHub's words."""

from typing import Any

from bot.localhub.clock import epoch
from bot.localhub.errors import ApiError, invalid

Json = dict[str, Any]


def text(body: Json, field: str, resource: str) -> str:
    """A string that must be there."""
    value = body.get(field)
    if value is None:
        raise invalid(resource, field, "missing_field")
    if not isinstance(value, str):
        raise ApiError(422, f"Invalid request.\n\nFor 'properties/{field}', {value!r} is not a string.")
    return value


def optional_text(body: Json, field: str) -> str | None:
    """A string, or None when it is absent or null."""
    value = body.get(field)
    if value is not None and not isinstance(value, str):
        raise ApiError(422, f"Invalid request.\n\nFor 'properties/{field}', {value!r} is not a string.")
    return value


def optional_number(body: Json, field: str) -> int | None:
    """A whole number, or None when it is absent or null."""
    value = body.get(field)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ApiError(422, f"Invalid request.\n\nFor 'properties/{field}', {value!r} is not an integer.")
    return value


def names(value: Any, field: str = "labels") -> list[str]:
    """A list of names; labels may come as objects with a name."""
    if not isinstance(value, list):
        raise ApiError(422, f"Invalid request.\n\nFor 'properties/{field}', {value!r} is not an array.")
    found = [item.get("name") if isinstance(item, dict) else item for item in value]
    for name in found:
        if not isinstance(name, str):
            raise ApiError(422, f"Invalid request.\n\nFor 'properties/{field}', {name!r} is not a string.")
    return [str(name) for name in found]


def moment(value: str | None) -> float:
    """The `since` of a list in seconds since the epoch, 0 without one."""
    if value is None:
        return 0.0
    try:
        return epoch(value)
    except ValueError:
        raise ApiError(422, "Validation Failed", [{"field": "since", "code": "invalid"}]) from None
