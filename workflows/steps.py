"""Recorded steps whose values are JSON: what a replay reads back must survive renames and releases."""

from collections.abc import Callable
from functools import cache
from typing import Any, ParamSpec, TypeVar

from dbos import DBOS
from pydantic import TypeAdapter

from workflows.failpoints import reach
from workflows.outages import through_outages

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def step(
    name: str,
    shape: Any,
    work: Callable[Arguments, Result],
    *arguments: Arguments.args,
    **named: Arguments.kwargs,
) -> Result:
    """Call `work` once and record its value, of type `shape`; a replay gets the recorded value.

    `work` may be repeated: a crash before the record does that, and the database's absence too.
    """
    adapter = _adapter(shape)

    def recorded() -> Any:
        reach(f"step.{name}.before")
        value = adapter.dump_python(through_outages(lambda: work(*arguments, **named)), mode="json")
        reach(f"step.{name}.after")
        return value

    result: Result = adapter.validate_python(DBOS.run_step({"name": name}, recorded))
    return result
