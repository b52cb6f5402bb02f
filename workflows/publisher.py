"""The publisher: shows a run's state on GitHub, in place. It renders the journal's head, so nothing is ever missed."""

import hashlib
from collections.abc import Callable

from dbos import DBOS
from sqlalchemy import Connection, select

from bot.domain.commands import COMMANDS
from bot.domain.commands.help import help_table
from bot.domain.errors import ForgeError, NotFound, Rejected
from bot.domain.refs import IssueRef, run_id
from bot.domain.rendering import LABELS, Links, check_run, stage_view, state_label, status_view
from bot.domain.run import Run
from workflows.claims import Claim, Superseded
from workflows.clock import now, stamp
from workflows.database import insert_or
from workflows.failpoints import reach
from workflows.journal import publishing_begins, publishing_failed
from workflows.markers import ROOM, find_comment, marked
from workflows.outages import through_outages
from workflows.patience import patiently
from workflows.schema.tables import surfaces
from workflows.services import Services, services
from workflows.steps import step

_COMMANDS_SHOWN = 5
_FOR_GOOD = (404, 410, 422)
"""What is gone stays gone, and what GitHub finds wrong with a request is wrong the next time, too."""
IN_DOUBT = "?"
"""What a label surface shows when nobody knows."""


@DBOS.workflow(name="publish", max_recovery_attempts=None)
def publish(run_id: str, workflow_id: str) -> None:
    """Show the run as it is when this begins; whatever happens later has a publisher of its own."""
    here = services()
    claim = here.claims.take(f"run:{run_id}")
    if step("begin", bool, publishing_begins, here.database, run_id, workflow_id):
        try:
            step("publish", type(None), _show, here, run_id, claim)
        except Exception as problem:
            through_outages(lambda: publishing_failed(here.database, run_id, workflow_id))
            if isinstance(problem, ForgeError):
                # It is logged as often as it is repeated, and says by itself what was refused.
                raise problem.with_traceback(None) from None
            if not isinstance(problem, Superseded):
                raise
            DBOS.logger.info(f"{run_id}: shown by another: {problem}")


def publish_surfaces(here: Services, run: Run, claim: Claim) -> None:
    """Bring every surface of the run up to date: one request for each that differs from what it showed last. Raises
    what GitHub refused and may allow later, once all of them were tried."""
    shown = _Surfaces(here, run, claim)
    refused: ForgeError | None = None
    for surface in (shown.label, shown.status, shown.stages, shown.check_run):
        try:
            surface()
        except (NotFound, Rejected) as problem:
            # The others are shown all the same: an issue may be gone whose pull request is not.
            if problem.status not in _FOR_GOOD:
                refused = refused or problem
            else:
                DBOS.logger.warning(f"{run.id}: not shown: {problem}")
    if refused is not None:
        # An installation that is suspended, a repository with another name: a run that is parked by that has no next
        # entry, so the sweep repeats this, more and more seldom.
        raise refused


def publish_work(here: Services, run: Run, claim: Claim) -> None:
    """What people need to see before they are asked: the stages' comments, and the check run on the head."""
    shown = _Surfaces(here, run, claim)
    shown.stages()
    shown.check_run()


def publish_check_run(here: Services, run: Run, claim: Claim) -> None:
    """What branch protection needs to see before a merge."""
    _Surfaces(here, run, claim).check_run()


def links(here: Services, run: Run) -> Links:
    """Addresses in the run's repository."""
    return Links(web=here.web_url, repo=run.started.issue.repo)


def _show(here: Services, run_id: str, claim: Claim) -> None:
    run = here.journal.run(run_id)
    if run is not None:
        publish_surfaces(here, run, claim)


class _Surfaces:
    def __init__(self, here: Services, run: Run, claim: Claim) -> None:
        self._here = here
        self._run = run
        self._claim = claim
        self._repository = here.github.repository(run.started.issue.repo)
        self._links = links(here, run)

    def status(self) -> None:
        """The one status comment, on the issue."""
        self._comment("status", self._run.started.issue.number, self._status_text())

    def stages(self) -> None:
        """One comment on the pull request for each stage that has something to show."""
        run = self._run
        if run.pull_number is None:
            return
        for stage, state in run.stages.items():
            if any(attempt.finished for attempt in state.attempts):
                self._comment(f"stage:{stage}", run.pull_number, self._stage_text(stage))

    def _stage_text(self, stage: str) -> str:
        """As many attempts in full as GitHub has room for."""
        text = ""
        for whole in (100, 3, 1, 0):
            view = stage_view(self._run, stage, self._links, whole=whole)
            text = self._here.templates.render("comments/stage.md.j2", run=self._run, view=view)
            if len(text) <= ROOM:
                break
        return text

    def _status_text(self) -> str:
        run, view = self._run, status_view(self._run, self._links)
        commands = help_table(COMMANDS[:_COMMANDS_SHOWN])
        return self._here.templates.render("comments/status.md.j2", run=run, view=view, commands=commands)

    def _comment(self, surface: str, number: int, text: str) -> None:
        """One comment a surface, edited in place; written anew when somebody has deleted it."""
        if self._shows(surface, text):
            return
        key = f"{self._run.id}:{surface}"
        body = marked(text, key)
        while (before := self._here.effects.remote_id(key)) is not None and not self._edit(int(before), body):
            # Deleted: by somebody, or by us because there were two, and then another one is known by now.
            self._here.effects.forget(key, before)
        if before is None:
            self._create(key, IssueRef(repo=self._run.started.issue.repo, number=number), body)
        reach(f"surface.{surface.partition(':')[0]}.changed")
        self._now_shows(surface, text)

    def _create(self, key: str, place: IssueRef, body: str) -> None:
        written = False

        def act() -> str:
            nonlocal written
            comment = self._repository.create_comment(place.number, body)
            written = True
            return str(comment.id)

        found = self._once(key, "comment", act, lambda: find_comment(self._here, place, key))
        if not written:
            # It was written before a crash, and tells of that time.
            self._edit(int(found), body)

    def _edit(self, comment_id: int, body: str) -> bool:
        """False when somebody has deleted the comment."""
        self._claim.check()
        try:
            patiently(lambda: self._repository.edit_comment(comment_id, body))
        except NotFound:
            return False
        return True

    def check_run(self) -> None:
        """Our one check run on the branch's head."""
        run = self._run
        key = f"{run.id}:check:{run.head}"
        report = check_run(run, key)
        if report is None or self._shows(f"check:{run.head}", report.model_dump_json()):
            return
        before = self._here.effects.remote_id(key)
        if before is None:
            created = False

            def act() -> str:
                nonlocal created
                check_run_id = self._repository.create_check_run(report)
                created = True
                return str(check_run_id)

            before = self._once(key, "check-run", act, lambda: self._newest_check_run(report.head_sha, key))
            if created:
                before = None
        if before is not None:
            self._claim.check()
            check_run_id = int(before)
            patiently(lambda: self._repository.update_check_run(check_run_id, report))
        reach("surface.check.changed")
        self._now_shows(f"check:{run.head}", report.model_dump_json())

    def _newest_check_run(self, head_sha: str, key: str) -> str | None:
        found = self._repository.find_check_runs(head_sha, key)
        return str(found[-1]) if found else None

    def label(self) -> None:
        """One state label on the issue, or none, for the newest of its runs; adding and removing may be repeated."""
        started = self._run.started
        number = started.issue.number
        if started.ordinal < self._here.journal.runs_of(started.issue):
            return
        wanted = state_label(self._run)
        before = self._shown("label")
        if before is None and started.ordinal > 1:
            before = self._shown("label", of=run_id(started.issue, started.ordinal - 1))
            self._claim.check()
            if before == _digest(wanted or ""):
                self._now_shows("label", wanted or "")
        if before == _digest(wanted or "") or (before is None and wanted is None):
            return
        self._claim.check()
        # Should we die here, nobody knows which one is there.
        self._now_shows("label", IN_DOUBT)
        if wanted is not None:
            patiently(lambda: self._repository.add_labels(number, [wanted]))
        reach("surface.label.changed")
        may_be_there = {before} if before != _digest(IN_DOUBT) else {_digest(label) for label in LABELS}
        others = [label for label in LABELS if label != wanted and _digest(label) in may_be_there]
        for label in others:
            patiently(lambda label=label: self._repository.remove_label(number, label))  # type: ignore[misc]
        self._claim.check()
        self._now_shows("label", wanted or "")

    def _once(self, key: str, kind: str, act: Callable[[], str], find: Callable[[], str | None]) -> str:
        return self._here.effects.once(key, kind, act, find=find, claim=self._claim, run_id=self._run.id)

    def _shows(self, surface: str, text: str) -> bool:
        return self._shown(surface) == _digest(text)

    def _shown(self, surface: str, of: str | None = None) -> str | None:
        mine = (surfaces.c.run_id == (of or self._run.id)) & (surfaces.c.surface == surface)
        with self._here.database.read() as connection:
            return connection.execute(select(surfaces.c.digest).where(mine)).scalar()

    def _now_shows(self, surface: str, text: str) -> None:
        with self._here.database.write() as connection:
            now_shows(connection, self._run.id, surface, text)


def now_shows(connection: Connection, run_id: str, surface: str, text: str) -> None:
    """Note what a surface of a run shows on GitHub."""
    values = {"digest": _digest(text), "published_at": stamp(now())}
    statement = insert_or(connection, surfaces).values(run_id=run_id, surface=surface, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["run_id", "surface"], set_=values))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
