"""Drive: one workflow makes one move of one run. It decides nothing and remembers nothing."""

from collections.abc import Callable
from typing import assert_never

from dbos import DBOS

from bot.domain import moves as m
from bot.domain.decisions import Decision
from bot.domain.entries import (
    ArtifactsTidied,
    GateOpened,
    HeadMoved,
    MergeWasRefused,
    PullRequestMerged,
    PullRequestOpened,
    Reminded,
    ReviewDismissed,
    RunFinished,
    RunParked,
)
from bot.domain.errors import NotFound, Rejected, UserError
from bot.domain.events import MoveMade
from bot.domain.facts import Facts
from bot.domain.forge import Comment, Merged, MergeRefused, PullRequest
from bot.domain.gates import Subject
from bot.domain.refs import IssueRef
from bot.domain.rendering import GateView, commit_texts, gate_view, tidying_message
from bot.domain.run import Run
from bot.domain.trees import HeadMoved as Moved
from workflows import attempt_steps, publisher
from workflows.attempt_keys import tidying_key
from workflows.claims import Claim
from workflows.clock import now
from workflows.effects import NOTHING
from workflows.failpoints import reach
from workflows.markers import find_comment, marked
from workflows.patience import patiently
from workflows.services import Services, services
from workflows.steps import step


@DBOS.workflow(name="drive", max_recovery_attempts=None)
def drive(run_id: str) -> None:
    """Claim the run's next move, make it, and record what came of it; the record wakes the next driver."""
    here = services()
    token = DBOS.workflow_id or run_id
    claim = here.claims.take(f"run:{run_id}")
    move = step("claim", m.Move | None, here.journal.claim_next_move, run_id, token)
    if move is None:
        return
    reach(f"drive.{type(move).__name__}.claimed")
    outcome = step("make", MoveMade | None, _make, here, run_id, move, claim, token)
    reach(f"drive.{type(move).__name__}.made")
    if outcome is not None:
        step("record", Decision, record, here, run_id, outcome)


def record(here: Services, run_id: str, outcome: MoveMade) -> Decision:
    """Put the outcome of a move into the run's journal, if it still belongs there."""
    bot = patiently(here.github.bot)
    return here.journal.decide(outcome, Facts(now=now(), bot=bot), of=run_id)


def _make(here: Services, run_id: str, move: m.Move, claim: Claim, token: str) -> MoveMade | None:
    run = here.journal.run(run_id)
    if run is None:
        return None
    try:
        return _Mover(here, run, claim, token).make(move)
    except (Rejected, NotFound, UserError) as problem:
        # GitHub will say the same again: a person has to mend it, and `/retry`.
        return MoveMade(entry=RunParked(reason=f"{m.describe(move)}: {problem}"), cause=f"parked:{token}")


class _Mover:
    """Makes one move of one run: each effect under its natural key, so that making it again changes nothing."""

    def __init__(self, here: Services, run: Run, claim: Claim, token: str) -> None:
        self._here = here
        self._run = run
        self._claim = claim
        self._token = token
        self._issue = run.started.issue
        self._repository = here.github.repository(self._issue.repo)
        self._links = publisher.links(here, run)

    def make(self, move: m.Move) -> MoveMade | None:
        """Make the move; what it came to, or None when its claim said it all."""
        match move:
            case m.StartAttempt() | m.StopAttempt() | m.Deploy() | m.Park():
                return None
            case m.OpenPullRequest():
                return self._open_pull_request()
            case m.OpenGate():
                return self._open_gate(move)
            case m.Remind():
                return self._remind(move)
            case m.TidyArtifacts():
                return self._tidy(move)
            case m.DismissReview():
                return self._dismiss_review(move)
            case m.Merge():
                return self._merge(move)
            case m.Finish():
                return self._finish(move)
            case _:
                assert_never(move)

    def _open_pull_request(self) -> MoveMade:
        started = self._run.started
        text = self._here.templates.render("comments/pull_request.md.j2", run=self._run)

        def find() -> PullRequest | None:
            return self._repository.find_pull_request(started.branch)

        opened: list[PullRequest] = []

        def opened_now() -> str:
            opened.append(
                self._repository.open_pull_request(
                    started.title, text, head=started.branch, base=started.base_branch, draft=True
                )
            )
            return str(opened[0].number)

        number = int(self._once("pull-request", "pull-request", opened_now, lambda: _number(find())))
        pull = opened[0] if opened else patiently(lambda: self._repository.pull_request(number))
        entry = PullRequestOpened(number=pull.number, node_id=pull.node_id)
        return MoveMade(entry=entry, cause=f"pull-request:{pull.number}")

    def _open_gate(self, move: m.OpenGate) -> MoveMade:
        """The work is ready to be looked at, the right people are asked, and a new comment says what for."""
        run, number = self._run, self._pull_number()
        prefix = f"gate:{move.gate}:{move.round}"
        publisher.publish_work(self._here, run, self._claim)
        if move.gate == run.plan.merge_gate.name:
            node_id = run.pull_node_id or ""
            self._once("ready", "ready", self._saying_nothing(lambda: self._repository.mark_ready(node_id)))
        asked = [run.started.started_by.login]
        ask = self._saying_nothing(lambda: self._request_review(number, asked))
        self._once(f"{prefix}:request", "review-request", ask)
        shown = self._comment(prefix, "gate-comment", "comments/gate.md.j2", view=self._gate_view(move.subject))
        # Who was shown an earlier try of it may have answered that one.
        first = self._here.effects.first_tried(f"{run.id}:{prefix}")
        shown_at = min(shown.created_at, first) if first else shown.created_at
        entry = GateOpened(gate=move.gate, round=move.round, comment_id=shown.id, shown_at=shown_at)
        return MoveMade(entry=entry, cause=f"{prefix}:opened")

    def _remind(self, move: m.Remind) -> MoveMade:
        gate = self._run.gate
        prefix = f"gate:{move.gate}:{move.round}:reminder"
        if gate is not None:
            self._comment(prefix, "reminder", "comments/reminder.md.j2", view=self._gate_view(gate.subject))
        return MoveMade(entry=Reminded(gate=move.gate, round=move.round), cause=prefix)

    def _tidy(self, move: m.TidyArtifacts) -> MoveMade:
        """One more commit, without the folder; where `ref` is configured, the one before stays to be found."""
        here, run, repo = self._here, self._run, self._issue.repo
        if run.started.config.artifacts == "ref":
            ref = f"refs/issuewright/artifacts/{run.id}"
            keep = self._saying_nothing(lambda: here.workspaces.publish_ref(repo, move.parent, ref))
            self._once(f"artifacts:{move.parent}", "ref", keep)
        folder, message = run.started.folder, tidying_message(run)
        sha = here.workspaces.commit_without(repo, move.parent, folder, message=message, at=run.started_at)
        moved: list[str | None] = []

        def push() -> str:
            answer = here.workspaces.push(repo, sha, run.started.branch, expected=move.parent)
            if isinstance(answer, Moved):
                moved.append(answer.head)
                raise Rejected("somebody pushed meanwhile")
            return sha

        try:
            self._once(tidying_key(move.parent), "push", push, intended=sha)
        except Rejected:
            if not moved or moved[0] is None:
                raise
            return MoveMade(entry=HeadMoved(head=moved[0]), cause=f"head:{moved[0]}:{run.seq}")
        digests = attempt_steps.digest(here, run, sha, parent=move.parent)
        entry = ArtifactsTidied(
            commit=sha,
            parent=move.parent,
            diff_digest=digests.diff_digest or "",
            artifacts_digest=digests.artifacts_digest or "",
        )
        return MoveMade(entry=entry, cause=f"tidied:{sha}")

    def _gate_view(self, subject: Subject) -> GateView:
        return gate_view(self._run, subject, self._links)

    def _dismiss_review(self, move: m.DismissReview) -> MoveMade:
        """An approval of the plan is no approval of the code: it must not satisfy branch protection."""
        number = self._pull_number()
        why = f"This approved gate `{move.gate}`. New commits have followed, so it does not stand for the merge."

        def dismiss() -> None:
            try:
                self._repository.dismiss_review(number, move.review_id, why)
            except (Rejected, NotFound) as refused:
                # Somebody has dismissed it already, or GitHub has.
                DBOS.logger.warning(f"{self._run.id}: review {move.review_id} not dismissed: {refused}")

        self._once(f"dismissed:{move.review_id}", "dismissal", self._saying_nothing(dismiss))
        return MoveMade(entry=ReviewDismissed(review_id=move.review_id), cause=f"we-dismissed:{move.review_id}")

    def _merge(self, move: m.Merge) -> MoveMade:
        """Only the approved head is merged: GitHub compares it with the branch's in the very act."""
        run, number, head = self._run, self._pull_number(), move.subject.head
        publisher.publish_check_run(self._here, run, self._claim)
        title, message = commit_texts(run)
        refusal: list[MergeRefused] = []

        def act() -> str:
            answer = self._repository.merge(number, head, run.started.config.merge.method, title, message)
            if isinstance(answer, Merged):
                return answer.sha
            refusal.append(answer)
            raise Rejected(answer.reason, 409 if answer.head_moved else 405)

        def find() -> str | None:
            return self._repository.pull_request(number).merge_commit_sha if self._is_merged(number) else None

        try:
            sha = self._once(f"merge:{head}", "merge", act, find)
        except Rejected:
            if not refusal:
                raise
            return self._merge_refused(refusal[0], number, head)
        return MoveMade(entry=PullRequestMerged(sha=sha), cause=f"merge:{sha}")

    def _merge_refused(self, refusal: MergeRefused, number: int, head: str) -> MoveMade:
        pull = patiently(lambda: self._repository.pull_request(number))
        if refusal.head_moved and pull.head_sha != head:
            return MoveMade(entry=HeadMoved(head=pull.head_sha), cause=f"head:{pull.head_sha}:{self._run.seq}")
        may_pass = pull.mergeable_state in ("blocked", "behind", "unknown") and not pull.draft
        if may_pass:
            by_command = _by_command(self._run) if "review" in refusal.reason.lower() else []
            told = {"reason": refusal.reason, "by_command": by_command, "commit": self._links.commit(head)}
            self._comment(f"held-up:{head}", "held-up", "comments/held_up.md.j2", **told)
        entry = MergeWasRefused(reason=refusal.reason, may_pass=may_pass)
        return MoveMade(entry=entry, cause=f"merge-refused:{self._token}")

    def _finish(self, move: m.Finish) -> MoveMade:
        """Nothing is left waiting: after a merge the issue is closed and the branch gone, else the PR is closed."""
        run = self._run
        if move.outcome == "merged":
            shipped = run.deployment("production")
            if shipped is not None and shipped.status != "success":
                self._comment("production", "deployment-comment", "comments/production.md.j2", shipped=shipped)
            close = self._saying_nothing(lambda: self._repository.close_issue(self._issue.number, "completed"))
            self._once("close-issue", "close-issue", close)
            delete = self._saying_nothing(lambda: self._repository.delete_branch(run.started.branch))
            self._once("delete-branch", "delete-branch", delete)
        elif run.pull_number is not None:
            number = run.pull_number
            pull = patiently(lambda: self._repository.pull_request(number))
            if pull.merged and pull.merge_commit_sha:
                # Somebody merged it meanwhile: that cannot be taken back.
                entry = PullRequestMerged(sha=pull.merge_commit_sha)
                return MoveMade(entry=entry, cause=f"merge:{pull.merge_commit_sha}")
            close = self._saying_nothing(lambda: self._repository.edit_pull_request(number, state="closed"))
            self._once("close-pull-request", "close-pull-request", close)
        return MoveMade(entry=RunFinished(outcome=move.outcome), cause="finished")

    def _once(
        self,
        what: str,
        kind: str,
        act: Callable[[], str],
        find: Callable[[], str | None] | None = None,
        intended: str = "",
    ) -> str:
        key, run_id = f"{self._run.id}:{what}", self._run.id
        return self._here.effects.once(key, kind, act, find=find, claim=self._claim, run_id=run_id, intended=intended)

    def _comment(self, what: str, kind: str, template: str, **values: object) -> Comment:
        """A new comment on the pull request (or, before there is one, on the issue), which notifies people."""
        key = f"{self._run.id}:{what}"
        place = IssueRef(repo=self._issue.repo, number=self._run.pull_number or self._issue.number)
        text = marked(self._here.templates.render(template, run=self._run, **values), key)
        written: list[Comment] = []

        def act() -> str:
            written.append(self._repository.create_comment(place.number, text))
            return str(written[0].id)

        comment_id = int(self._once(what, kind, act, lambda: find_comment(self._here, place, key)))
        if written:
            return written[0]
        return patiently(lambda: next(c for c in self._repository.comments(place.number) if c.id == comment_id))

    @staticmethod
    def _saying_nothing(act: Callable[[], None]) -> Callable[[], str]:
        def acted() -> str:
            act()
            return NOTHING

        return acted

    def _request_review(self, number: int, logins: list[str]) -> None:
        try:
            self._repository.request_reviewers(number, logins)
        except Rejected as refused:
            # Somebody who cannot review here (any more) is still told by the gate's comment.
            DBOS.logger.warning(f"{self._run.id}: no review request: {refused}")

    def _pull_number(self) -> int:
        if self._run.pull_number is None:
            raise UserError("the run has no pull request")
        return self._run.pull_number

    def _is_merged(self, number: int) -> bool:
        return self._repository.pull_request(number).merged


def _by_command(run: Run) -> list[str]:
    """Who has approved the merge, but not in a review, which is all that GitHub counts."""
    passed = run.passed.get(run.plan.merge_gate.name)
    reviewers = {actor.id for actor in passed.reviews.values()} if passed else set()
    return [actor.login for actor in passed.by if actor.id not in reviewers] if passed else []


def _number(pull: PullRequest | None) -> str | None:
    return None if pull is None else str(pull.number)
