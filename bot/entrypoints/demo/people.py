"""The people of `demo --auto`: they decide each gate once, as a maintainer would."""

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

    def decide(self, world: World) -> None:
        """Answer the newest gate, unless it was answered before.

        A gate is known by its key, not by its comment: a bot that was killed may show one gate twice.
        """
        if not world.gates or (world.pull and world.pull.state == "closed"):
            return
        gate = world.gates[-1]
        if gate.key in self._decided:
            return
        if self._rejects and gate.name == "merge":
            self._reject(gate)
        else:
            self._approve(gate, world.pull)
        self._decided.update(gate.key for gate in world.gates)

    def _reject(self, gate: Gate) -> None:
        self._maintainer.comment(self._repository, gate.number, f"/reject {self._story.rejection}")
        self._rejects -= 1

    def _approve(self, gate: Gate, pull: Pull | None) -> None:
        if pull is None:
            self._maintainer.comment(self._repository, gate.number, "/approve")
        else:
            approval = self._story.approval if gate.name == "merge" else self._story.plan_approval
            self._maintainer.review(self._repository, pull.number, pull.head, "APPROVE", approval)
