"""Reading a store's past, a page at a time; how far it was read is kept with each page."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from connector.ingest.identity import verify
from connector.ingest.page import as_of, take
from connector.ingest.source import Shop
from connector.model.states import BreakerScope
from connector.sdk.contract import History, Page
from connector.state import backfills, breakers
from connector.state.backfills import Backfill
from connector.state.outbox import acceptance


async def read_backfill(shop: Shop) -> float | None:
    """Read one page of the store's first unfinished backfill; nothing while the shop rests.

    Returns in how many seconds the next page may be read, or None when nothing is left to read. Raises
    whatever reading it raises; what was read before stays.
    """
    async with shop.lock:
        backfill, rests_until = await shop.db.run(_next, shop)
        wait = rests_until - shop.clock.steady()
        if backfill is None or wait > 0:
            return None if backfill is None else wait
        await verify(shop)
        asked_at = shop.clock.now()
        page = await shop.page(History(since=backfill.since, until=backfill.until, cursor=backfill.cursor))
        taken, more = await shop.db.run(_keep, shop, backfill, page, as_of(page, asked_at))
    shop.took(taken)
    return page.wait if page.more else 0.0 if more else None


def _next(connection: Connection, shop: Shop) -> tuple[Backfill | None, float]:
    """The backfill to read, and the steady time until which the shop rests."""
    pause = breakers.get(connection, BreakerScope.SHOP, shop.name)
    return backfills.first_unread(connection, shop.name), pause.until if pause is not None else 0.0


def _keep(
    connection: Connection, shop: Shop, backfill: Backfill, page: Page, fetched_at: datetime
) -> tuple[acceptance.Accepted, bool]:
    """Take a page; also whether another backfill of the store is to be read after this one's last page."""
    now, steady = shop.clock.now(), shop.clock.steady()
    taken = take(connection, shop, page.documents, "backfill", fetched_at, now, steady)
    backfills.move(
        connection,
        backfill.id,
        page.cursor,
        found=len(page.documents) - page.repeats,
        total=page.total,
        more=page.more,
        now=now,
    )
    breakers.gaps(connection, BreakerScope.UNREAD_PAST, shop.name, page.gaps, now)
    return taken, backfills.first_unread(connection, shop.name) is not None
