"""The units of work of one App: what each does; when it is due stands in the timetable.

Each returns in how many seconds it is to be done again, or None when nothing asks for it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from connector.daemon.app import App
from connector.daemon.supervisor import SOON
from connector.delivery.dispatcher import deliver
from connector.delivery.sender import Sender
from connector.ingest import subscriptions
from connector.ingest.poll import poll
from connector.ingest.reconcile import look_at_open, reconcile
from connector.ingest.source import Shop
from connector.model.states import BreakerScope
from connector.state import backfills, breakers, inbox, retention

log = structlog.get_logger()

IDLE = 20.0  # seconds after which an account without work is looked at all the same
OPEN_SPAN = timedelta(days=60)  # an order older than this is not looked after on its own any more


class Units:
    """Of one App; ``stopping`` ends what can be ended between two steps."""

    def __init__(self, app: App, stopping: asyncio.Event) -> None:
        self._app = app
        self._stopping = stopping
        self._version: int | None = None

    async def poll(self, shop: Shop) -> float | None:
        """Read the shop's feeds; after a fault sooner again than the next poll is due."""
        if await poll(shop):
            return None
        pause = await shop.db.run(breakers.get, BreakerScope.SHOP, shop.name)
        return None if pause is None else max(SOON.wait(1), pause.until - shop.clock.steady())

    async def deliver(self, sender: Sender) -> float:
        """Send what may leave."""
        again_at = await deliver(sender, self._stopping)
        return IDLE if again_at is None else min(max(again_at - sender.clock.steady(), 0.0), IDLE)

    async def reconcile(self, shop: Shop) -> None:
        """Read the last days of the shop again."""
        settings = self._app.settings.stores[shop.name].reconcile
        if shop.adapter.traits.history:
            until = shop.clock.now()
            done = await reconcile(shop, until - settings.span, until, pace=60.0 / settings.per_minute)
            log.info("shop.reconciled", store=shop.name, listed=done.listed, brought_in=done.brought_in)

    async def look_at_open(self, shop: Shop) -> None:
        """Fetch orders that are not in an end state."""
        settings = self._app.settings.stores[shop.name].reconcile
        pace = 60.0 / settings.per_minute
        requests = max(1, int(settings.open_every.total_seconds() / pace))
        await look_at_open(shop, shop.clock.now() - OPEN_SPAN, requests, pace=pace)

    async def watch_subscriptions(self, shop: Shop) -> None:
        """Whether the shop still sends its webhooks: some switch them off by themselves."""
        address = subscriptions.address_of(shop.name, self._app.settings)
        for found in await subscriptions.watch(shop, address):
            log.warning("webhooks.lost", store=shop.name, topic=found.topic, message=found.message)

    async def look_for_work(self) -> None:
        """What a command beside this daemon left for it: backfills to read, orders to deliver.

        And at first what an earlier process left in the inboxes.
        """
        app = self._app
        unread, version = await app.db.run(
            lambda connection: (backfills.unread_stores(connection), app.db.version(connection))
        )
        if self._version is None:
            for store in await app.db.run(inbox.busy_stores):
                app.nudge(store)
        if version != self._version:
            self._version = version
            for account in app.senders:
                app.wake(account)
        for store in unread:
            if store in app.shops:
                app.shops[store].unread.set()

    async def retain(self) -> None:
        """Drop buyers' data that is kept no longer."""
        app = self._app
        limit = app.clock.now() - app.settings.retention
        await retention.retain(app.db, limit, app.settings.stores.keys())
