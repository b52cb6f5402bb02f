"""What became of a deployment, in a line."""

from bot.domain.entries import Environment
from bot.domain.rendering.markdown import cut
from bot.domain.run import Run

_LONGEST = 300
_HOW = {"success": "works", "failure": "does not work", "rolled_back": "was rolled back"}


def deployed(run: Run, environment: Environment) -> str:
    """The newest deployment there: its release, whether it works, what was done; empty before there is one."""
    shipped = run.deployment(environment)
    if shipped is None:
        return ""
    detail = f": {cut(shipped.detail, _LONGEST)}" if shipped.detail else ""
    return f"`{shipped.release}` {_HOW[shipped.status]}{detail}"
