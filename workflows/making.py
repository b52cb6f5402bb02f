"""A move in the making: the run it belongs to, and how its effects reach GitHub, each under its natural key."""

from collections.abc import Callable

from bot.domain.errors import NotFound, UserError
from bot.domain.forge import Comment
from bot.domain.gates import Subject
from bot.domain.refs import IssueRef
from bot.domain.rendering import GateView, gate_view
from bot.domain.run import Run
from workflows import publisher
from workflows.claims import Claim
from workflows.markers import find_comment, marked
from workflows.patience import patiently
from workflows.services import Services


class Making:
    """What making a move needs. Each effect has a key within its run: making the move again changes nothing."""

    def __init__(self, here: Services, run: Run, claim: Claim, token: str) -> None:
        """`token` is the driver's own: it tells what came of this move from what came of the same move earlier."""
        self.here = here
        self.run = run
        self.claim = claim
        self.token = token
        self.issue = run.started.issue
        self.repository = here.github.repository(self.issue.repo)
        self.links = publisher.links(here, run)

    @property
    def pull_number(self) -> int:
        """The run's pull request; raises UserError before there is one."""
        if self.run.pull_number is None:
            raise UserError("the run has no pull request")
        return self.run.pull_number

    def once(
        self,
        what: str,
        kind: str,
        act: Callable[[], str],
        find: Callable[[], str | None] | None = None,
        intended: str = "",
    ) -> str:
        """The effect `what` of this run (see `Effects.once`); returns its remote id."""
        key, run_id = f"{self.run.id}:{what}", self.run.id
        return self.here.effects.once(key, kind, act, find=find, claim=self.claim, run_id=run_id, intended=intended)

    def repeatable(self, what: str, kind: str, act: Callable[[], object]) -> None:
        """The effect `what` of this run, which leaves nothing with an id (see `Effects.repeatable`)."""
        key, run_id = f"{self.run.id}:{what}", self.run.id
        self.here.effects.repeatable(key, kind, act, claim=self.claim, run_id=run_id)

    def came_about(self, what: str, remote_id: str) -> None:
        """The effect `what` of this run has happened, if it was ever intended (see `Effects.came_about`)."""
        self.here.effects.came_about(f"{self.run.id}:{what}", remote_id)

    def comment(self, what: str, kind: str, template: str, **values: object) -> Comment:
        """A new comment on the pull request (or, before there is one, on the issue), which notifies people."""
        key = f"{self.run.id}:{what}"
        place = IssueRef(repo=self.issue.repo, number=self.run.pull_number or self.issue.number)
        text = marked(self.here.templates.render(template, run=self.run, **values), key)
        written: list[Comment] = []

        def act() -> str:
            written.append(self.repository.create_comment(place.number, text))
            return str(written[0].id)

        while True:
            comment_id = self.once(what, kind, act, lambda: find_comment(self.here, place, key))
            if written:
                return written[0]
            try:
                # Not from the list: it may lag.
                return patiently(lambda known=int(comment_id): self.repository.comment(place.number, known))  # type: ignore[misc]
            except NotFound:
                # Somebody has deleted it before we could go on from it.
                self.here.effects.forget(key, comment_id)

    def gate_view(self, subject: Subject) -> GateView:
        """What a gate's comments say of what is to be approved."""
        return gate_view(self.run, subject, self.links)
