"""The one base of every value in the domain: immutable, strict about its fields, JSON-able."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """An immutable record; an unknown field is an error, never silently dropped."""

    # JSON has no NaN: it would come back from the journal as nothing.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
