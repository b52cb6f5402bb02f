"""Turns: what one worker does for all of them, now and then. It is neither done twice nor left undone for long."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, delete, update
from sqlalchemy.exc import DBAPIError

from workflows.clock import now, stamp
from workflows.database import Database, insert_or
from workflows.schema.tables import claims

log = logging.getLogger("issuewright.turns")


@dataclass(frozen=True)
class Turns:
    """The turns of one worker."""

    database: Database
    worker: str

    def take(self, what: str, *, rested: timedelta) -> bool:
        """Whether it is this worker's to do now: nobody has begun with it within `rested`. Each turn is given once."""
        at = now()
        values = {"claimed_by": self.worker, "claimed_at": stamp(at)}

        def work(connection: Connection) -> bool:
            fresh = insert_or(connection, claims).values(key=_key(what), epoch=1, **values).on_conflict_do_nothing()
            if connection.execute(fresh.returning(claims.c.epoch)).first() is not None:
                return True
            # A turn that is taken far in the future was taken before a clock was put back.
            due = (claims.c.claimed_at <= stamp(at - rested)) | (claims.c.claimed_at > stamp(at + rested))
            taken = update(claims).where(claims.c.key == _key(what), due).values(epoch=claims.c.epoch + 1, **values)
            return bool(connection.execute(taken).rowcount)

        return self.database.in_transaction(work)

    def give_back(self, what: str) -> None:
        """What this worker could not do is anybody's again: of all, it may be the one that cannot. Where even that
        fails, the turn comes round by itself."""
        mine = (claims.c.key == _key(what)) & (claims.c.claimed_by == self.worker)
        try:
            with self.database.write() as connection:
                connection.execute(delete(claims).where(mine))
        except DBAPIError as trouble:
            log.warning("the turn of %s was not given back: %s", what, trouble)


def _key(what: str) -> str:
    return f"turn:{what}"
