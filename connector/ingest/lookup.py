"""Fetching named orders afresh: for webhooks, reconcile and replay."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from connector.ingest.identity import verify
from connector.ingest.page import take
from connector.ingest.source import Shop
from connector.model.errors import Hidden
from connector.model.order import Document
from connector.state import audit, documents
from connector.state.outbox import acceptance


async def look(
    shop: Shop, refs: Sequence[str], feed: str, *, force: bool = False, pace: float = 0.0
) -> list[str]:
    """Fetch these orders afresh and take them; returns the refs that neither the shop nor we know.

    ``pace`` is a pause in seconds after each request. Raises AuthError and Unavailable.
    """
    unknown: list[str] = []
    size = shop.adapter.batch
    for start in range(0, len(refs), size):
        for ref in await _look_at_some(shop, refs[start : start + size], feed, force, pace):
            async with shop.lock:
                sent, fetched_at = shop.adapter.http.sent, shop.clock.now()
                hidden: datetime | None = None
                try:
                    document = await shop.adapter.fetch(ref)
                except Hidden as error:
                    document, hidden = None, error.before
                taken = await shop.db.run(_look, shop, ref, document, feed, fetched_at, force, hidden)
            if taken is None:
                unknown.append(ref)
            else:
                shop.took(taken)
            await rest(shop, sent, pace)
    return unknown


async def rest(shop: Shop, sent: int, pace: float, least: float = 0.0) -> None:
    """Keep ``pace`` seconds for each request that was made since there had been ``sent`` of them."""
    await asyncio.sleep(max(least, pace * (shop.adapter.http.sent - sent)))


async def _look_at_some(
    shop: Shop, refs: Sequence[str], feed: str, force: bool, pace: float
) -> Sequence[str]:
    """Take what one request brings; returns the refs that must be asked for one by one."""
    async with shop.lock:
        await verify(shop)
        if len(refs) == 1:
            return refs
        sent, fetched_at = shop.adapter.http.sent, shop.clock.now()
        found = await shop.adapter.fetch_many(refs)

        def keep(connection: Connection, now: datetime, steady: float) -> acceptance.Accepted:
            for document in found:
                acceptance.looked(connection, shop.name, document.ref, steady)
            return take(connection, shop, found, feed, fetched_at, now, steady, force=force)

        taken = await shop.db.run(keep, shop.clock.now(), shop.clock.steady())
    shop.took(taken)
    await rest(shop, sent, pace)
    brought = {document.ref for document in found}
    return [ref for ref in refs if ref not in brought]


def _look(
    connection: Connection,
    shop: Shop,
    ref: str,
    document: Document | None,
    feed: str,
    fetched_at: datetime,
    force: bool,
    hidden: datetime | None,
) -> acceptance.Accepted | None:
    now, steady = shop.clock.now(), shop.clock.steady()
    acceptance.looked(connection, shop.name, ref, steady)
    if document is not None:
        return take(connection, shop, [document], feed, fetched_at, now, steady, force=force)
    row = acceptance.known(connection, shop.name, [ref]).get(ref)
    if row is None:
        return None
    if hidden is not None and (row.placed_at is None or row.placed_at < hidden):
        return acceptance.Accepted()
    kept = documents.get(connection, shop.name, ref)
    if kept is None:
        detail = "the shop no longer has the order, and its document is no longer held: nothing can be sent"
        audit.write(connection, [audit.Event(now, shop.name, ref, "note", "gone", detail)])
        return acceptance.Accepted()
    last = Document(ref=ref, changed_at=kept.changed_at, body=kept.unpacked())
    return take(connection, shop, [last], feed, fetched_at, now, steady, gone=True)
