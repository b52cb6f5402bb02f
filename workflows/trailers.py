"""Commits as witnesses: each names the journal's entry that its attempt began with, by number and hash."""

import re
from collections.abc import Iterator
from pathlib import Path

from bot.adapters import commit_messages
from bot.adapters.git import Git
from bot.domain.run import Attempt, Run
from bot.domain.values import Value

_TRAILER = re.compile(r"^Issuewright-(Run|Stage|Attempt|Journal): (.+)$", re.MULTILINE)


class CommitsSeen(Value):
    """How many commits were compared with a run's journal, what contradicts it, and what could not be compared."""

    checked: int = 0
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def compare_commits(run: Run, mirrors: Path) -> CommitsSeen:
    """Compare the run's commits, as far as this machine's mirror has them, with its journal."""
    expected = {attempt.finished.commit: attempt for attempt in _handed_on(run) if attempt.finished is not None}
    repo = run.started.issue.repo
    git = commit_messages.local_mirror(mirrors, repo)
    if git is None:
        return CommitsSeen(
            notes=(f"commits were not compared: this machine has no mirror of {repo}",) if expected else ()
        )
    named = [commit for commit in expected if commit is not None]
    on_branch = commit_messages.commits_on(git, run.started.branch, since=run.started.base_sha)
    found = commit_messages.messages(git, [*named, *on_branch])
    problems = [problem for commit, message in found.items() for problem in _contradictions(run, commit, message)]
    problems += [
        f"commit {commit[:10]} has no Issuewright-Journal trailer, although {_name(attempt)} ended with it"
        for commit, attempt in expected.items()
        if commit in found and "Journal" not in _trailers(found[commit])
    ]
    missing = [commit for commit in named if commit not in found]
    notes = [f"{len(missing)} of {len(named)} commits are not in this machine's mirror of {repo}"] if missing else []
    squash = _merge(run, git)
    checked = sum("Journal" in _trailers(message) for message in found.values())
    return CommitsSeen(checked=checked, problems=(*problems, *squash.problems), notes=(*notes, *squash.notes))


def is_of(message: str, run: Run, attempt: Attempt) -> bool:
    """Whether a commit's message says that it is what this very attempt handed on."""
    told = _trailers(message)
    named = (told.get("Run"), told.get("Stage"), told.get("Attempt"), told.get("Journal"))
    return named == (run.id, attempt.started.stage, str(attempt.started.number), f"{attempt.seq}:{attempt.hash}")


def is_of_stage(message: str, run: Run, stage: str) -> bool:
    """Whether a commit's message says that some attempt at that stage of the run handed it on."""
    told = _trailers(message)
    return "Journal" in told and (told.get("Run"), told.get("Stage")) == (run.id, stage)


def _handed_on(run: Run) -> Iterator[Attempt]:
    """The attempts that ended with a commit of their own (some find that nothing has to be changed)."""
    for state in run.stages.values():
        for attempt in state.attempts:
            finished = attempt.finished
            if finished is None or finished.commit is None or attempt.started.mode != "work":
                continue
            if finished.commit not in (finished.parent, attempt.started.start_commit):
                yield attempt


def _contradictions(run: Run, commit: str, message: str) -> Iterator[str]:
    told = _trailers(message)
    if told.get("Run") != run.id or "Journal" not in told:
        return
    seq, _, digest = told["Journal"].partition(":")
    attempts = [attempt for state in run.stages.values() for attempt in state.attempts]
    named = next((attempt for attempt in attempts if str(attempt.seq) == seq), None)
    if named is None:
        yield f"commit {commit[:10]} names entry {seq}, which starts no attempt in the journal"
    elif named.hash != digest:
        yield f"commit {commit[:10]} names entry {seq} with hash {digest[:12]}…, the journal has {named.hash[:12]}…"
    elif (told.get("Stage"), told.get("Attempt")) != (named.started.stage, str(named.started.number)):
        said = f"attempt {told.get('Attempt')} of {told.get('Stage')}"
        yield f"commit {commit[:10]} says it is of {said}; entry {seq} starts {_name(named)}"


def _merge(run: Run, git: Git) -> CommitsSeen:
    """A squash leaves one commit, which names the run alone: the others are seen while the mirror has them."""
    if run.merged_sha is None:
        return CommitsSeen()
    message = commit_messages.messages(git, [run.merged_sha]).get(run.merged_sha)
    short = run.merged_sha[:10]
    if message is None:
        return CommitsSeen(notes=(f"the merge {short} is not in this machine's mirror",))
    told = _trailers(message).get("Run")
    if told is not None and told != run.id:
        return CommitsSeen(problems=(f"the merge {short} says it is of run {told}",))
    if commit_messages.parents(git, run.merged_sha) > 1:
        return CommitsSeen()
    what = "it names the run, and no entry" if told else "it names no run: a person merged, in words of their own"
    return CommitsSeen(notes=(f"merged by squash as {short}: {what}",))


def _trailers(message: str) -> dict[str, str]:
    """Our trailers: those in the message's last paragraph."""
    return dict(_TRAILER.findall(message.rstrip().rpartition("\n\n")[2]))


def _name(attempt: Attempt) -> str:
    return f"attempt {attempt.started.number} of {attempt.started.stage}"
