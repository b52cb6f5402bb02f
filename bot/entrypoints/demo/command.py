"""`issuewright demo` and `issuewright demo say`: what they take, what they print, how they end."""

import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

import click
import httpx

from bot.domain.errors import IssuewrightError
from bot.entrypoints.demo.driver import Demo, Options, say
from bot.entrypoints.demo.home import MAINTAINER, Home
from bot.entrypoints.demo.screen import Screen

_DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.group("demo", invoke_without_command=True)
@click.option("--auto", is_flag=True, help="Play the people too: one rejection with a reason, then approvals.")
@click.option("--exit", "exits", is_flag=True, help="Stop everything at the end instead of leaving it to look at.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout; all else goes to stderr.")
@click.option("--dir", "directory", type=_DIRECTORY, help="Keep all state here (default: a new temporary directory).")
@click.option("--pipeline", metavar="NAME", help="The pipeline of the sample project (default: as it ships).")
@click.option("--agent", metavar="NAME", default="scripted", show_default=True, help="The agent: scripted, claude.")
@click.option("--unsafe-no-sandbox", is_flag=True, help="Let a real agent (claude) do whatever your account may.")
@click.option("--no-rejections", is_flag=True, help="Go straight through: no failing test, no rejection.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Localhub's port (default: any free one).")
@click.option("--webhook-port", type=click.IntRange(0, 65535), default=0, help="The service's port (default: any).")
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=600,
    show_default=True,
    envvar="ISSUEWRIGHT_DEMO_TIMEOUT",
    help="Seconds without any news until the demo gives up (ISSUEWRIGHT_DEMO_TIMEOUT).",
)
@click.pass_context
def demo_command(
    context: click.Context,
    auto: bool,
    exits: bool,
    as_json: bool,
    directory: Path | None,
    pipeline: str | None,
    agent: str,
    unsafe_no_sandbox: bool,
    no_rejections: bool,
    port: int,
    webhook_port: int,
    timeout: float,
) -> None:
    """A spec issue becomes a merged pull request, on this machine.

    Starts a GitHub of its own (localhub) and the service, opens an issue in a small Python project, labels
    it, and shows what happens. You decide at the gates, with `issuewright demo say "/approve"` in another
    terminal, unless --auto plays the people. Exits with 0 only when the pull request is merged and the merged
    project's own tests pass.
    """
    if context.invoked_subcommand is not None:
        return
    options = Options(
        auto=auto,
        exits=exits,
        rejections=not no_rejections,
        pipeline=pipeline,
        agent=agent,
        unsafe_no_sandbox=unsafe_no_sandbox,
        hub_port=port,
        webhook_port=webhook_port,
        patience=timeout,
        program=_program(),
    )
    home = Home(directory or Path(tempfile.mkdtemp(prefix="issuewright-demo-")))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _as_interrupt)
    try:
        with Screen(to_stderr=as_json) as screen:
            demo = Demo(home, options, screen)
            with demo.running() as record:
                outcome = demo.play(record)
                if as_json:
                    click.echo(outcome.model_dump_json())
                if not exits:
                    demo.rest(record)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        sys.exit(130)
    except (IssuewrightError, httpx.HTTPError) as error:
        click.echo(f"issuewright demo failed: {error}", err=True)
        click.echo(f"everything it left behind is in {home.path}", err=True)
        sys.exit(1)


@demo_command.command("say")
@click.argument("text")
@click.option("--dir", "directory", type=_DIRECTORY, help="The demo's directory (default: the one that runs).")
@click.option("--as", "login", default=MAINTAINER, show_default=True, metavar="LOGIN", help="Who says it.")
def say_command(text: str, directory: Path | None, login: str) -> None:
    """Comment on the demo's pull request (or issue, while there is none): `/approve`, `/reject why`, …"""
    try:
        click.echo(say(text, login, directory))
    except (IssuewrightError, httpx.HTTPError) as error:
        click.echo(f"issuewright demo say: {error}", err=True)
        sys.exit(1)


def _program() -> str:
    """How this program was called, so that what we show can be typed as it is."""
    called = sys.argv[0]
    return called if Path(called).name == "issuewright" else "issuewright"


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
