"""A GitHub on your laptop: real git over HTTP, the REST and GraphQL operations the bot uses, signed webhooks.

A development tool: it trusts whoever can reach its control interface, so it listens on loopback only.
"""

from pathlib import Path


def run(directory: Path, port: int, bind: str = "127.0.0.1", record: Path | None = None) -> None:
    """Serve the hub kept in `directory` until SIGTERM or Ctrl-C. Port 0 takes any free port; the base URL
    is printed on stderr and written to `directory`/url once requests are answered. What is
    said over the API is added to the file `record`."""
    # The server's imports are slow, and a command line asks for help far more often than for a server.
    from bot.localhub.server import serve

    serve(directory, port, bind, record)


__all__ = ["run"]
