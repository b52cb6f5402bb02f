"""In which order what the reconciler has found is heard."""

from tests.workflows.books import Books
from workflows.runtime import connect_client
from workflows.wake import Waker


def test_how_a_pull_request_stands_is_heard_after_what_was_said_about_it(books: Books) -> None:
    waker = Waker(connect_client(books.database))
    with books.database.write() as connection:
        waker.hear(connection, "acme/tally#8:1", "{}", "acme/tally#8", last=True)
        waker.hear(connection, "review:5:0", "{}", "acme/tally#8", last=False)
    schema = "" if books.database.is_sqlite else "dbos."
    # As DBOS dequeues them.
    order = "SELECT workflow_uuid FROM {}workflow_status ORDER BY priority, created_at, workflow_uuid"
    assert books.query(order.format(schema)) == [("missed:review:5:0",), ("missed:acme/tally#8:1",)]
