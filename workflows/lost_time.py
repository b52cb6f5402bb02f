"""What attempts did in the time that a database has lost because it came back from a backup."""

from bot.domain.refs import AttemptRef
from bot.domain.run import Attempt, Run
from workflows.patience import patiently
from workflows.restoration import restored_at
from workflows.services import Services
from workflows.trailers import is_of


def recall(here: Services, run: Run, tried: Attempt, ref: AttemptRef) -> str | None:
    """The commit that this very attempt has handed on already; None when there is none.

    Only an attempt that was under way when the backup was made can have one. Whatever bears the name of an attempt that
    began later was asked for something else, in a time that did not take place, and is removed.
    """
    with here.database.read() as connection:
        restored = restored_at(connection)
    if restored is None:
        return None
    if tried.started_at > restored:
        here.supervisors.forget(ref, asked_before=restored.timestamp())
        return None
    started = run.started
    messages = patiently(
        lambda: here.workspaces.messages(started.issue.repo, started.branch, since=tried.started.start_commit)
    )
    return next((commit for commit, message in messages.items() if is_of(message, run, tried)), None)
