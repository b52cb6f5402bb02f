"""The ledger of effects: found again in lists that lag, and told of twice when two executions acted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.domain.errors import ForgeError, NotFound, Rejected, TooSoon, Transient
from workflows.claims import Claim, Claims, Superseded
from workflows.database import Database
from workflows.effects import Effects
from workflows.schema.migrate import migrate


class World:
    """A ledger, and an outside world that shows what was done only after some looks."""

    def __init__(self, database: Database, hidden_for: int = 0) -> None:
        self.effects = Effects(database)
        self.claim: Claim = Claims(database, "tests").take("run")
        self.done: list[str] = []
        self.hidden_for = hidden_for

    def act(self) -> str:
        self.done.append(f"{len(self.done) + 1}")
        return self.done[-1]

    def act_and_lose_the_answer(self) -> str:
        if not self.done:
            self.act()
            raise Transient("the connection was dropped")
        return self.act()

    def refuse_the_second(self) -> str:
        if self.done:
            raise Rejected("it exists already")
        return self.act_and_lose_the_answer()

    def find(self) -> str | None:
        self.hidden_for -= 1
        return self.done[0] if self.done and self.hidden_for < 0 else None

    def once(self, act: object, kind: str = "comment") -> str:
        return self.effects.once("key", kind, act, find=self.find, claim=self.claim, run_id=None)  # type: ignore[arg-type]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'effects.db'}")
    migrate(opened)
    yield opened
    opened.close()


def test_what_a_lagging_list_does_not_show_at_first_is_not_done_again(database: Database) -> None:
    world = World(database, hidden_for=3)
    assert world.once(world.act_and_lose_the_answer) == "1"
    assert world.done == ["1"]
    assert world.effects.to_look_at() == []


def test_what_had_to_be_tried_again_is_looked_at_later(database: Database) -> None:
    world = World(database, hidden_for=1000)
    assert world.once(world.act_and_lose_the_answer) == "2"
    assert world.effects.first_tried("key") is not None
    assert world.effects.to_look_at() == []  # not yet: lists lag
    with database.write() as connection:
        connection.execute(text("UPDATE effects SET look_again_at = '2000-01-01T00:00:00+00:00'"))
    assert [effect.key for effect in world.effects.to_look_at()] == ["key"]
    world.effects.looked_at("key")
    assert world.effects.to_look_at() == []


def test_a_refusal_because_it_exists_already_is_a_success(database: Database) -> None:
    world = World(database)
    world.hidden_for = 9  # more looks than are made before it is tried again
    assert world.once(world.refuse_the_second, "pull-request") == "1"


def test_a_refusal_at_the_first_try_is_one(database: Database) -> None:
    world = World(database)
    world.done = ["of somebody else"]
    with pytest.raises(Rejected):
        world.once(world.refuse_the_second)


@pytest.mark.parametrize("refusal", [Transient("slow down", 429, 0.01), Transient("slow down", 403, 0.01)])
def test_a_limit_leaves_no_doubt(database: Database, refusal: Transient) -> None:
    def limited_once() -> str:
        if not tries:
            tries.append(1)
            raise refusal
        return world.act()

    tries: list[int] = []
    world = World(database)
    assert world.once(limited_once) == "1"
    assert world.hidden_for == 0, "nobody has looked for it"
    assert world.effects.first_tried("key") is None


def test_a_request_that_timed_out_may_have_arrived(database: Database) -> None:
    def answered_too_late() -> str:
        if not world.done:
            world.act()
            raise Transient("the request timed out", 408, 0.01)
        return world.act()

    world = World(database)
    assert world.once(answered_too_late) == "1"
    assert world.done == ["1"], "it was looked for before it was tried again"


@pytest.mark.parametrize("refusal", [Rejected("invalid", 422), NotFound("who are you?", 404)])
def test_what_was_refused_is_new_when_it_is_wanted_again(database: Database, refusal: ForgeError) -> None:
    def refused() -> str:
        raise refusal

    world = World(database)
    with pytest.raises(type(refusal)):
        world.once(refused)
    assert world.once(world.act) == "1"
    assert world.hidden_for == 0, "nobody has looked for it"
    assert world.effects.first_tried("key") is None


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited each time, in no time."""
    waits: list[float] = []
    monkeypatch.setattr("workflows.effects.time.sleep", waits.append)
    return waits


def test_what_github_has_not_noticed_yet_is_tried_again(database: Database, waits: list[float]) -> None:
    def noticed_at_the_third() -> str:
        if len(waits) < 2:
            raise TooSoon("No commit found for SHA", 422)
        return world.act()

    world = World(database)
    assert world.once(noticed_at_the_third) == "1"
    assert world.hidden_for == 0, "nobody has looked for it"
    assert world.effects.first_tried("key") is None


def test_what_github_does_not_notice_for_long_is_refused(database: Database, waits: list[float]) -> None:
    def never_noticed() -> str:
        raise TooSoon("No commit found for SHA", 422)

    with pytest.raises(Rejected):
        World(database).once(never_noticed)
    assert sum(waits) == pytest.approx(30)
    assert 5 < len(waits) < 12
    *growing, rest = waits
    assert growing == sorted(growing)
    assert rest > 0


def test_a_refusal_after_a_lost_answer_leaves_the_doubt(database: Database) -> None:
    def lost_and_refused() -> str:
        answers.append(1)
        raise Transient("the connection was dropped") if len(answers) == 1 else Rejected("invalid", 422)

    answers: list[int] = []
    world = World(database)
    with pytest.raises(Rejected):
        world.once(lost_and_refused)
    assert world.once(world.act) == "1"
    assert world.effects.first_tried("key") is not None


def test_a_refusal_that_came_after_another_took_over_withdraws_nothing(database: Database) -> None:
    def sleep_and_be_refused() -> str:
        World(database)  # it has the claim now
        raise Rejected("invalid", 422)

    world = World(database)
    with pytest.raises(Superseded):
        world.once(sleep_and_be_refused)
    assert world.effects.intended("key") == ""


def test_a_sleeper_that_acts_after_another_keeps_what_that_one_did(database: Database) -> None:
    """SIGSTOP between check and call: another worker takes over, looks, acts and records; then the sleeper wakes."""
    world = World(database)

    def sleep_and_act() -> str:
        other = World(database)
        assert other.once(lambda: "of the other") == "of the other"
        return "of the sleeper"

    assert world.once(sleep_and_act) == "of the other"
    assert world.effects.remote_id("key") == "of the other"
    assert [effect.key for effect in world.effects.to_look_at()] == ["key"]


def test_an_outcome_that_github_tells_of_is_recorded_once_for_what_was_intended(database: Database) -> None:
    def told_of_meanwhile() -> str:
        world.effects.came_about("another", "1")
        world.effects.came_about("key", "told of")
        return "ours"

    world = World(database)
    assert world.once(told_of_meanwhile) == "told of"
    world.effects.came_about("key", "told of later")
    assert (world.effects.remote_id("key"), world.effects.remote_id("another")) == ("told of", None)


def test_what_was_never_done_is_withdrawn_and_what_was_done_stays(database: Database) -> None:
    def refused() -> str:
        raise Rejected("its head was replaced")

    world = World(database)
    done = {"find": None, "claim": world.claim, "run_id": "run"}
    assert world.effects.once("done", "merge", lambda: "1", **done) == "1"  # type: ignore[arg-type]
    with pytest.raises(Rejected):
        world.effects.once("refused", "merge", refused, **done)  # type: ignore[arg-type]
    with pytest.raises(Rejected):
        world.effects.once("another", "push", refused, **done)  # type: ignore[arg-type]
    world.effects.withdraw_all("run", "merge")
    with database.read() as connection:
        assert connection.execute(text("SELECT key FROM effects ORDER BY key")).scalars().all() == ["another", "done"]


def test_what_was_done_cannot_be_withdrawn(database: Database) -> None:
    world = World(database)
    assert world.once(world.act) == "1"
    world.effects.withdraw("key")
    assert world.effects.remote_id("key") == "1"
    assert world.once(world.act) == "1"
    assert world.done == ["1"]


def test_what_was_done_anew_is_not_forgotten_with_what_it_replaced(database: Database) -> None:
    """Two find a comment deleted: one writes another, and then the slower one forgets the old one."""
    world = World(database)
    assert world.once(world.act) == "1"
    world.effects.forget("key", "1")
    assert world.once(world.act) == "2"
    world.effects.forget("key", "1")
    assert world.effects.remote_id("key") == "2"


def test_what_was_intended_just_now_is_not_left_open(database: Database) -> None:
    seen: list[list[str]] = []

    def refused() -> str:
        seen.append([effect.key for effect in world.effects.left_open("check-run")])
        with database.write() as connection:
            connection.execute(text("UPDATE effects SET intended_at = '2000-01-01T00:00:00+00:00'"))
        seen.append([effect.key for effect in world.effects.left_open("check-run")])
        raise Rejected("its head was replaced")

    world = World(database)
    with pytest.raises(Rejected):
        world.once(refused, "check-run")
    assert seen == [[], ["key"]]
