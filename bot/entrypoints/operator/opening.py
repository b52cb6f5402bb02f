"""What the operator's commands share: their options, the database, and errors that say how to mend them.

Exit codes: 0 all is well; 1 it was looked at, and something is wrong; 2 it could not be done, stderr says why.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from bot.entrypoints.settings import Settings
    from workflows.database import Database

FOUND_PROBLEMS = 1
_PATIENCE_SECONDS = 15.0
Command = TypeVar("Command", bound=Callable[..., Any])


def in_directory(command: Command) -> Command:
    """The option `--dir`."""
    option = click.option(
        "--dir",
        "directory",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        default=Path(),
        show_default="the current directory",
        help="The service's directory, where service.toml is.",
    )
    return option(command)


def as_json(command: Command) -> Command:
    """The option `--json`."""
    return click.option("--json", "json_wanted", is_flag=True, help="Print JSON, for programs.")(command)


@contextmanager
def opened(directory: Path, *, schema: bool = True) -> Iterator[tuple["Settings", "Database"]]:
    """The settings and the database of the service in `directory`; its troubles become UserErrors that say what to
    do. With `schema` the database has to be at this release's."""
    from bot.entrypoints.settings import load

    settings = load(directory)
    with explained():
        from workflows.database import Database
        from workflows.maintenance import require_schema

        database = Database(settings.database, wait_seconds=_PATIENCE_SECONDS)
        try:
            if schema:
                require_schema(database)
            yield settings, database
        finally:
            database.close()


@contextmanager
def explained() -> Iterator[None]:
    """What a database (or a file) refuses, in words of what can be done about it."""
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.exc import TimeoutError as NoConnection

    from bot.domain.errors import Transient, UserError

    try:
        yield
    except DBAPIError as error:
        raise UserError(_advice(str(error.orig).strip().splitlines()[0])) from error
    except NoConnection:
        raise UserError("the database has no connection free: try again when less is going on") from None
    except Transient as error:
        raise UserError(f"{error}: try again later") from error


def _advice(words: str) -> str:
    lower = words.lower()
    if "locked" in lower or "timeout" in lower:
        return f"the database is busy ({words}): try again; if it stays so, see who holds it, or stop the service"
    if "malformed" in lower or "not a database" in lower:
        return f"the database is damaged ({words}): stop the service and restore a backup (`issuewright db restore`)"
    if "certificate" in lower or "ssl" in lower:
        hint = "is `sslrootcert` its CA's certificate, and does its own name the host?"
        return f"the database is not trusted ({words}): {hint}"
    if "permission denied for" in lower:
        hint = "see docs/how-to/postgresql.md; the owner runs `issuewright db migrate`"
        return f"this role may not do that ({words}): {hint}"
    if "readonly" in lower or "unable to open" in lower or "permission denied" in lower:
        return f"the database cannot be used ({words}): run this as the service's user"
    if "connect" in lower or "authentication" in lower or "resolve" in lower:
        return f"the database is away ({words}): is it running, and is `database_url` right?"
    return f"the database refuses: {words}"
