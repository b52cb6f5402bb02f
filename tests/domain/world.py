"""A small world for the domain: GitHub, people, agents, and a durable layer that crashes whenever it is told to.

All of it is pure and in one thread; what runs at once elsewhere are separate calls here, in whatever order the
test chooses. The durable layer is as simple as design allows: appends by compare-and-set, unique causes, a fence.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from bot.domain import moves as m
from bot.domain.accept import accept
from bot.domain.agents import AgentStatus
from bot.domain.decisions import Accepted, Decision, Ignored
from bot.domain.entries import (
    AttemptFinished,
    AttemptStarted,
    DeploymentFinished,
    GateOpened,
    HeadMoved,
    MergeWasRefused,
    PullRequestMerged,
    PullRequestOpened,
    Recorded,
    Reminded,
    ReviewDismissed,
    RunFinished,
    RunParked,
)
from bot.domain.events import (
    CommandGiven,
    Event,
    MoveMade,
    PullRequestChanged,
    ReviewSubmitted,
    ReviewWasDismissed,
    TimerDue,
)
from bot.domain.facts import Facts
from bot.domain.fold import apply, fold
from bot.domain.forge import Actor, PullRequest, Review
from bot.domain.gates import Subject
from bot.domain.journal import GENESIS, Record, first_break, seal
from bot.domain.moves import Move, claim
from bot.domain.next_moves import next_moves, waiting_for
from bot.domain.permissions import Permission
from bot.domain.pipeline import Pipeline
from bot.domain.run import Run
from bot.domain.verdicts import Verdict
from tests.domain.samples import BASE, BOT, HUBOT, ISSUE, MONA, PULL, STRANGER, T0, run_started

PERMISSIONS = {MONA.id: Permission.MAINTAIN, HUBOT.id: Permission.WRITE, STRANGER.id: Permission.READ}
PEOPLE = (MONA, HUBOT, STRANGER)


@dataclass
class Vote:
    """An approval as it was truly given: by whom, when, and for which commit (None: for what the gate shows)."""

    by: Actor
    at: datetime
    commit: str | None
    edited: bool = False
    review_id: int | None = None
    withdrawn: bool = False


@dataclass
class Hub:
    """GitHub: the branch, its pull request, and what people said."""

    head: str | None = None
    pull_open: bool = False
    pull_closed: bool = False
    merged: str | None = None
    rules_are_met: bool = True
    pushed: list[str] = field(default_factory=list)
    shown: dict[tuple[str, int], tuple[Subject, datetime]] = field(default_factory=dict)
    votes: list[Vote] = field(default_factory=list)

    def push(self, sha: str) -> None:
        self.head = sha
        self.pushed.append(sha)

    def pull(self) -> PullRequest | None:
        if not self.pull_open or self.head is None:
            return None
        return PullRequest(
            number=PULL.number,
            node_id="PR_8",
            state="closed" if self.pull_closed or self.merged else "open",
            draft=False,
            merged=self.merged is not None,
            merge_commit_sha=self.merged,
            head_ref="branch",
            head_sha=self.head,
            base_ref="main",
            base_sha=BASE,
            author=BOT,
            mergeable_state="clean" if self.rules_are_met else "blocked",
        )


@dataclass
class Driver:
    """One execution of `drive`: a move that it claimed, and what that came to, once it is made."""

    move: Move
    epoch: int
    at_seq: int
    outcome: MoveMade | None = None
    made: bool = False


@dataclass
class Delivery:
    """An event on its way, with the facts that were gathered for it (None: not yet)."""

    event: Event
    facts: Facts | None = None
    seq: int = 0


class World:
    """GitHub, the durable layer and everybody in them. `guards` names those that are in force."""

    def __init__(
        self, plan: Pipeline, *, skew: int = 0, guards: frozenset[str] = frozenset({"cause", "seq", "still"})
    ) -> None:
        self.hub = Hub()
        self.guards = guards
        self.seconds = 0
        self.skew = timedelta(seconds=skew)
        self.records: list[Record] = []
        self.entries: list[Recorded] = []
        self.drivers: list[Driver] = []
        self.deliveries: list[Delivery] = []
        self.commits: dict[tuple[str, int], str] = {}
        self.parents: dict[tuple[str, int], str] = {}
        self.epoch = 0
        self.numbers = 100
        self.run: Run
        self.append(run_started(plan), "label:1", 0)

    # Time and numbers

    def github_now(self) -> datetime:
        return T0 + timedelta(seconds=self.seconds)

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def sha(self) -> str:
        return f"{self.number():040x}"

    # The durable layer

    def append(self, entry: Recorded, cause: str, seq: int) -> bool:
        """Append if the run is still at `seq` and the cause is new; says whether it did."""
        if "seq" in self.guards and seq != len(self.records):
            return False
        if "cause" in self.guards and any(record.cause == cause for record in self.records):
            return False
        before = self.records[-1].hash if self.records else GENESIS
        record = seal("acme--tally--7", len(self.records) + 1, before, cause, self.github_now() + self.skew, entry)
        run = apply(self.run if self.records else None, record.entry, record.seq, record.hash, record.at)
        assert run is not None
        self.records.append(record)
        self.entries.append(entry)
        self.run = run
        return True

    def gather(self, event: Event) -> Facts:
        by = getattr(event, "by", None) or (event.review.author if isinstance(event, ReviewSubmitted) else None)
        live = self.run.live
        reported = {a.finished.commit for s in self.run.stages.values() for a in s.attempts if a.finished}
        unreported = {sha for key, sha in self.commits.items() if live and key == (live.stage, live.number)} - reported
        return Facts(
            now=self.github_now() + self.skew,
            bot=BOT,
            permission=PERMISSIONS.get(by.id, Permission.NONE) if by else Permission.NONE,
            pull=self.hub.pull(),
            head_is_ours=self.hub.head in unreported,
        )

    def decide(self, event: Event, facts: Facts | None = None, seq: int | None = None) -> Decision:
        """What the inbox does with an event: facts that the run has outrun are gathered again."""
        cause = f"review:{event.review.id}" if isinstance(event, ReviewSubmitted) else getattr(event, "cause", None)
        if "cause" in self.guards and cause is not None and any(record.cause == cause for record in self.records):
            return Ignored(why="decided before")
        if facts is None or (seq != len(self.records) and "seq" in self.guards):
            facts = self.gather(event)
        run = self.run if "seq" in self.guards or seq is None else fold(self.records[:seq])
        decision = accept(run, event, facts)
        if isinstance(decision, Accepted):
            self.append(decision.entry, decision.cause, len(self.records))
        if isinstance(event, ReviewWasDismissed):
            for vote in self.hub.votes:
                vote.withdrawn = vote.withdrawn or vote.review_id == event.review_id
        return decision

    def drive(self, looked: tuple[Move, int] | None = None) -> Driver | None:
        """A new driver claims the next move (or the one it `looked` at before); one that is claimed already is
        handed out again. A driver that lost the race gets nothing."""
        looked = looked or self.look()
        if looked is None:
            return None
        (move, seq), entry = looked, claim(looked[0])
        if (entry is None or self._is_claimed(move)) and "seq" in self.guards and seq != len(self.records):
            return None
        if entry is not None and not self._is_claimed(move) and not self.append(entry, f"claim:{self.number()}", seq):
            return None
        self.epoch += 1
        driver = Driver(move, self.epoch, len(self.records))
        self.drivers.append(driver)
        return driver

    def look(self) -> tuple[Move, int] | None:
        """The next move, and the sequence number at which it is that."""
        moves = next_moves(self.run)
        return (moves[0], len(self.records)) if moves else None

    def _is_claimed(self, move: Move) -> bool:
        gate = self.run.gate
        match move:
            case m.OpenGate():
                return gate is not None and (gate.gate, gate.round) == (move.gate, move.round)
            case m.Merge():
                return self.run.merging == move.subject
            case _:
                return False

    def make(self, driver: Driver, *, refuses: bool = False) -> None:
        """Make the driver's move, unless a newer driver has taken over. `refuses`: GitHub says no to it."""
        if driver.epoch != self.epoch:
            self.drivers.remove(driver)
            return
        driver.made = True
        parked = MoveMade(entry=RunParked(reason="GitHub refused"), cause=f"parked:{driver.epoch}")
        match driver.move:
            case m.OpenPullRequest():
                self.hub.pull_open = self.hub.pull_open or not refuses
                opened = PullRequestOpened(number=PULL.number, node_id="PR_8")
                driver.outcome = parked if refuses else MoveMade(entry=opened, cause="pull-request:8")
            case m.OpenGate(gate=gate, round=round, subject=subject):
                _, shown_at = self.hub.shown.setdefault((gate, round), (subject, self.github_now()))
                opened_gate = GateOpened(gate=gate, round=round, comment_id=self.number(), shown_at=shown_at)
                made = MoveMade(entry=opened_gate, cause=f"gate:{gate}:{round}:opened")
                driver.outcome = parked if refuses else made
            case m.Remind(gate=gate, round=round):
                reminded = Reminded(gate=gate, round=round)
                driver.outcome = MoveMade(entry=reminded, cause=f"gate:{gate}:{round}:reminder")
            case m.Merge(subject=subject):
                driver.outcome = self._merge(driver, subject, refuses=refuses)
            case m.DismissReview(review_id=review_id):
                dismissed = MoveMade(entry=ReviewDismissed(review_id=review_id), cause=f"dismiss:{review_id}")
                driver.outcome = parked if refuses else dismissed
            case m.Finish(outcome=outcome):
                finished = MoveMade(entry=RunFinished(outcome=outcome), cause="finished")
                driver.outcome = parked if refuses else finished

    def _merge(self, driver: Driver, subject: Subject, *, refuses: bool) -> MoveMade | None:
        if "still" in self.guards and self.run.merging != subject:
            return None
        if self.hub.merged is not None:
            return MoveMade(entry=PullRequestMerged(sha=self.hub.merged), cause=f"merge:{self.hub.merged}")
        if self.hub.head != subject.head and self.hub.head is not None:
            return MoveMade(entry=HeadMoved(head=self.hub.head), cause=f"head:{self.hub.head}:{driver.at_seq}")
        if refuses or self.hub.pull_closed or not self.hub.rules_are_met:
            may_pass = not self.hub.rules_are_met
            refusal = MergeWasRefused(reason="rules", may_pass=may_pass)
            return MoveMade(entry=refusal, cause=f"merge-refused:{driver.epoch}")
        self.assert_approved(subject)
        self.hub.merged = self.sha()
        return MoveMade(entry=PullRequestMerged(sha=self.hub.merged), cause=f"merge:{self.hub.merged}")

    def report(self, driver: Driver) -> None:
        """The driver records what its move came to, and ends."""
        self.drivers.remove(driver)
        if driver.outcome is not None:
            self.decide(driver.outcome)

    # Agents

    def work(
        self, status: AgentStatus, *, passes: bool, commits: bool = True, content: bool = False
    ) -> AttemptFinished | None:
        """The live attempt runs to its end; what it wrote is pushed, but not reported yet."""
        live = self.run.live
        if live is None:
            return None
        key = (live.stage, live.number)
        cost = 0.01 if live.mode == "work" else 0.0
        ended = AttemptFinished(stage=live.stage, number=live.number, status=status, cost_usd=cost)
        if self.run.stop_requested:
            return ended.model_copy(update={"status": AgentStatus.INTERRUPTED})
        if status is not AgentStatus.OK:
            return ended
        verdict = Verdict.ok("tests", "fine") if passes else Verdict.fail("tests", "3 of 41 failed")
        ended = ended.model_copy(update={"verdicts": (verdict,)})
        if live.mode == "recheck":
            return self._handed_on(ended, live.start_commit, live.start_commit)
        if not passes or not commits:
            return ended
        if key not in self.commits:
            self.parents[key] = self.hub.head or BASE
            self.commits[key] = self.sha()
            self.hub.push(self.commits[key])
        wanting = self.run.plan.stage(live.stage).sends_back_to is not None and not content
        ended = ended.model_copy(update={"opinion": "changes" if wanting else "pass"})
        return self._handed_on(ended, self.commits[key], self.parents[key])

    def _handed_on(self, ended: AttemptFinished, commit: str, parent: str) -> AttemptFinished:
        writes_code = self.run.plan.stage(ended.stage).writes == "code"
        contents = {**self.run.contents, ("code" if writes_code else f"{ended.stage}.md"): commit}
        changed = {"commit": commit, "parent": parent, "diff_digest": f"d{commit}", "contents": contents}
        return ended.model_copy(update=changed)

    def deploy(self, status: Literal["success", "failure", "rolled_back"]) -> None:
        """The deployment that is under way comes to its end."""
        started = self.run.deploying
        if started is not None:
            shape = {"environment": started.environment, "number": started.number, "commit": started.commit}
            finished = DeploymentFinished.model_validate({**shape, "status": status, "release": "r1"})
            cause = f"deployment:{started.environment}:{started.number}:finished"
            self.decide(MoveMade(entry=finished, cause=cause))

    def finish(self, finished: AttemptFinished) -> None:
        cause = f"attempt:{finished.stage}:{finished.number}:finished"
        self.decide(MoveMade(entry=finished, cause=cause))

    # People

    def says(self, by: Actor, verb: str, argument: str = "", *, edited: bool = False) -> CommandGiven:
        if verb == "approve":
            self.hub.votes.append(Vote(by, self.github_now(), None, edited))
        return CommandGiven(
            issue=ISSUE,
            source="comment",
            source_id=self.number(),
            line=1,
            verb=verb,
            argument=argument,
            text="",
            by=by,
            at=self.github_now(),
            edited=edited,
        )

    def reviews(self, by: Actor, state: Literal["APPROVED", "CHANGES_REQUESTED"], commit: str) -> ReviewSubmitted:
        number = self.number()
        if state == "APPROVED":
            self.hub.votes.append(Vote(by, self.github_now(), commit, review_id=number))
        review = Review(
            id=number,
            pull_number=PULL.number,
            author=by,
            state=state,
            body="too long",
            commit_id=commit,
            submitted_at=self.github_now(),
        )
        return ReviewSubmitted(pull=PULL, review=review)

    def dismisses(self, vote: Vote) -> ReviewWasDismissed:
        assert vote.review_id is not None
        return ReviewWasDismissed(pull=PULL, review_id=vote.review_id, by=MONA)

    def pull_changed(self, by: Actor | None = None) -> PullRequestChanged:
        return PullRequestChanged(pull=PULL, by=by)

    def timer(self, timer: Literal["remind", "expire"], *, rounds_ago: int = 0) -> TimerDue | None:
        if not self.run.rounds:
            return None
        gate, round = list(self.run.rounds.items())[-1]
        return TimerDue(gate=gate, round=round - rounds_ago, timer=timer)

    # What must hold

    def assert_approved(self, subject: Subject) -> None:
        """What is being merged is what is on the branch, and enough people approved just that, having seen it."""
        assert self.hub.head == subject.head
        gate = self.run.plan.merge_gate
        times = [shown_at for shown, shown_at in self.hub.shown.values() if shown == subject]
        assert times, "it was never shown"
        votes = {
            vote.by.id
            for vote in self.hub.votes
            if vote.at >= min(times)
            and vote.commit in (None, subject.head)
            and not vote.edited
            and not vote.withdrawn
            and PERMISSIONS[vote.by.id] >= Permission.WRITE
        }
        assert len(votes) >= gate.approvals, "not enough people approved it"

    def assert_sound(self) -> None:
        """All that holds after every step."""
        causes = [record.cause for record in self.records]
        assert len(causes) == len(set(causes)), "a cause is recorded twice"
        live: list[tuple[str, int]] = []
        for entry in self.entries:
            if isinstance(entry, AttemptStarted):
                live.append((entry.stage, entry.number))
            if isinstance(entry, AttemptFinished):
                live = [attempt for attempt in live if attempt != (entry.stage, entry.number)]
            assert len(live) <= 1, "two live attempts"
        assert live == ([(self.run.live.stage, self.run.live.number)] if self.run.live else [])
        goes_on, waits = bool(next_moves(self.run)), waiting_for(self.run) is not None
        assert goes_on + waits + self.run.is_over == 1, "neither over, nor going on, nor waiting for anything"

    def assert_replays(self) -> None:
        """The stored journal is whole, and tells of the same run."""
        assert first_break(self.records) is None
        assert fold(self.records) == self.run

    # Letting things take their course

    def settle(self) -> None:
        """Everything that can happen without people does, in good order; it must come to rest."""
        self.drivers.clear()
        self.hub.rules_are_met = True
        for _ in range(60):
            self.seconds += 1
            self.assert_sound()
            if self.hub.pull() is not None:
                self.decide(self.pull_changed())
            if self.run.live is not None:
                finished = self.work(AgentStatus.OK, passes=True, content=True)
                assert finished is not None
                self.finish(finished)
            elif self.run.deploying is not None:
                self.deploy("success")
            elif (driver := self.drive()) is not None:
                self.make(driver)
                self.report(driver)
            else:
                return self.assert_replays()
        raise AssertionError("it never comes to rest")
