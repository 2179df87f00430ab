"""Polling a shop: every feed from its cursor up to the present.

Each page is one transaction: the outbox takes what is newer and different, and the cursor moves. One
lock a shop keeps readings apart, so that two fetches of one order can never overtake each other.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection

from connector.ingest.identity import verify
from connector.ingest.page import as_of, take
from connector.ingest.source import Shop, everybodys
from connector.model.errors import StateError
from connector.model.states import BreakerScope
from connector.sdk.contract import Page, Poll
from connector.state import breakers, cursors, troubles
from connector.state.outbox import acceptance

LONGEST_WAIT = 5.0  # seconds that a shop may ask for between two pages of a round
OVERLAP = timedelta(minutes=10)  # how far before the start a first poll looks, for late-visible orders


class FeedFault(Exception):
    """A feed's reading ended with ``cause``; ``progress`` says whether it came further than the last time."""

    def __init__(self, cause: Exception, progress: bool) -> None:
        super().__init__()
        self.cause = cause
        self.progress = progress


class Kept(msgspec.Struct, frozen=True):
    """A page's transaction; ``back`` says that it ended the shop's pause."""

    taken: acceptance.Accepted
    back: bool


async def poll(shop: Shop, *, most_pages: int | None = None) -> bool:
    """Read every feed of a shop up to the present (or ``most_pages``); true when it went well.

    What was read before a fault stays, and the next round goes on there. A fault becomes the shop's pause
    and is logged once; it does not raise, unless it is the database's (StateError).
    """
    async with shop.lock:
        try:
            places = await shop.db.run(_places, shop)
            if places is None:
                return False
            await verify(shop)
            try:
                await _poll_feeds(shop, places, most_pages)
            finally:
                if not shop.read_once:  # also after a fault: a feed that fails for good must not hold all
                    shop.read_once = True
                    shop.wake()
        except StateError:
            raise
        except FeedFault as fault:
            await _failed(shop, fault.cause, fault.progress)
            return False
        except Exception as error:
            await _failed(shop, error, False)
            return False
        return True


async def _poll_feeds(shop: Shop, places: dict[str, str | None], most_pages: int | None) -> None:
    """Feed by feed; one that fails alone does not keep the others from being read. Raises FeedFault."""
    faulty: list[FeedFault] = []
    feeds = shop.adapter.feeds
    for feed in feeds:
        try:
            await _poll_feed(shop, feed, places[feed], most_pages, last=feed == feeds[-1] and not faulty)
        except FeedFault as fault:
            faulty.append(fault)
            if everybodys(fault.cause):
                break
    if faulty:
        raise faulty[0]


async def _poll_feed(
    shop: Shop, feed: str, cursor: str | None, most_pages: int | None, *, last: bool
) -> None:
    """Up to the present, unless the shop asks for a long wait: the next round goes on. Raises FeedFault."""
    pages = 0
    while True:
        try:
            page, ends = await _poll_page(shop, feed, cursor, last, pages + 1 == most_pages)
        except StateError:
            raise
        except Exception as error:
            progress = pages > 0 and cursor != shop.fault_at.get(feed)
            shop.fault_at[feed] = cursor
            raise FeedFault(error, progress) from None
        if ends:
            return
        pages, cursor = pages + 1, page.cursor
        await asyncio.sleep(page.wait)


async def _poll_page(
    shop: Shop, feed: str, cursor: str | None, last: bool, enough: bool
) -> tuple[Page, bool]:
    """Read a page and keep it; also whether the feed ends with it. After the ``last`` feed all is well."""
    # Orders since the store went live are this program's to deliver, so the first poll starts there.
    since = min(shop.facts.live_from or shop.facts.first_seen_at, shop.facts.first_seen_at) - OVERLAP
    asked_at = shop.clock.now()
    page = await shop.page(Poll(feed=feed, since=since, cursor=cursor))
    ends = enough or not page.more or page.wait > LONGEST_WAIT
    kept = await shop.db.run(_keep_poll, shop, feed, page, as_of(page, asked_at), last and ends)
    shop.took(kept.taken)
    shop.gaps[feed] = page.gaps
    if kept.back:
        troubles.over(BreakerScope.SHOP, shop.name)
        shop.unread.set()  # a backfill rested with the shop
    return page, ends


def _places(connection: Connection, shop: Shop) -> dict[str, str | None] | None:
    """Where each feed goes on; None while the shop rests."""
    pause = breakers.get(connection, BreakerScope.SHOP, shop.name)
    if pause is not None and pause.rests(shop.clock.steady()):
        return None
    known = {cursor.feed: cursor.value for cursor in cursors.of_store(connection, shop.name)}
    return {feed: known.get(feed) for feed in shop.adapter.feeds}


def _keep_poll(
    connection: Connection, shop: Shop, feed: str, page: Page, fetched_at: datetime, went_well: bool
) -> Kept:
    now, steady = shop.clock.now(), shop.clock.steady()
    taken = take(connection, shop, page.documents, f"poll of {feed}", fetched_at, now, steady)
    cursors.move(connection, shop.name, feed, page.cursor, page.position, now)
    if shop.gaps.get(feed) != page.gaps:
        others = [gap for other, gaps in shop.gaps.items() if other != feed for gap in gaps]
        breakers.gaps(connection, BreakerScope.UNREAD, shop.name, [*page.gaps, *others], now)
    return Kept(taken, went_well and breakers.succeed(connection, BreakerScope.SHOP, shop.name))


async def _failed(shop: Shop, error: Exception, progress: bool) -> None:
    await troubles.begin(shop.db, shop.clock, BreakerScope.SHOP, shop.name, error, progress=progress)
