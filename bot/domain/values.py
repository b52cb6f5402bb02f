"""The one base of every value in the domain: immutable, strict about its fields, JSON-able."""

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


def writable(text: object) -> object:
    """Half a surrogate pair, which JSON can hold and UTF-8 cannot, and NUL, which PostgreSQL cannot, as the sign for
    what could not be read."""
    return _UNWRITABLE.sub("\ufffd", text) if isinstance(text, str) else text


Text = Annotated[str, BeforeValidator(writable)]
"""What somebody outside wrote: fit to be stored anywhere."""


class Value(BaseModel):
    """An immutable record; an unknown field is an error, never silently dropped."""

    # JSON has no NaN: it would come back from the journal as nothing.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
