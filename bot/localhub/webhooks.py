"""Webhooks, first half: what an event says, and the delivery stored for each App that hears of it.

Stored in the transaction of the event itself, so that nothing happens without its delivery being owed.
"""

import json
import time
import uuid
from typing import Any

from bot.localhub.clock import iso
from bot.localhub.controls import take_webhook_rule
from bot.localhub.hub import Hub
from bot.localhub.records import Repo, User
from bot.localhub.shapes.people import user_json
from bot.localhub.shapes.repos import repo_json
from bot.localhub.view import View, node_id

Json = dict[str, Any]


def view_for_webhooks(hub: Hub) -> View:
    """Payloads name the hub by the address it listens on."""
    return View(hub, hub.base_url)


def emit(hub: Hub, repo: Repo, event: str, action: str | None, sender: User, content: Json) -> None:
    """Owe `event` to every App installed on `repo` that asked for it. `content` is the payload's own part."""
    view = view_for_webhooks(hub)
    for installation in hub.installations_on(repo):
        app = hub.app(installation.app_id)
        if not app.webhook_url or event not in json.loads(app.events):
            continue
        payload: Json = {"action": action} if action else {}
        payload |= content
        payload |= {
            "repository": repo_json(view, hub.repo(repo.id)),
            "sender": user_json(view, sender),
            "installation": {
                "id": installation.id,
                "node_id": node_id("IntegrationInstallation", installation.id),
            },
        }
        _owe(hub, app.id, installation.id, repo.id, event, action, payload)


def _owe(
    hub: Hub, app_id: int, installation_id: int, repo_id: int, event: str, action: str | None, payload: Json
) -> None:
    state, copies, ready = "pending", 1, time.time()
    rule = take_webhook_rule(hub.store, event, action)
    if rule is not None:
        if rule.do == "drop":
            state, copies = "dropped", 0
        elif rule.do == "hold":
            state = "held"
        elif rule.do == "delay":
            ready += rule.seconds
        else:
            copies = 2
    hub.store.insert(
        "deliveries",
        seq=hub.store.new_id(),
        guid=str(uuid.uuid4()),
        app_id=app_id,
        installation_id=installation_id,
        repo_id=repo_id,
        event=event,
        action=action,
        payload=json.dumps(payload),
        created_at=iso(),
        state=state,
        ready=ready,
        copies=copies,
    )
    hub.store.after_commit(hub.wake_courier)
