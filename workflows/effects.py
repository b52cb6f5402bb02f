"""Effects happen once: record the intent, act, record the outcome. Only an intent without an outcome makes us look.

What we look for may be there and not be listed yet. So a look is repeated for a while before an effect is tried again;
and whatever was tried again is looked at once more later (workflows/converge.py).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from bot.domain.errors import ForgeError, Rejected, TooSoon, Transient
from workflows.claims import Claim
from workflows.clock import now, stamp
from workflows.database import Database
from workflows.failpoints import reach
from workflows.patience import delays
from workflows.restoration import restored_at
from workflows.schema.tables import effects

_NOTHING = "-"
"""The remote id of an effect that leaves nothing with an id behind (a label, a reaction)."""

_LAG_SECONDS = {"merge": 0.0, "check-run": 10.0, "deployment": 10.0, "dispatch": 10.0}
_USUAL_LAG_SECONDS = 3.0
"""How long GitHub's lists may not show what is there: longest where a duplicate cannot be removed again."""
_LOOK_EVERY = 0.5
_LOOK_AGAIN_AFTER = timedelta(seconds=30)
"""Longer than lists lag, and than a worker that was declared dead can still be on its way to GitHub."""

_NOTICED_WITHIN_SECONDS = 30.0
"""How long GitHub may say of what was pushed or made a moment ago that it is not there."""


@dataclass(frozen=True)
class Again:
    """An effect that was tried again, and has to be looked at."""

    key: str
    kind: str
    run_id: str | None


class Effects:
    """The ledger of what was done to the outside world, by natural key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def once(
        self,
        key: str,
        kind: str,
        act: Callable[[], str],
        *,
        find: Callable[[], str | None] | None,
        claim: Claim,
        run_id: str | None,
        intended: str = "",
    ) -> str:
        """Do `act` unless it was done; returns the remote id, of now or of then.

        `find` looks for the effect in the outside world, and is asked only when an earlier try may have had it;
        None when repeating `act` is harmless. `intended` is kept with the intent for those who must recognise it.
        """
        noticing = delays(_NOTICED_WITHIN_SECONDS)
        for delay in delays():
            done, tried_at = self._intend(key, kind, run_id, intended)
            if done is not None:
                return done
            try:
                return self._settle(key, self._act(key, kind, act, find, claim, tried_at))
            except Transient as trouble:
                # It may have happened all the same, unless that was a limit: from here on we look before we act.
                time.sleep(max(delay, trouble.retry_after or 0.0))
            except TooSoon:
                wait = next(noticing, None)
                if wait is None:
                    raise
                time.sleep(wait)
        raise Transient(f"gave up on `{kind}`: GitHub did not take it for half an hour")

    def repeatable(self, key: str, kind: str, act: Callable[[], object], *, claim: Claim, run_id: str | None) -> None:
        """Do `act` unless it was done: an effect that leaves nothing with an id, and may as well take place twice."""

        def acted() -> str:
            act()
            return _NOTHING

        self.once(key, kind, acted, find=None, claim=claim, run_id=run_id)

    def remote_id(self, key: str) -> str | None:
        """The id of what the effect left in the outside world; None when it has not (been known to) happen."""
        with self._database.read() as connection:
            return connection.execute(select(effects.c.remote_id).where(effects.c.key == key)).scalar()

    def intended(self, key: str) -> str | None:
        """What the effect is about to do, as it was noted with the intent; None when it was never intended."""
        with self._database.read() as connection:
            return connection.execute(select(effects.c.intended).where(effects.c.key == key)).scalar()

    def known(self, remote_ids: list[str]) -> set[str]:
        """Those of the ids that effects are known to have left."""
        with self._database.read() as connection:
            query = select(effects.c.remote_id).where(effects.c.remote_id.in_(remote_ids))
            return {str(remote_id) for remote_id in connection.execute(query).scalars()}

    def run_of(self, key: str) -> str | None:
        """The run that the effect belongs to."""
        with self._database.read() as connection:
            return connection.execute(select(effects.c.run_id).where(effects.c.key == key)).scalar()

    def first_tried(self, key: str) -> datetime | None:
        """When an effect that had to be tried again was tried first; None for one that was tried once. What GitHub
        refused was not tried: nobody can have seen anything of it."""
        with self._database.read() as connection:
            query = select(effects.c.intended_at).where(effects.c.key == key, effects.c.tried_again_at.is_not(None))
            first = connection.execute(query).scalar()
            return None if first is None else datetime.fromisoformat(first)

    def to_look_at(self) -> list[Again]:
        """The effects that were tried again and whose time to be looked at has come."""
        query = select(effects.c.key, effects.c.kind, effects.c.run_id)
        query = query.where(effects.c.look_again_at <= stamp(now()), effects.c.done_at.is_not(None))
        with self._database.read() as connection:
            return [Again(row.key, row.kind, row.run_id) for row in connection.execute(query)]

    def came_about(self, key: str, remote_id: str) -> None:
        """GitHub has told of the outcome. Nothing happens to an effect that has one, or was never intended."""
        without_outcome = (effects.c.key == key, effects.c.done_at.is_(None))
        with self._database.write() as connection:
            values = {"remote_id": remote_id, "done_at": stamp(now())}
            connection.execute(update(effects).where(*without_outcome).values(**values))

    def left_open(self, kind: str) -> list[Again]:
        """The effects of that kind that were intended a while ago and have no outcome."""
        query = select(effects.c.key, effects.c.kind, effects.c.run_id)
        query = query.where(effects.c.kind == kind, effects.c.done_at.is_(None))
        with self._database.read() as connection:
            found = connection.execute(query.where(effects.c.intended_at <= stamp(now() - _LOOK_AGAIN_AFTER)))
            return [Again(row.key, row.kind, row.run_id) for row in found]

    def withdraw(self, key: str) -> None:
        """The effect did not happen, and nobody wants it any more."""
        with self._database.write() as connection:
            connection.execute(delete(effects).where(effects.c.key == key, effects.c.done_at.is_(None)))

    def withdraw_all(self, run_id: str, kind: str) -> None:
        """What the run intended of that kind and was never done is not going to be."""
        never_done = (effects.c.run_id == run_id, effects.c.kind == kind, effects.c.done_at.is_(None))
        with self._database.write() as connection:
            connection.execute(delete(effects).where(*never_done))

    def look_again(self, key: str) -> None:
        """Have the effect looked at once more, when every list must show what there is."""
        with self._database.write() as connection:
            due = {"look_again_at": stamp(now() + _LOOK_AGAIN_AFTER)}
            connection.execute(update(effects).where(effects.c.key == key).values(**due))

    def looked_at(self, key: str) -> None:
        """The effect is there once."""
        with self._database.write() as connection:
            connection.execute(update(effects).where(effects.c.key == key).values(look_again_at=None))

    def forget(self, key: str, remote_id: str) -> None:
        """What the effect left was removed by somebody: it may be done anew."""
        with self._database.write() as connection:
            connection.execute(delete(effects).where(effects.c.key == key, effects.c.remote_id == remote_id))

    def repaired(self, key: str, remote_id: str, removed: int) -> None:
        """Duplicates of the effect were removed, and `remote_id` was kept."""
        with self._database.write() as connection:
            repaired = effects.c.repaired + removed
            connection.execute(
                update(effects).where(effects.c.key == key).values(remote_id=remote_id, repaired=repaired)
            )

    def _intend(self, key: str, kind: str, run_id: str | None, intended: str) -> tuple[str | None, datetime | None]:
        """Record the intent; returns the remote id if it is done already, and when it was last tried before. What a
        database that came back from a backup does not know may have been done just before that."""
        try:
            with self._database.write() as connection:
                values = {"key": key, "kind": kind, "run_id": run_id, "intended": intended}
                connection.execute(insert(effects).values(**values, intended_at=stamp(now())))
                return None, restored_at(connection)
        except IntegrityError:
            pass
        with self._database.write() as connection:
            row = connection.execute(select(effects).where(effects.c.key == key)).one()
            if row.done_at is None and intended:
                connection.execute(update(effects).where(effects.c.key == key).values(intended=intended))
        tried_at = datetime.fromisoformat(row.tried_again_at or row.intended_at)
        return (row.remote_id if row.done_at else None), tried_at

    def _act(
        self,
        key: str,
        kind: str,
        act: Callable[[], str],
        find: Callable[[], str | None] | None,
        claim: Claim,
        tried_at: datetime | None,
    ) -> str:
        """One try. A first one that GitHub refused leaves no intent: of what nobody can have seen there is no doubt."""
        reach(f"effect.{kind}.before-look-up")
        found = _look(find, kind, tried_at) if find and tried_at else None
        if found is not None:
            return found
        reach(f"effect.{kind}.before-call")
        claim.check()
        if tried_at is not None:
            self._try_again(key)
        began = now()
        try:
            remote_id = act()
        except ForgeError as failure:
            if find and tried_at is None and _was_refused(failure):
                claim.check()
                self.withdraw(key)
            # Refused, perhaps because an earlier try has done it.
            found = _look(find, kind, began) if find and tried_at and isinstance(failure, Rejected) else None
            if found is None:
                raise
            return found
        reach(f"effect.{kind}.after-call")
        return remote_id

    def _try_again(self, key: str) -> None:
        with self._database.write() as connection:
            again = {"tried_again_at": stamp(now()), "look_again_at": stamp(now() + _LOOK_AGAIN_AFTER)}
            connection.execute(update(effects).where(effects.c.key == key).values(**again))

    def _settle(self, key: str, remote_id: str) -> str:
        """Record the outcome, unless another execution was first: then its outcome counts, and ours is one too many."""
        mine = effects.c.key == key
        with self._database.write() as connection:
            values = {"remote_id": remote_id, "done_at": stamp(now())}
            if connection.execute(update(effects).where(mine, effects.c.done_at.is_(None)).values(**values)).rowcount:
                return remote_id
            settled = connection.execute(select(effects.c.remote_id).where(mine)).scalar()
            if settled is None or settled == remote_id:
                return remote_id
            connection.execute(update(effects).where(mine).values(look_again_at=stamp(now())))
            return str(settled)


def _was_refused(failure: ForgeError) -> bool:
    """Whether GitHub said no (a 4xx, limits among them), and not perhaps yes in an answer that was lost."""
    return 400 <= failure.status < 500 and failure.status != 408


def _look(find: Callable[[], str | None], kind: str, tried_at: datetime) -> str | None:
    """What `find` finds, asked again until GitHub's lists must show what was tried at that time."""
    lag = _LAG_SECONDS.get(kind, _USUAL_LAG_SECONDS)
    # Bounded from both sides: another machine's clock may have said when that was.
    patience = min(lag, max(0.0, lag - (now() - tried_at).total_seconds()))
    give_up_at = time.monotonic() + patience
    while (found := find()) is None and time.monotonic() < give_up_at:
        time.sleep(min(_LOOK_EVERY, max(0.0, give_up_at - time.monotonic())))
    return found
