"""Random orders of everything that can happen to a run, with crashes: what may never happen does not."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.domain.agents import AgentStatus
from bot.domain.entries import AttemptFinished, RunParked
from bot.domain.events import MoveMade
from bot.domain.forge import Actor
from bot.domain.moves import Move
from tests.domain.samples import HUBOT, MONA, PLANNED, QUICK, SHIPPED, STRANGER
from tests.domain.world import Delivery, Driver, World

PAIR = QUICK.model_copy(update={"steps": (QUICK.steps[0], QUICK.merge_gate.model_copy(update={"approvals": 2}))})
PLANS = {"quick": QUICK, "pair": PAIR, "planned": PLANNED, "shipped": SHIPPED}

people = st.sampled_from([MONA, MONA, HUBOT, HUBOT, STRANGER])
endings = st.sampled_from([AgentStatus.OK] * 6 + list(AgentStatus))
often = st.sampled_from([True] * 4 + [False])
seldom = st.sampled_from([False] * 3 + [True])


class Interleavings(RuleBasedStateMachine):
    """One run; every rule is one thing that happens somewhere in the world."""

    guards = frozenset({"cause", "seq", "still"})
    world: World
    ended: list[AttemptFinished]
    looked: list[tuple[Move, int]]

    @initialize(plan=st.sampled_from(sorted(PLANS)), skew=st.integers(-3, 3), halts=st.integers(0, 4))
    def begin(self, plan: str, skew: int, halts: int) -> None:
        """The run has come some way already, so that the interesting orders are not always at its beginning."""
        self.world = World(PLANS[plan], skew=skew, guards=self.guards)
        self.ended, self.looked = [], []
        for halt in range(halts):
            if halt % 2:
                self.enough_people_approve()
            else:
                self._goes_on_to_a_gate()

    def _goes_on_to_a_gate(self) -> None:
        for _ in range(12):
            if self.world.run.gate is None and self.world.run.step is not None:
                self.everything_goes_well(steps=1)

    # The durable layer, and its crashes

    @rule(steps=st.integers(1, 2))
    def everything_goes_well(self, steps: int) -> None:
        for _ in range(steps):
            self.world.seconds += 1
            finished = self.world.work(AgentStatus.OK, passes=True, content=True)
            if finished is not None:
                self.world.finish(finished)
            elif self.world.run.deploying is not None:
                self.world.deploy("success")
            elif (driver := self.world.drive()) is not None:
                self.world.make(driver)
                if driver in self.world.drivers:
                    self.world.report(driver)

    @rule()
    def a_driver_looks(self) -> None:
        if (looked := self.world.look()) is not None:
            self.looked.append(looked)

    @precondition(lambda self: self.looked)
    @rule(data=st.data())
    def a_driver_claims_what_it_looked_at(self, data: st.DataObject) -> None:
        looked = data.draw(st.sampled_from(self.looked))
        self.looked.remove(looked)
        self.world.drive(looked)

    @rule()
    def a_driver_claims(self) -> None:
        self.world.drive()

    @precondition(lambda self: self.world.drivers)
    @rule(data=st.data(), refuses=seldom)
    def a_move_is_made(self, data: st.DataObject, refuses: bool) -> None:
        driver = self._a_driver(data)
        self.world.make(driver, refuses=refuses)

    @precondition(lambda self: self.world.drivers)
    @rule(data=st.data(), twice=seldom)
    def a_move_is_recorded(self, data: st.DataObject, twice: bool) -> None:
        driver = self._a_driver(data)
        self.world.report(driver)
        if twice and driver.outcome is not None:
            self.world.decide(driver.outcome)

    @precondition(lambda self: self.world.drivers)
    @rule(data=st.data())
    def a_driver_dies(self, data: st.DataObject) -> None:
        self.world.drivers.remove(self._a_driver(data))

    @precondition(lambda self: self.world.run.live)
    @rule(status=endings, passes=often, commits=often, content=often)
    def an_agent_ends(self, status: AgentStatus, passes: bool, commits: bool, content: bool) -> None:
        finished = self.world.work(status, passes=passes, commits=commits, content=content)
        assert finished is not None
        self.ended.append(finished)

    @precondition(lambda self: self.ended)
    @rule(data=st.data(), again=seldom)
    def an_attempt_is_recorded(self, data: st.DataObject, again: bool) -> None:
        finished = data.draw(st.sampled_from(self.ended))
        if not again:
            self.ended.remove(finished)
        self.world.finish(finished)

    @precondition(lambda self: self.world.run.deploying)
    @rule(status=st.sampled_from(["success", "failure", "rolled_back"]))
    def a_deployment_ends(self, status: Any) -> None:
        self.world.deploy(status)

    # People, and GitHub

    @rule(seconds=st.integers(1, 3))
    def time_passes(self, seconds: int) -> None:
        self.world.seconds += seconds

    @rule(by=people, edited=seldom, now=often)
    def somebody_approves_by_command(self, by: Actor, edited: bool, now: bool) -> None:
        self._happens(self.world.says(by, "approve", edited=edited), now)

    @precondition(lambda self: self.world.run.gate)
    @rule()
    def enough_people_approve(self) -> None:
        for by in (MONA, HUBOT):
            self.world.decide(self.world.says(by, "approve"))

    @precondition(lambda self: self.world.hub.pushed)
    @rule(by=people, data=st.data(), newest=often, now=often)
    def somebody_approves_by_review(self, by: Actor, data: st.DataObject, newest: bool, now: bool) -> None:
        pushed = self.world.hub.pushed
        commit = self.world.hub.head if newest else data.draw(st.sampled_from(pushed))
        assert commit is not None
        self._happens(self.world.reviews(by, "APPROVED", commit), now)

    @precondition(lambda self: any(vote.review_id for vote in self.world.hub.votes))
    @rule(data=st.data(), now=often)
    def a_review_is_dismissed(self, data: st.DataObject, now: bool) -> None:
        votes = [vote for vote in self.world.hub.votes if vote.review_id]
        self._happens(self.world.dismisses(data.draw(st.sampled_from(votes))), now)

    @rule()
    def the_rules_of_the_repository_change_their_mind(self) -> None:
        self.world.hub.rules_are_met = not self.world.hub.rules_are_met

    @precondition(lambda self: self.world.hub.head)
    @rule(by=people, now=often)
    def somebody_requests_changes(self, by: Actor, now: bool) -> None:
        assert self.world.hub.head is not None
        self._happens(self.world.reviews(by, "CHANGES_REQUESTED", self.world.hub.head), now)

    @rule(by=people, argument=st.sampled_from(["", "builder", "planner: this", "merge", "no good"]), now=often)
    def somebody_rejects(self, by: Actor, argument: str, now: bool) -> None:
        self._happens(self.world.says(by, "reject", argument), now)

    @rule(by=people, argument=st.sampled_from(["", "", "builder", "planner", "reviewer", "x"]), now=often)
    def somebody_retries(self, by: Actor, argument: str, now: bool) -> None:
        self._happens(self.world.says(by, "retry", argument), now)

    @rule(by=people, now=often, really=seldom)
    def somebody_cancels(self, by: Actor, now: bool, really: bool) -> None:
        if really:
            self._happens(self.world.says(by, "cancel"), now)

    @precondition(lambda self: self.world.hub.head and not self.world.hub.merged)
    @rule(data=st.data(), back=seldom, now=often)
    def a_person_pushes(self, data: st.DataObject, back: bool, now: bool) -> None:
        hub = self.world.hub
        if back:
            hub.head = data.draw(st.sampled_from(hub.pushed))
        else:
            hub.push(self.world.sha())
        self._happens(self.world.pull_changed(HUBOT), now)

    @precondition(lambda self: self.world.hub.pull_open and not self.world.hub.merged)
    @rule(really=seldom, now=often)
    def a_person_merges(self, really: bool, now: bool) -> None:
        if really and not self.world.hub.pull_closed:
            self.world.hub.merged = self.world.sha()
            self._happens(self.world.pull_changed(MONA), now)

    @precondition(lambda self: self.world.hub.pull_open and not self.world.hub.merged)
    @rule(really=seldom, now=often)
    def a_person_closes(self, really: bool, now: bool) -> None:
        if really:
            self.world.hub.pull_closed = True
            self._happens(self.world.pull_changed(MONA), now)

    @precondition(lambda self: self.world.run.rounds)
    @rule(timer=st.sampled_from(["remind", "expire"]), rounds_ago=st.integers(0, 1))
    def a_timer_is_due(self, timer: Any, rounds_ago: int) -> None:
        event = self.world.timer(timer, rounds_ago=rounds_ago)
        if event is not None:
            self._happens(event, now=True)

    @precondition(lambda self: self.world.deliveries)
    @rule(data=st.data())
    def facts_are_gathered(self, data: st.DataObject) -> None:
        delivery = data.draw(st.sampled_from(self.world.deliveries))
        delivery.facts, delivery.seq = self.world.gather(delivery.event), len(self.world.records)

    @precondition(lambda self: self.world.deliveries)
    @rule(data=st.data(), again=seldom)
    def something_late_arrives(self, data: st.DataObject, again: bool) -> None:
        delivery = data.draw(st.sampled_from(self.world.deliveries))
        if not again:
            self.world.deliveries.remove(delivery)
        seq = delivery.seq if delivery.facts is not None else None
        self.world.decide(delivery.event, delivery.facts, seq)

    @rule()
    def the_reconciler_looks_at_the_pull_request(self) -> None:
        self.world.decide(self.world.pull_changed())

    def _happens(self, event: Any, now: bool) -> None:
        self.world.deliveries.append(Delivery(event))
        if now:
            self.world.decide(event)

    def _a_driver(self, data: st.DataObject) -> Driver:
        driver: Driver = data.draw(st.sampled_from(self.world.drivers))
        return driver

    # What must hold

    @invariant()
    def all_is_sound(self) -> None:
        if hasattr(self, "world"):
            self.world.assert_sound()

    def teardown(self) -> None:
        """From wherever it is, the run can be brought to an end: by cancelling it, or by working on."""
        if not hasattr(self, "world"):
            return
        self.looked.clear()
        if self.world.numbers % 2:
            cancel(self.world)
        else:
            bring_to_merge(self.world)


def cancel(world: World) -> None:
    """`/cancel` ends every run; one that is being merged ends by that, or can be cancelled once GitHub refused."""
    world.settle()
    for _ in range(2):
        if not world.run.is_over:
            world.seconds += 1
            world.decide(world.says(MONA, "cancel"))
            world.settle()
    assert world.run.is_over


def bring_to_merge(world: World) -> None:
    """People approve what they are asked to, and retry what is stuck: the run is merged, unless it was given up."""
    world.settle()
    for _ in range(12):
        if world.run.is_over:
            break
        world.seconds += 1
        if world.run.parked is not None:
            world.decide(world.says(MONA, "retry"))
        else:
            assert world.run.gate is not None
            world.decide(world.says(MONA, "approve"))
            world.decide(world.says(HUBOT, "approve"))
        world.settle()
    assert world.run.is_over
    assert world.run.outcome == "merged" or world.run.cancelled_by is not None


QUIET = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)


def test_no_order_of_events_breaks_a_run() -> None:
    run_state_machine_as_test(
        Interleavings,
        settings=settings(max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=QUIET),
    )


def a_command_is_delivered_again_when_it_would_fit_again(world: World) -> None:
    retry = world.says(MONA, "retry")
    for cause in ("parked:1", "parked:2"):
        world.decide(MoveMade(entry=RunParked(reason="GitHub is away"), cause=cause))
        world.decide(retry)
    assert world.run.parked is not None
    world.assert_sound()


def two_drivers_look_before_either_claims(world: World) -> None:
    for looked in [world.look(), world.look()]:
        world.drive(looked)
    world.assert_sound()


@pytest.mark.parametrize(
    ("guard", "story"),
    [
        ("cause", a_command_is_delivered_again_when_it_would_fit_again),
        ("seq", two_drivers_look_before_either_claims),
    ],
)
def test_each_guard_of_the_journal_is_needed(guard: str, story: Callable[[World], None]) -> None:
    """Without unique causes, or without the comparison of sequence numbers, something that may not happen does."""
    story(World(QUICK))
    with pytest.raises(AssertionError):
        story(World(QUICK, guards=frozenset({"cause", "seq"} - {guard})))
