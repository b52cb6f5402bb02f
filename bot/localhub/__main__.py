"""`python -m bot.localhub --dir DIR --port N`: start a hub by hand."""

import argparse
import os
from pathlib import Path

from bot.localhub import run


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="localhub", description=__doc__)
    parser.add_argument("--dir", required=True, type=Path, help="where the hub keeps everything it knows")
    parser.add_argument("--port", default=0, type=int, help="0 takes any free port (the default)")
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on; loopback unless you say so")
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        default=os.environ.get("LOCALHUB_RECORD"),
        help="add every request, answer and delivery to this file, without secrets (default: $LOCALHUB_RECORD)",
    )
    options = parser.parse_args()
    run(options.dir, options.port, options.bind, options.record)


if __name__ == "__main__":
    main()
