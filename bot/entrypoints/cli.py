"""The command `issuewright`. Subcommands are imported when they are called: `--help` answers at once."""

import logging
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot import __version__
from bot.domain.errors import UserError

if TYPE_CHECKING:
    from bot.entrypoints.settings import Settings

_NOISY = ("dbos", "uvicorn", "httpx", "httpcore", "urllib3", "github", "git", "alembic", "asyncio")
_LAZY = {
    "demo": (
        "bot.entrypoints.demo.command",
        "demo_command",
        "See a spec become a merged pull request, on this machine alone.",
    ),
    "runs": ("bot.entrypoints.operator.runs", "runs_command", "See runs, and help those that are stuck."),
    "db": ("bot.entrypoints.operator.db", "db_command", "See to the database: its state, its schema, its backups."),
    "audit": ("bot.entrypoints.operator.audit", "audit_command", "Prove that the record of what happened is whole."),
}


class _Commands(click.Group):
    """Also knows commands whose modules are imported only when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_LAZY})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _LAZY:
            module, name, _ = _LAZY[cmd_name]
            command: click.Command = getattr(import_module(module), name)
            return command
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        known = {name: _LAZY[name][2] for name in _LAZY}
        known |= {name: command.get_short_help_str(100) for name, command in self.commands.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(known.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"issuewright: {error}", err=True)
            ctx.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="issuewright")
def main() -> None:
    """Issuewright: a labelled issue becomes a reviewed, merged pull request."""


def _of_service(command: Callable[[Path, bool], None]) -> click.Command:
    """A subcommand that runs a process of the service from the settings in `--dir`."""
    directory = click.option(
        "--dir",
        "directory",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        default=Path(),
        show_default="the current directory",
        help="Where service.toml is; the service's data and pid file go there too.",
    )
    verbose = click.option("--verbose", "-v", is_flag=True, help="Log more.")
    return main.command()(directory(verbose(command)))


@_of_service
def serve(directory: Path, verbose: bool) -> None:
    """Run the service: webhook and worker in one process.

    Everything it is doing is recorded in its database, so it may be stopped or killed at any moment; started again,
    it goes on where it was.
    """
    from bot.entrypoints.serve import serve as run

    run(_settings(directory, verbose))


@_of_service
def health(directory: Path, verbose: bool) -> None:
    """Say whether the service in this directory works; exits with 1 when it does not."""
    from bot.entrypoints.health import problems

    found = list(problems(_settings(directory, verbose)))
    for problem in found:
        click.echo(f"issuewright: {problem}", err=True)
    if found:
        sys.exit(1)
    click.echo("ok")


@_of_service
def webhook(directory: Path, verbose: bool) -> None:
    """Run the webhook alone: it stores deliveries for the workers."""
    from bot.entrypoints.serve import serve_webhook as run

    run(_settings(directory, verbose))


@_of_service
def worker(directory: Path, verbose: bool) -> None:
    """Run a worker alone; as many as you like may share one PostgreSQL."""
    from bot.entrypoints.serve import serve_worker as run

    run(_settings(directory, verbose))


def _settings(directory: Path, verbose: bool) -> "Settings":
    """Set up logging and read the settings."""
    from bot.entrypoints.settings import load

    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    os.umask(0o077)
    return load(directory)


@main.command()
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Where localhub keeps its state.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default="any free one", help="Port to listen on."
)
@click.option("--bind", default="127.0.0.1", show_default=True, help="Address to listen on.")
def localhub(directory: Path, port: int, bind: str) -> None:
    """Run a GitHub on your laptop: for demos, rehearsals and tests, never for real work."""
    from bot.localhub import run

    run(directory, port, bind)


if __name__ == "__main__":
    main(prog_name="issuewright")
