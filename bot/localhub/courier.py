"""Webhooks, second half: sends what is owed, as GitHub does it: signed, ten seconds, once."""

import asyncio
import contextlib
import hashlib
import hmac
import logging
import random
import time
from typing import Literal

import httpx

from bot.localhub.clock import iso
from bot.localhub.hub import Hub
from bot.localhub.recording import Recording
from bot.localhub.records import App, Delivery

TIMEOUT_SECONDS = 10.0
AT_ONCE = 16
_log = logging.getLogger(__name__)


class Courier:
    """Delivers in the background. A delivery stays pending until an attempt is recorded, so that one which a
    killed hub never made, or never saw the end of, is made after the next start."""

    def __init__(self, hub: Hub, recording: Recording | None = None) -> None:
        self._hub = hub
        self._recording = recording
        self._woken = asyncio.Event()
        self._in_flight: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._loop = asyncio.get_running_loop()
        # The receiver is this machine's own: no proxy of the environment may get in between.
        self._client = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False)
        hub.wake_courier = self.wake

    def wake(self) -> None:
        """Look for work now; from any thread."""
        self._loop.call_soon_threadsafe(self._woken.set)

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            while True:
                self._woken.clear()
                try:
                    wait = await self._start_due()
                except Exception:
                    _log.exception("deliveries")
                    wait = 1.0
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), wait)
        finally:
            for task in self._tasks:
                task.cancel()
            await self._client.aclose()

    async def _start_due(self) -> float | None:
        """Start every delivery that is due; answers the seconds until the next one is."""
        pending = await asyncio.to_thread(self._pending)
        now, next_ready = time.time(), None
        for delivery in pending:
            if delivery.guid in self._in_flight:
                continue
            if delivery.ready > now:
                next_ready = min(next_ready or delivery.ready, delivery.ready)
                continue
            self._start([delivery.guid])
        return None if next_ready is None else next_ready - now

    def _pending(self) -> list[Delivery]:
        with self._hub.store.transaction():
            return self._hub.store.all(Delivery, "SELECT * FROM deliveries WHERE state = 'pending' ORDER BY seq")

    def _start(self, guids: list[str]) -> None:
        self._in_flight.update(guids)
        task = asyncio.create_task(self._deliver_in_order(guids))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver_in_order(self, guids: list[str]) -> None:
        for guid in guids:
            try:
                while await self._deliver(guid, redelivery=False):
                    pass
            except Exception:
                _log.exception("delivery %s", guid)
            finally:
                self._in_flight.discard(guid)

    async def release(self, order: Literal["fifo", "reverse", "shuffle"], seed: int | None) -> list[str]:
        """Send what is held, one after the other in that order; answers the order."""
        guids = await asyncio.to_thread(self._held)
        if order == "reverse":
            guids.reverse()
        elif order == "shuffle":
            random.Random(seed).shuffle(guids)
        self._in_flight.update(guids)
        await asyncio.to_thread(self._mark_pending, guids)
        self._start(guids)
        return guids

    def _held(self) -> list[str]:
        with self._hub.store.transaction():
            rows = self._hub.store.rows("SELECT guid FROM deliveries WHERE state = 'held' ORDER BY seq")
            return [row["guid"] for row in rows]

    def _mark_pending(self, guids: list[str]) -> None:
        with self._hub.store.transaction():
            for guid in guids:
                self._hub.store.run("UPDATE deliveries SET state = 'pending' WHERE guid = ?", guid)

    async def redeliver(self, guid: str) -> None:
        """Send a delivery again, whatever became of it; waits for the answer."""
        await self._deliver(guid, redelivery=True)

    async def _deliver(self, guid: str, redelivery: bool) -> bool:
        """Make one attempt and record it; answers whether a copy is still to be sent."""
        async with self._limit:
            delivery, app = await asyncio.to_thread(self._load, guid)
            started = time.monotonic()
            status, error = 0, None
            shown = headers(delivery, app)
            if self._recording is not None:
                self._recording.delivery(shown, delivery.payload)
            try:
                answer = await self._client.post(
                    app.webhook_url or "", content=delivery.payload.encode(), headers=shown
                )
                status = answer.status_code
            except httpx.HTTPError as problem:
                error = f"{type(problem).__name__}: {problem}"
            return await asyncio.to_thread(
                self._record, delivery, status, error, (time.monotonic() - started) * 1000, redelivery
            )

    def _load(self, guid: str) -> tuple[Delivery, App]:
        with self._hub.store.transaction():
            delivery = self._hub.store.one(Delivery, "SELECT * FROM deliveries WHERE guid = ?", guid)
            assert delivery is not None
            return delivery, self._hub.app(delivery.app_id)

    def _record(self, delivery: Delivery, status: int, error: str | None, ms: float, redelivery: bool) -> bool:
        store = self._hub.store
        with store.transaction():
            store.insert(
                "attempts",
                id=store.new_id(),
                guid=delivery.guid,
                at=iso(),
                status=status,
                error=error,
                ms=round(ms, 1),
                redelivery=int(redelivery),
            )
            if redelivery:
                return False
            copies = max(delivery.copies - 1, 0)
            state = "pending" if copies else "done"
            store.run("UPDATE deliveries SET copies = ?, state = ? WHERE guid = ?", copies, state, delivery.guid)
            return copies > 0


def headers(delivery: Delivery, app: App) -> dict[str, str]:
    """The headers of a delivery, signed with the App's secret if it has one."""
    body = delivery.payload.encode()
    shown = {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/localhub",
        "X-GitHub-Delivery": delivery.guid,
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Hook-ID": str(app.id),
        "X-GitHub-Hook-Installation-Target-ID": str(app.id),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
    }
    if app.webhook_secret:
        key = app.webhook_secret.encode()
        shown["X-Hub-Signature"] = "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest()
        shown["X-Hub-Signature-256"] = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    return shown
