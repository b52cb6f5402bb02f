"""Agents that take their time: `python agents.py FOLDER` plays the team of tests/chaos, a few seconds later."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.chaos import team

if __name__ == "__main__":
    time.sleep(2.5)
    team.main()
