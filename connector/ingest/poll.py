"""Polling a shop: every feed from its cursor up to the present.

Each page is one transaction: the outbox takes what is newer and different, and the cursor moves. One
lock a shop keeps readings apart, so that two fetches of one order can never overtake each other.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import Connection

from connector.ingest import pause
from connector.ingest.identity import verify
from connector.ingest.page import as_of, take
from connector.ingest.source import Shop
from connector.model.errors import AuthError, Unavailable
from connector.sdk.contract import Page, Poll
from connector.state import cursors
from connector.state.outbox import acceptance

LONGEST_WAIT = 5.0  # seconds that a shop may ask for between two pages of a round
OVERLAP = timedelta(minutes=10)  # how far before the start a first poll looks, for late-visible orders


async def poll(shop: Shop, *, most_pages: int | None = None) -> bool:
    """Read every feed of a shop up to the present (or ``most_pages``); true when it went well.

    Faults are recorded as the shop's pause and logged once; they do not raise.
    """
    async with shop.lock:
        if await shop.db.run(pause.rests, shop.name, shop.clock.steady()):
            return False
        try:
            await verify(shop)
            try:
                await _poll_feeds(shop, most_pages)
            finally:
                if not shop.read_once:  # also after a fault: a feed that fails for good must not hold all
                    shop.read_once = True
                    shop.wake()
        except (AuthError, Unavailable) as error:
            await pause.failed(shop, error)
            return False
        await pause.succeeded(shop)
        return True


async def _poll_feeds(shop: Shop, most_pages: int | None) -> None:
    for feed in shop.adapter.feeds:
        pages = 0
        while (wait := await _poll_page(shop, feed)) is not None:
            pages += 1
            if wait > LONGEST_WAIT or (most_pages is not None and pages >= most_pages):
                break  # the cursor is kept: the next round goes on from there
            await asyncio.sleep(wait)


async def _poll_page(shop: Shop, feed: str) -> float | None:
    cursor = await shop.db.run(cursors.get, shop.name, feed)
    # Orders since the store went live are this program's to deliver, so the first poll starts there.
    since = min(shop.facts.live_from or shop.facts.first_seen_at, shop.facts.first_seen_at) - OVERLAP
    fetched_at = shop.clock.now()
    page = await shop.page(Poll(feed=feed, since=since, cursor=cursor.value if cursor else None))
    fetched_at = as_of(page, fetched_at)
    taken = await shop.db.run(_keep_poll, shop, feed, page, fetched_at, shop.clock.now(), shop.clock.steady())
    shop.took(taken)
    return page.wait if page.more else None


def _keep_poll(
    connection: Connection,
    shop: Shop,
    feed: str,
    page: Page,
    fetched_at: datetime,
    now: datetime,
    steady: float,
) -> acceptance.Accepted:
    taken = take(connection, shop, page.documents, f"poll of {feed}", fetched_at, now, steady)
    cursors.move(connection, shop.name, feed, page.cursor, page.position, now)
    return taken
