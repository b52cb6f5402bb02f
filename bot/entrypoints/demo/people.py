"""The people of `demo --auto`: they decide each gate once, as a maintainer would."""

from bot.domain.errors import ForgeError
from bot.entrypoints.demo.hub import Person
from bot.entrypoints.demo.seed import Story
from bot.entrypoints.demo.world import Gate, Pull, World


class People:
    """A maintainer who reads what the bot asks, refuses the first version that is to be merged, and approves
    the rest. `rejects` is how many versions are still to be refused."""

    def __init__(self, maintainer: Person, repository: str, story: Story, rejects: int) -> None:
        self._maintainer = maintainer
        self._repository = repository
        self._story = story
        self._rejects = rejects
        self._decided: set[str] = set()

    def decide(self, world: World) -> str | None:
        """Answer the newest gate, unless it was answered before; says in words what was done.

        A gate is known by its key, not by its comment: a bot that was killed may show one gate twice.
        """
        if not world.gates or (world.pull and world.pull.state == "closed"):
            return None
        gate = world.gates[-1]
        if gate.key in self._decided:
            return None
        said = self._reject(gate) if self._rejects and gate.name == "merge" else self._approve(gate, world.pull)
        self._decided.update(gate.key for gate in world.gates)
        return said

    def _reject(self, gate: Gate) -> str:
        self._maintainer.comment(self._repository, gate.number, f"/reject {self._story.rejection}")
        self._rejects -= 1
        return f"/reject {self._story.rejection}"

    def _approve(self, gate: Gate, pull: Pull | None) -> str:
        if pull is None:
            self._maintainer.comment(self._repository, gate.number, "/approve")
            return "/approve"
        try:
            self._maintainer.review(self._repository, pull.number, pull.head, "APPROVE", self._story.approval)
        except ForgeError as error:
            raise ForgeError(f"the approving review was refused: {error}", error.status) from error
        return f"approved {pull.head[:7]} by review: {self._story.approval}"
