"""Effects happen once: record the intent, act, record the outcome. Only an intent without an outcome makes us look."""

import time
from collections.abc import Callable

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from bot.domain.errors import Transient
from workflows.claims import Claim
from workflows.clock import now, stamp
from workflows.database import Database
from workflows.failpoints import reach
from workflows.patience import delays
from workflows.schema.tables import effects

NOTHING = "-"
"""The remote id of an effect that leaves nothing with an id behind (a label, a reaction)."""


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
        done, tried_before = self._intend(key, kind, run_id, intended)
        if done is not None:
            return done
        remote_id = self._act(kind, act, find, claim, tried_before)
        self._settle(key, remote_id)
        return remote_id

    def remote_id(self, key: str) -> str | None:
        """The id of what the effect left in the outside world; None when it has not (been known to) happen."""
        with self._database.read() as connection:
            return connection.execute(select(effects.c.remote_id).where(effects.c.key == key)).scalar()

    def intended(self, key: str) -> str | None:
        """What the effect is about to do, as it was noted with the intent; None when it was never intended."""
        with self._database.read() as connection:
            return connection.execute(select(effects.c.intended).where(effects.c.key == key)).scalar()

    def forget(self, key: str) -> None:
        """What the effect left was removed by somebody: it may be done anew."""
        with self._database.write() as connection:
            connection.execute(delete(effects).where(effects.c.key == key))

    def repaired(self, key: str, remote_id: str, removed: int) -> None:
        """Duplicates of the effect were removed, and `remote_id` was kept."""
        with self._database.write() as connection:
            repaired = effects.c.repaired + removed
            connection.execute(
                update(effects).where(effects.c.key == key).values(remote_id=remote_id, repaired=repaired)
            )

    def _intend(self, key: str, kind: str, run_id: str | None, intended: str) -> tuple[str | None, bool]:
        """Record the intent; returns the remote id if it is done already, and whether it was intended before."""
        try:
            with self._database.write() as connection:
                values = {"key": key, "kind": kind, "run_id": run_id, "intended": intended}
                connection.execute(insert(effects).values(**values, intended_at=stamp(now())))
                return None, False
        except IntegrityError:
            pass
        with self._database.write() as connection:
            row = connection.execute(select(effects.c.remote_id, effects.c.done_at).where(effects.c.key == key)).one()
            if row.done_at is None and intended:
                connection.execute(update(effects).where(effects.c.key == key).values(intended=intended))
        return (row.remote_id if row.done_at else None), True

    def _act(
        self,
        kind: str,
        act: Callable[[], str],
        find: Callable[[], str | None] | None,
        claim: Claim,
        tried_before: bool,
    ) -> str:
        for delay in delays():
            try:
                reach(f"effect.{kind}.before-look-up")
                found = find() if find and tried_before else None
                if found is not None:
                    return found
                reach(f"effect.{kind}.before-call")
                claim.check()
                tried_before = True
                remote_id = act()
                reach(f"effect.{kind}.after-call")
                return remote_id
            except Transient as trouble:
                # It may have happened all the same: from here on we look before we act.
                time.sleep(max(delay, trouble.retry_after or 0.0))
        raise Transient(f"gave up on `{kind}`: GitHub did not take it for half an hour")

    def _settle(self, key: str, remote_id: str) -> None:
        with self._database.write() as connection:
            connection.execute(
                update(effects).where(effects.c.key == key).values(remote_id=remote_id, done_at=stamp(now()))
            )
