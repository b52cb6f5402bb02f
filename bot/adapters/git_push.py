"""What `git push --porcelain` said about the one ref that we pushed."""

from collections.abc import Callable

from bot.adapters.git import Output
from bot.adapters.git_errors import failure, shortened
from bot.domain.errors import Rejected, Transient
from bot.domain.trees import HeadMoved, Pushed


def push_result(output: Output, sha: str, *, head: Callable[[], str | None]) -> Pushed | HeadMoved:
    """Pushed or HeadMoved; Rejected when the server's rules refuse, Transient when nobody knows. `head` reads
    the branch's head from the server: it decides where git's words leave two readings."""
    line = _ref_line(output.stdout.decode(errors="replace"))
    if line is None:
        raise failure("push", output.status, output.stderr, over_network=True)
    flag, summary = line
    if flag != "!":
        return Pushed(sha=sha)
    if summary.startswith("[remote failure]"):
        raise Transient(f"git push: {summary}: {shortened(output.stderr)}")
    now = head()
    if now == sha:
        return Pushed(sha=sha)
    if summary.startswith("[rejected]") or _lost_a_race(summary):
        return HeadMoved(head=now)
    raise Rejected(f"GitHub refused the push: {summary.removeprefix('[remote rejected] ')}\n{shortened(output.stderr)}")


def deletion_result(output: Output, *, head: Callable[[], str | None]) -> bool:
    """Whether the branch is gone; it stays when somebody has pushed to it, or a rule keeps it. Transient when nobody
    knows."""
    line = _ref_line(output.stdout.decode(errors="replace"))
    if line is None:
        raise failure("push", output.status, output.stderr, over_network=True)
    flag, summary = line
    if flag == "!" and summary.startswith("[remote failure]"):
        raise Transient(f"git push: {summary}: {shortened(output.stderr)}")
    return flag != "!" or head() is None


def _ref_line(porcelain: str) -> tuple[str, str] | None:
    for line in porcelain.splitlines():
        fields = line.split("\t")
        if len(fields) == 3 and len(fields[0]) == 1:
            return fields[0], fields[2]
    return None


def _lost_a_race(summary: str) -> bool:
    # The server's own compare-and-set: somebody pushed between its advertisement and our update.
    return any(words in summary for words in ("cannot lock ref", "failed to update ref", "reference already exists"))
