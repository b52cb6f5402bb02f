"""A worker to be killed: starts an attempt in a process of its own, and dies by kill -9 at a named step.

`python -m tests.adapters.supervisor.worker ROOT CALLS REQUEST LAUNCH STEP` (REQUEST and LAUNCH are JSON)"""

import os
import signal
import sys
from pathlib import Path

from bot.adapters.agents.contract import Launch
from bot.adapters.supervisor.supervisors import Supervisors
from bot.domain.agents import AgentRequest


def main(root: str, calls: str, request: str, launch: str, fatal: str) -> None:
    def on_step(step: str) -> None:
        if step == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    supervisors = Supervisors(Path(root), agent_calls_file=Path(calls), on_step=on_step)
    asked = AgentRequest.model_validate_json(request)
    supervisors.start(asked, Launch.model_validate_json(launch))
    supervisors.wait(asked.attempt)


if __name__ == "__main__":
    main(*sys.argv[1:])
