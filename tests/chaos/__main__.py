"""`python -m tests.chaos --kills N`: kills at random moments, and a verdict on what is left of the world."""

import argparse
import logging
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.battle import Result, battle
from tests.chaos.report import print_report

_FEW_KILLS, _FEW_SPECS, _SPECS = 20, 4, 6


def main() -> int:
    """0: all passed. 1: something failed, and its directory was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="how often the service's processes are killed")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--workers", type=int, default=1, help="processes of the service; the first answers webhooks")
    parser.add_argument("--seed", type=int, help="reproduces a plan (default: a new one)")
    parser.add_argument("--specs", type=int, help="specs at once (default: as many as the kills can do harm to)")
    parser.add_argument("--minutes", type=float, default=60, help="no more trouble after that")
    parser.add_argument("--dir", type=Path, help="where the worlds are made (default: a temporary directory)")
    parser.add_argument("--verbose", action="store_true", help="show every piece of trouble")
    options = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr, level=logging.WARNING)
    logging.getLogger("chaos").setLevel(logging.DEBUG if options.verbose else logging.INFO)
    seed = random.randrange(1_000_000) if options.seed is None else options.seed
    directory = (options.dir or Path(tempfile.mkdtemp(prefix="issuewright-chaos-"))).resolve()
    logging.getLogger("chaos").info(
        "seed %d: %d kills on %s, %d worker(s), in %s",
        seed,
        options.kills,
        options.database,
        options.workers,
        directory,
    )
    # Whoever ends us by a signal wants our processes ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM, without a verdict"))
    result: Result = battle(
        directory,
        seed=seed,
        kills=options.kills,
        database=options.database,
        workers=options.workers,
        specs=options.specs or (_FEW_SPECS if options.kills <= _FEW_KILLS else _SPECS),
        deadline=time.time() + options.minutes * 60,
    )
    print_report(result)
    if result.failed:
        print(f"The world is kept in {directory}; again with: --seed {seed}")
    elif options.dir is None:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"{result.passed} passed, {result.failed} failed")
    return 1 if result.failed else 0


if __name__ == "__main__":
    sys.exit(main())
