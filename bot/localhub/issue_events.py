"""The trail that an issue leaves: its events, and when it last changed."""

import json
import time
from typing import Any

from bot.localhub.clock import iso
from bot.localhub.hub import Hub
from bot.localhub.records import Actor, Issue


def note(
    hub: Hub,
    issue: Issue,
    event: str,
    by: Actor,
    detail: dict[str, Any] | None = None,
    commit_id: str | None = None,
) -> None:
    """Add an event (labeled, closed, merged, …) to the issue's trail; `detail` is what its JSON shows besides."""
    hub.store.insert(
        "issue_events",
        id=hub.store.new_id(),
        repo_id=issue.repo_id,
        issue_id=issue.id,
        actor_id=by.user.id,
        via_app=by.via_app,
        event=event,
        commit_id=commit_id,
        detail=json.dumps(detail or {}),
        created_at=iso(),
        born=time.time(),
    )


def touch(hub: Hub, issue: Issue) -> None:
    """Note that an issue changed now."""
    hub.store.update("issues", issue.id, updated_at=iso())
