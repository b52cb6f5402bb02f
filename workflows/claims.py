"""The fence: an epoch per execution, so that a worker which was declared dead and wakes up changes nothing more."""

from sqlalchemy import select

from workflows.clock import now, stamp
from workflows.database import Database, insert_or
from workflows.outages import through_outages
from workflows.proof import Proof
from workflows.schema.tables import claims


class Superseded(Exception):
    """Another execution has taken this work over: stop, without a trace."""


class Claim:
    """The right to change the outside world for `key`, until somebody claims it anew."""

    def __init__(self, database: Database, key: str, epoch: int, proof: Proof | None = None) -> None:
        self._database = database
        self._proof = proof or Proof()
        self.key = key
        self.epoch = epoch

    def check(self) -> None:
        """Raises Superseded when this claim is not the newest any more; does not return in a process whose lease may
        be gone. Called before every effect."""
        with self._database.read() as connection:
            newest = connection.execute(select(claims.c.epoch).where(claims.c.key == self.key)).scalar()
        if newest != self.epoch:
            raise Superseded(f"{self.key}: epoch {self.epoch} was superseded by {newest}")
        # Last: the question to the database may have taken its time.
        self._proof.require()


class Claims:
    """Hands out claims. An execution takes its claim outside its recorded steps, so that a replay takes a new one."""

    def __init__(self, database: Database, executor_id: str, proof: Proof | None = None) -> None:
        self._database = database
        self._executor_id = executor_id
        self._proof = proof or Proof()

    def take(self, key: str) -> Claim:
        """Claim `key`; whoever held it before is superseded."""
        values = {"claimed_by": self._executor_id, "claimed_at": stamp(now())}
        anew = {"epoch": claims.c.epoch + 1, **values}

        def claimed() -> int:
            # Who has been taken over from must not supersede the one that did.
            self._proof.require()
            with self._database.write() as connection:
                statement = insert_or(connection, claims).values(key=key, epoch=1, **values)
                statement = statement.on_conflict_do_update(index_elements=["key"], set_=anew)
                return int(connection.execute(statement.returning(claims.c.epoch)).scalar_one())

        return Claim(self._database, key, through_outages(claimed), self._proof)
