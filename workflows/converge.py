"""Convergence: what GitHub shows twice, or shows as it was, because somebody who was thought dead acted after all.

The reconciler reads all recent comments anyway, ours among them: that is where duplicates and stale texts are seen.
"""

import hashlib
import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from bot.domain.errors import NotFound, Rejected
from bot.domain.forge import CheckRunReport, Comment
from bot.domain.refs import IssueRef, RepoRef
from bot.domain.rendering import CHECK_RUN_NAME
from workflows import projections
from workflows.markers import find_comment, key_in, marker
from workflows.schema.tables import surfaces
from workflows.services import Services

log = logging.getLogger("issuewright.converge")
_CLOCKS_DIFFER = timedelta(seconds=5)


def comments(here: Services, repo: RepoRef, ours: Iterable[Comment]) -> None:
    """Remove our comments that are there twice, and have those shown again that somebody has changed."""
    marked = {str(comment.id): comment for comment in ours if key_in(comment.body)}
    known = here.effects.known(list(marked))
    for comment_id, comment in marked.items():
        key = key_in(comment.body) or ""
        if comment_id not in known:
            _one_of(here, repo, comment, key)
        elif _was_changed(here, comment, key):
            log.warning("%s was changed by somebody else: shown again", key)
            show_again(here, key)


def tried_again(here: Services) -> None:
    """Look once more at what was tried again, where no list tells of it anyway."""
    for effect in here.effects.to_look_at():
        if effect.kind == "check-run" and effect.run_id is not None:
            one_check_run(here, effect.run_id, effect.key)
        here.effects.looked_at(effect.key)


def left_open(here: Services) -> None:
    """A check run that was about to be made when its head was replaced: no publisher comes back to it."""
    for effect in here.effects.left_open("check-run"):
        run = here.journal.run(effect.run_id) if effect.run_id else None
        head = effect.key.rpartition(":")[2]
        if run is None or run.head == head:
            continue
        found: list[int] = []
        with suppress(NotFound, Rejected):  # a commit that GitHub does not know (any more)
            found = here.github.repository(run.started.issue.repo).find_check_runs(head, effect.key)
        if found:
            here.effects.came_about(effect.key, str(found[-1]))
        else:
            here.effects.withdraw(effect.key)


def _one_of(here: Services, repo: RepoRef, comment: Comment, key: str) -> None:
    known = here.effects.remote_id(key)
    if known is None:
        return  # Whoever is writing it finds it, or is about to note its id.
    kept = find_comment(here, IssueRef(repo=repo, number=comment.issue_number), key)
    if kept is not None and kept != here.effects.remote_id(key):
        here.effects.repaired(key, kept, 0)
    show_again(here, key)


def one_check_run(here: Services, run_id: str, key: str) -> None:
    """GitHub counts the newest check run of a name and deletes none: the older ones are closed, and say why."""
    run = here.journal.run(run_id)
    if run is None:
        return
    repository, head = here.github.repository(run.started.issue.repo), key.rpartition(":")[2]
    *older, newest = repository.find_check_runs(head, key) or [0]
    for check_run_id in older:
        report = CheckRunReport(
            name=CHECK_RUN_NAME,
            head_sha=head,
            external_id=f"{key}:replaced",
            status="completed",
            conclusion="cancelled",
            title="Replaced",
            summary="This check run was made twice: the newer one counts.",
        )
        try:
            repository.update_check_run(check_run_id, report)
        except (NotFound, Rejected) as refused:
            log.warning("%s: %s", key, refused)
    if older:
        here.effects.repaired(key, str(newest), len(older))
        show_again(here, key)


def _was_changed(here: Services, comment: Comment, key: str) -> bool:
    """Whether a comment does not say what we last made it say, although it was changed since: by a person, or by a
    worker that had slept."""
    run_id, surface = here.effects.run_of(key), key.partition(":")[2]
    with here.database.read() as connection:
        query = select(surfaces).where(surfaces.c.run_id == run_id, surfaces.c.surface == surface)
        shown = connection.execute(query).first()
    if shown is None or comment.updated_at + _CLOCKS_DIFFER < datetime.fromisoformat(shown.published_at):
        return False
    text = comment.body.removeprefix(f"{marker(key)}\n")
    return shown.digest not in {hashlib.sha256(each.encode()).hexdigest() for each in (text, text + "\n")}


def show_again(here: Services, key: str) -> None:
    """Have a surface of a run published anew, whatever it is believed to show."""
    run_id, surface = here.effects.run_of(key), key.partition(":")[2]
    if run_id is None:
        return
    with here.database.write() as connection:
        mine = (surfaces.c.run_id == run_id) & (surfaces.c.surface == surface)
        if connection.execute(delete(surfaces).where(mine)).rowcount:
            publish_again(here, connection, run_id)


def publish_again(here: Services, connection: Connection, run_id: str) -> None:
    """Have the run's surfaces brought up to date."""
    workflow_id = here.waker.publish(connection, run_id, f"again.{int(time.time() * 1000)}", soon=True)
    projections.set_publisher(connection, run_id, workflow_id)
