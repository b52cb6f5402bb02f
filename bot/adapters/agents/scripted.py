"""The agent `scripted`: plays a script as a real process, for rehearsals, tests and the demo. No model, no
network.

Setting: `script`, a path or the YAML itself (its format: `bot.adapters.agents.script`)."""

import json
import sys
from pathlib import Path

from bot.adapters.agents import scripted_player
from bot.adapters.agents.contract import Ending, Launch
from bot.adapters.agents.program import program_launch, program_result
from bot.adapters.agents.script import read_script
from bot.domain.agents import AgentRequest, AgentResult
from bot.domain.errors import UserError


class ScriptedAgent:
    """Plays the rules of the request's role."""

    name = "scripted"

    def launch(self, request: AgentRequest, attempt_dir: Path) -> Launch:
        """Run the player; raises UserError when the script is missing or wrong."""
        setting = request.settings.get("script")
        if not isinstance(setting, str) or not setting.strip():
            raise UserError("The agent `scripted` needs its setting `script`: a path, or the script's YAML.")
        rules = read_script(setting).roles.get(request.role, ())
        # The player is run by its path, with the checked rules on stdin: it needs nothing of this package,
        # and a script that changes later does not change an attempt.
        argv = (sys.executable, "-I", str(Path(scripted_player.__file__).resolve()))
        launch = program_launch(request, attempt_dir, argv)
        play = {"request": request.model_dump(mode="json"), "rules": [rule.model_dump() for rule in rules]}
        return launch.model_copy(update={"stdin": json.dumps(play)})

    def result(self, attempt_dir: Path, ending: Ending) -> AgentResult:
        """Read the player's answer."""
        return program_result(attempt_dir, ending)

    def go_on(self, request: AgentRequest, attempt_dir: Path, ending: Ending) -> None:
        """A player has no session: another attempt begins anew."""
