"""Breaks the service at every named point and at random moments, and judges what is left of the world.

First some specs run undisturbed. Then the service dies at every named point of every effect, while GitHub's lists lag.
Then its processes are killed and stopped at seeded random moments while agents are killed and paused, connections are
cut, deliveries are dropped, doubled, delayed and reordered, GitHub refuses, fails and loses answers, a disk is full
and PostgreSQL crashes. At the end each world must equal the undisturbed one, with everything once.

The last line is `N passed, M failed`: runs, worlds and named points. Exit code 0: all passed; 1: something failed, and
its directory is kept; 2: it could not be tried; 130 or 143: ended by Ctrl-C or SIGTERM, without a verdict.
"""

import argparse
import logging
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

import pytest

from tests.chaos.battle import Battle, Orders
from tests.chaos.points import Choice
from tests.chaos.report import print_report
from tests.chaos.specs import FEW_KINDS, KINDS

log = logging.getLogger("chaos")
_MANY = 20
"""From so many kills on it is the long form: all named points, all kinds of specs."""


def main() -> int:
    """The exit code."""
    options = _options()
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr, level=logging.WARNING)
    log.setLevel(logging.DEBUG if options.verbose else logging.INFO)
    seed = random.randrange(1_000_000) if options.seed is None else options.seed
    directory = (options.dir or Path(tempfile.mkdtemp(prefix="issuewright-chaos-"))).resolve()
    log.info("seed %d: %d kills on %s, %d worker(s)", seed, options.kills, options.database, options.workers)
    battle = Battle(directory, _orders(options, seed))
    signal.signal(signal.SIGTERM, _ended)
    try:
        battle.fight()
    except KeyboardInterrupt:
        print(f"Ended by Ctrl-C, without a verdict; what it was at is in {directory} (seed {seed})", file=sys.stderr)
        return 128 + signal.SIGINT
    except pytest.skip.Exception as missing:
        print(missing, file=sys.stderr)
        return 2
    print_report(battle)
    if battle.failed:
        print(f"Kept in {directory}; again with SEED={seed}, which gives the same plan")
    elif options.dir is None:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"{battle.passed} passed, {battle.failed} failed")
    return 1 if battle.failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--kills", type=_count, default=_MANY, metavar="N", help="random kills of the service (default: %(default)s)")
    add("--database", choices=("sqlite", "postgres"), default="sqlite", help="default: %(default)s")
    add(
        "--workers",
        type=_positive,
        default=1,
        metavar="N",
        help="1: `serve`, all in one process; more: `webhook` and so many `worker`s (default: %(default)s)",
    )
    add(
        "--points",
        choices=("all", "few", "none"),
        help=f"at which named points it dies first (default: all from {_MANY} kills on, else few)",
    )
    add("--warm", action="store_true", help="starts are forks of a process that has its modules: more kills an hour")
    add("--seed", type=int, metavar="N", help="gives the same plan again; timing stays chance (default: a new one)")
    add("--specs", type=_positive, metavar="N", help="specs under way at once (default: 6, or 4 in the short form)")
    add("--minutes", type=float, default=60, metavar="N", help="no more trouble after that (default: %(default)s)")
    add("--dir", type=Path, help="where the worlds are made, and stay (default: a temporary directory)")
    add("--verbose", action="store_true", help="tell of every piece of trouble")
    options = parser.parse_args()
    if options.dir and options.dir.exists() and any(options.dir.iterdir()):
        parser.error(f"--dir {options.dir}: is not empty: name a new directory")
    return options


def _orders(options: argparse.Namespace, seed: int) -> Orders:
    many = options.kills >= _MANY
    points: Choice = options.points or ("all" if many else "few")
    return Orders(
        seed=seed,
        kills=options.kills,
        database=options.database,
        workers=options.workers,
        warm=options.warm,
        points=points,
        kinds=KINDS if many or points == "all" else FEW_KINDS,
        specs=options.specs or (6 if many else 4),
        deadline=time.time() + options.minutes * 60,
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _ended(number: int, frame: FrameType | None) -> NoReturn:
    """Whoever ends us by a signal wants our processes ended too."""
    print("Ended by SIGTERM, without a verdict", file=sys.stderr)
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
