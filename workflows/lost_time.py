"""What attempts did whose end the journal has never heard of: in the time that a database has lost because it came back
from a backup, or because they were given up after their push."""

from bot.domain.refs import AttemptRef
from bot.domain.run import Attempt, Run
from workflows.patience import patiently
from workflows.restoration import restored_at
from workflows.services import Services
from workflows.trailers import is_of, is_of_stage


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


def was_left_behind(here: Services, run: Run, stage: str) -> bool:
    """Whether the branch has work of that stage beyond the last commit that the journal knows to be handed on."""
    started = run.started
    ended = [(a.seq, a.finished.commit) for state in run.stages.values() for a in state.attempts if a.finished]
    _, known = max(((seq, commit) for seq, commit in ended if commit), default=(0, started.base_sha))
    messages = patiently(lambda: here.workspaces.messages(started.issue.repo, started.branch, since=known))
    return any(is_of_stage(message, run, stage) for message in messages.values())
