"""The inbox: a stored delivery is read, its events are decided, and whoever asked is answered."""

import json
import logging
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from dbos import DBOS
from pydantic import TypeAdapter
from sqlalchemy import func, select, update

from bot.adapters.github import CommentTarget, IssueTarget, Reaction
from bot.domain.accept import known_cause
from bot.domain.decisions import Accepted, Answer, Decision, Ignored, Refusal, Start
from bot.domain.errors import NotFound, Rejected, UserError
from bot.domain.events import (
    CommandGiven,
    Event,
    IssueLabelled,
    PullRequestChanged,
    ReviewSubmitted,
    ReviewWasDismissed,
)
from bot.domain.facts import Facts
from bot.domain.forge import ShownIssue
from bot.domain.payloads import read_delivery, shown_issue
from bot.domain.refs import IssueRef
from workflows.claims import Claim, Superseded
from workflows.clock import now, stamp
from workflows.database import Database
from workflows.failpoints import reach
from workflows.gather import gather
from workflows.journal import StaleFacts
from workflows.markers import find_comment, marked
from workflows.outages import through_outages
from workflows.patience import patiently
from workflows.schema.tables import deliveries
from workflows.services import Services, services
from workflows.steps import step

log = logging.getLogger("issuewright.inbox")
_LOOKS = 20
"""How often facts are gathered anew for one event before it is left to the reconciler."""
_TRIES = 5
"""How often an event that cannot be decided (its workflow fails) is heard again."""
_LARGE = 1 << 20
_one_large_by_one = threading.Lock()
"""In memory a payload that was parsed is several times as large: readers of large ones take their turn."""
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


@DBOS.workflow(name="inbox", max_recovery_attempts=None)
def inbox(delivery_id: str) -> None:
    """Read one stored delivery, and let every event in it be decided and acknowledged."""
    here = services()
    here.ears.hear()
    claim = here.claims.take(f"inbox:{delivery_id}")
    try:
        events = step("read", tuple[Event, ...], _events, here, delivery_id)
        for event in events:
            handle(here, event, claim, delivery_id)
    except Superseded:
        raise
    except Exception as error:
        _settle(here.database, delivery_id, "failed", f"{type(error).__name__}: {error}")
        raise
    _settle(here.database, delivery_id, "processed", f"{len(events)} event(s)")


@DBOS.workflow(name="missed", max_recovery_attempts=None)
def missed(event: str) -> None:
    """Hear an event that the reconciler has found, as if a delivery had told of it."""
    here = services()
    claim = here.claims.take(f"inbox:{DBOS.workflow_id}")
    try:
        decision = handle(here, _EVENT.validate_json(event), claim)
    except NotFound as gone:
        log.info("%s is gone: %s", event, gone)
        return
    if decision.decided != "ignored":
        log.info("found what no delivery had told: %s", decision.decided)


def hear(here: Services, event: Event) -> bool:
    """Have an event heard that no delivery has told of (yet); False when it was decided, or tried often enough."""
    cause = known_cause(event, Facts(now=now(), bot=here.github.bot()))
    name = f"{cause or issue_of(event)}:{time.time_ns()}"
    if cause is not None:
        if here.journal.decided(cause) is not None:
            return False
        failed = DBOS.list_workflows(status="ERROR", workflow_id_prefix=f"missed:{cause}:", load_input=False)
        if len(failed) >= _TRIES:
            return False
        name = f"{cause}:{len(failed)}"
    # What was said comes first: of a merge that it led to it would be too late.
    last = isinstance(event, PullRequestChanged)
    with here.database.write() as connection:
        here.waker.hear(connection, name, _EVENT.dump_json(event).decode(), str(issue_of(event)), last=last)
    return True


def handle(here: Services, event: Event, claim: Claim, delivery_id: str | None = None) -> Decision:
    """Decide one event (which a delivery told of), and acknowledge it where the person who caused it can see that."""
    decision = step("decide", Decision, decide, here, event, delivery_id)
    reach("inbox.decided")
    step("acknowledge", type(None), acknowledge, here, event, decision, claim)
    return decision


def decide(here: Services, event: Event, delivery_id: str | None = None) -> Decision:
    """What the event means, recorded. Facts that went stale meanwhile are gathered again."""
    issue = issue_of(event)
    cause = known_cause(event, Facts(now=now(), bot=patiently(here.github.bot)))
    earlier = here.journal.decided(cause) if cause else None
    if earlier is not None:
        return earlier
    for _ in range(_LOOKS):
        run_id = here.journal.open_run_of(issue)
        run = here.journal.run(run_id) if run_id else None
        facts = gather(here, event, run, _shown(here, event, delivery_id))
        seq = run.seq if run is not None and isinstance(event, PullRequestChanged) else None
        try:
            return here.journal.decide(event, facts, of=issue, seq=seq)
        except StaleFacts:
            continue
    return Ignored(why="the run never stood still long enough to be looked at; the reconciler will look again")


def acknowledge(here: Services, event: Event, decision: Decision, claim: Claim) -> None:
    """A reaction for what was understood; a comment for what needs words."""
    match decision:
        case Ignored():
            return
        case Start():
            _react(here, event, "eyes", decision.cause, claim, decision.entry.run_id)
        case Accepted():
            _react(here, event, "+1", decision.cause, claim, None)
        case Refusal():
            _react(here, event, "confused", decision.cause, claim, None)
            _reply(here, event, decision.reason, decision.cause, claim)
        case Answer():
            _react(here, event, "+1", decision.cause, claim, None)
            _reply(here, event, decision.text, decision.cause, claim)


def issue_of(event: Event) -> IssueRef:
    """The issue or pull request that an event from GitHub is about."""
    match event:
        case IssueLabelled() | CommandGiven():
            return event.issue
        case ReviewSubmitted() | ReviewWasDismissed() | PullRequestChanged():
            return event.pull
        case _:
            raise TypeError(f"{type(event).__name__} does not come from a delivery")


def _events(here: Services, delivery_id: str) -> tuple[Event, ...]:
    mine = deliveries.c.id == delivery_id
    with here.database.read() as connection:
        size = func.length(deliveries.c.payload).label("size")
        row = connection.execute(select(deliveries.c.event, size).where(mine)).one()
    bot = patiently(here.github.bot)
    try:
        with _one_large_by_one if row.size > _LARGE else nullcontext():
            with here.database.read() as connection:
                payload = connection.execute(select(deliveries.c.payload).where(mine)).scalar_one()
            found = read_delivery(row.event, _as_we_call_it(here, json.loads(payload)), bot.id)
    except UserError as error:
        DBOS.logger.warning(f"delivery {delivery_id}: {error}")
        return ()
    if isinstance(found, Ignored):
        return ()
    # An App may be installed on more than this service was told to serve.
    return tuple(event for event in found if issue_of(event).repo in here.repositories)


def _shown(here: Services, event: Event, delivery_id: str | None) -> ShownIssue | None:
    """The issue as it was when somebody asked for a run. It is read here, and not handed on with the event: what a
    step records is read by older releases, too."""
    asks = isinstance(event, IssueLabelled) or (isinstance(event, CommandGiven) and event.verb == "spec")
    if delivery_id is None or not asks:
        return None
    small = (deliveries.c.id == delivery_id) & (func.length(deliveries.c.payload) <= _LARGE)
    with here.database.read() as connection:
        payload = connection.execute(select(deliveries.c.payload).where(small)).scalar()
    return None if payload is None else shown_issue(_as_we_call_it(here, json.loads(payload)))


def _as_we_call_it(here: Services, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload with the repository's name in the case of the settings: GitHub has its own, and means the same."""
    repository = payload.get("repository")
    name = repository.get("full_name") if isinstance(repository, dict) else None
    ours = next((str(repo) for repo in here.repositories if str(repo).casefold() == str(name).casefold()), None)
    return payload if ours is None else {**payload, "repository": {**payload["repository"], "full_name": ours}}


def _settle(database: Database, delivery_id: str, status: str, detail: str) -> None:
    def settle() -> None:
        with database.write() as connection:
            values = {"status": status, "detail": detail[:2000], "processed_at": stamp(now())}
            connection.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(**values))

    through_outages(settle)


def _react(here: Services, event: Event, content: Reaction, cause: str, claim: Claim, run_id: str | None) -> None:
    """A reaction where the person can see it: on their comment, or on the issue that they labelled."""
    target: CommentTarget | IssueTarget
    match event:
        case CommandGiven(source="comment"):
            target = CommentTarget(comment_id=event.source_id)
        case IssueLabelled():
            target = IssueTarget(number=event.issue.number)
        case _:
            return
    repository = here.github.repository(issue_of(event).repo)

    def act() -> None:
        repository.react(target, content)

    key = f"{cause}:reaction"
    _unless_gone(lambda: here.effects.repeatable(key, "reaction", act, claim=claim, run_id=run_id))


def _reply(here: Services, event: Event, text: str, cause: str, claim: Claim) -> None:
    issue = issue_of(event)
    repository = here.github.repository(issue.repo)
    key = f"{cause}:reply"
    _unless_gone(
        lambda: here.effects.once(
            key,
            "reply",
            lambda: str(repository.create_comment(issue.number, marked(text, key)).id),
            find=lambda: find_comment(here, issue, key),
            claim=claim,
            run_id=None,
        )
    )


def _unless_gone(effect: Callable[[], object]) -> None:
    """Nobody can be answered where the comment, the issue or our access to it is gone."""
    try:
        effect()
    except (NotFound, Rejected) as error:
        DBOS.logger.warning(f"could not acknowledge: {error}")
