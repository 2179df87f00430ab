"""Reading a shop again, so that what was missed or changed silently is made good, and the sum can be shown.

On several platforms the order's own change time does not move when it is paid, shipped or refunded, and
webhooks and late indexes miss things. An order that stands as it was costs Privy no call.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

import msgspec
from sqlalchemy import Connection

from connector.ingest.identity import verify
from connector.ingest.lookup import look, rest
from connector.ingest.page import as_of, take
from connector.ingest.retrying import retried
from connector.ingest.source import Shop
from connector.model.states import BreakerScope, OrderState
from connector.sdk.contract import History, Page
from connector.state import breakers
from connector.state.outbox import acceptance, queries


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """The proof: ``listed`` orders at the shop are in exactly one state each, ``missing`` in none.

    ``brought_in`` were new or changed. ``differing`` are otherwise at the shop than here, though the shop
    gives them an older change time: they count as nothing else, and the sum is not right. ``gone`` are known
    here but no longer listed by the shop in the span. ``unread`` says, a sentence each, which orders the shop
    could not show.
    """

    store: str
    since: datetime
    until: datetime
    listed: int
    brought_in: int
    differing: int
    delivered: int
    waiting: int
    skipped: dict[str, int]
    failed: int
    gone: int
    missing: int
    unread: list[str]

    @property
    def adds_up(self) -> bool:
        """Whether the shop's orders are all accounted for."""
        return self.missing == self.differing == len(self.unread) == 0 and self.listed == (
            self.delivered + self.waiting + sum(self.skipped.values()) + self.failed
        )


async def reconcile(shop: Shop, since: datetime, until: datetime, *, pace: float = 0.0) -> Sum:
    """Read every order placed in the span, take what is new or different, and count.

    ``pace`` is the pause in seconds between requests to the shop. Raises AuthError and Unavailable; what
    was read until then is kept.
    """
    async with shop.rereading:
        return await _reconcile(shop, since, until, pace)


async def look_at_open(shop: Shop, since: datetime, requests: int, *, pace: float = 0.0) -> int:
    """Fetch orders again that are not yet in an end state, the longest unseen first.

    As many as the shop gives for so many requests. ``pace`` is the pause in seconds between them. Returns
    how many orders were looked at. Raises AuthError and Unavailable.
    """
    async with shop.rereading:
        refs = await shop.db.run(queries.not_final, shop.name, since, requests * shop.adapter.batch)
        await look(shop, refs, "reconcile", pace=pace)
    return len(refs)


async def _reconcile(shop: Shop, since: datetime, until: datetime, pace: float) -> Sum:
    listed: set[str] = set()
    differing: set[str] = set()
    brought_in = 0
    cursor: str | None = None
    more, unread = True, list[str]()
    while more:
        sent = shop.adapter.http.sent
        read = History(since=since, until=until, cursor=cursor)
        page, taken = await retried(shop.name, partial(_page, shop, read), begun=cursor is not None)
        shop.took(taken)
        brought_in += len(taken.changed)
        differing.difference_update(document.ref for document in page.documents)
        differing.update(one.ref for one in taken.results if one.differs)
        listed.update(document.ref for document in page.documents)
        cursor, more, unread = page.cursor, page.more, list(page.gaps)
        await rest(shop, sent, pace, page.wait)
    told = await shop.db.run(queries.told_between, shop.name, since, until)
    gone = [ref for ref in told if ref not in listed]  # trashed, deleted or moved in time
    await look(shop, gone, "reconcile", pace=pace)
    return await shop.db.run(_sum, shop, since, until, listed, differing, brought_in, len(gone), unread)


async def _page(shop: Shop, read: History) -> tuple[Page, acceptance.Accepted]:
    async with shop.lock:
        await verify(shop)
        fetched_at = shop.clock.now()
        page = await shop.page(read)
        return page, await shop.db.run(_take, shop, page, as_of(page, fetched_at))


def _take(connection: Connection, shop: Shop, page: Page, fetched_at: datetime) -> acceptance.Accepted:
    now, steady = shop.clock.now(), shop.clock.steady()
    return take(connection, shop, page.documents, "reconcile", fetched_at, now, steady)


def _sum(
    connection: Connection,
    shop: Shop,
    since: datetime,
    until: datetime,
    listed: set[str],
    differing: set[str],
    brought_in: int,
    gone: int,
    unread: list[str],
) -> Sum:
    store = shop.name
    breakers.gaps(connection, BreakerScope.UNREAD_PAST, store, unread, shop.clock.now())
    states: dict[str, int] = dict.fromkeys(OrderState, 0)
    skipped: dict[str, int] = {}
    known: set[str] = set()
    for ref, state, rule in queries.states(connection, store, listed):
        known.add(ref)
        if ref in differing:
            continue
        states[state] += 1
        if state == OrderState.SKIPPED:
            skipped[rule] = skipped.get(rule, 0) + 1
    return Sum(
        store=store,
        since=since,
        until=until,
        listed=len(listed),
        brought_in=brought_in,
        differing=len(differing & known),
        delivered=states[OrderState.DELIVERED],
        waiting=states[OrderState.WAITING],
        skipped=skipped,
        failed=states[OrderState.FAILED],
        gone=gone,
        missing=len(listed - known),
        unread=unread,
    )
