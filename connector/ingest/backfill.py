"""Reading a store's past, a page at a time; how far it was read is kept with each page."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from connector.ingest.identity import verify
from connector.ingest.page import as_of, take
from connector.ingest.source import Shop
from connector.sdk.contract import History
from connector.state import backfills
from connector.state.outbox import acceptance


async def read_backfill(shop: Shop, number: int) -> float | None:
    """Read one page of a backfill.

    Returns in how many seconds the shop may be asked for the next page, or None when there is none.
    Raises AuthError and Unavailable.
    """
    async with shop.lock:
        await verify(shop)
        backfill = await shop.db.run(backfills.get, number)
        if backfill.state != "reading":
            return None
        fetched_at = shop.clock.now()
        page = await shop.page(History(since=backfill.since, until=backfill.until, cursor=backfill.cursor))
        fetched_at = as_of(page, fetched_at)

        def keep(connection: Connection, now: datetime, steady: float) -> acceptance.Accepted:
            taken = take(connection, shop, page.documents, "backfill", fetched_at, now, steady)
            backfills.move(
                connection,
                number,
                page.cursor,
                found=len(page.documents),
                total=page.total,
                more=page.more,
                now=now,
            )
            return taken

        taken = await shop.db.run(keep, shop.clock.now(), shop.clock.steady())
    shop.took(taken)
    return page.wait if page.more else None
