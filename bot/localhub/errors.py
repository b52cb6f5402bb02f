"""Refusals in GitHub's words: raised anywhere below a request, answered as GitHub's JSON error."""

from collections.abc import Mapping
from typing import Any

DOCUMENTATION = "https://docs.github.com/rest"
BODY_LIMIT = 65536


class ApiError(Exception):
    """An answer other than success: HTTP status, GitHub's message and, for 422, the list of errors."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: list[Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The answer's JSON object."""
        answer: dict[str, Any] = {"message": self.message}
        if self.errors is not None:
            answer["errors"] = self.errors
        return answer | {"documentation_url": DOCUMENTATION, "status": str(self.status)}


def not_found(message: str = "Not Found") -> ApiError:
    """404: it does not exist, or the caller may not know that it does."""
    return ApiError(404, message)


def forbidden(message: str) -> ApiError:
    """403: the caller is known and may not."""
    return ApiError(403, message)


def invalid(resource: str, field: str, code: str, message: str | None = None) -> ApiError:
    """422 with one error about one field; `code` is GitHub's (missing_field, invalid, already_exists, custom)."""
    error = {"resource": resource, "code": code, "field": field}
    if message is not None:
        error["message"] = message
    return ApiError(422, "Validation Failed", [error])


def refuse_long(resource: str, text: str | None, limit: int = BODY_LIMIT, field: str = "body") -> None:
    """Raise GitHub's 422 when `text` has more than `limit` characters."""
    if text is not None and len(text) > limit:
        raise invalid(resource, field, "custom", f"{field} is too long (maximum is {limit} characters)")
