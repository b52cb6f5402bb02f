"""`python -m bot.localhub --dir DIR --port N`: start a hub by hand."""

import argparse
from pathlib import Path

from bot.localhub import run


def main() -> None:
    parser = argparse.ArgumentParser(prog="localhub", description=__doc__)
    parser.add_argument("--dir", required=True, type=Path, help="where the hub keeps everything it knows")
    parser.add_argument("--port", default=0, type=int, help="0 takes any free port (the default)")
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on; loopback unless you say so")
    options = parser.parse_args()
    run(options.dir, options.port, options.bind)


if __name__ == "__main__":
    main()
