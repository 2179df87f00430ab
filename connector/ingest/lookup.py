"""Fetching named orders afresh: for webhooks, reconcile and replay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from connector.ingest.identity import verify
from connector.ingest.page import take
from connector.ingest.source import Shop, everybodys
from connector.model.errors import BadOrder, Hidden
from connector.model.order import Document
from connector.model.states import EventKind
from connector.state import audit, breakers, documents
from connector.state.outbox import acceptance

Settle = Callable[[Connection, bool], None]


async def look(
    shop: Shop, refs: Sequence[str], feed: str, *, force: bool = False, anew: bool = False, pace: float = 0.0
) -> list[str]:
    """Fetch these orders afresh and take them; returns the refs that neither the shop nor we know.

    ``force`` and ``anew`` as in ``acceptance.accept``. ``pace`` is a pause in seconds after each request.
    An order at which the shop or this program fails does
    not keep the others from being fetched; its fault is raised at the end. It is raised at once when it is
    everybody's: refused credentials, a wait that the shop asks for, the database's, several in a row.
    """
    unknown: list[str] = []
    row = Faults()
    size = shop.adapter.batch
    for start in range(0, len(refs), size):
        for ref in await _look_at_some(shop, refs[start : start + size], feed, force, anew, pace, row):
            sent = shop.adapter.http.sent
            try:
                known = await look_at(shop, ref, feed, force=force, anew=anew)
            except Exception as error:
                row.add(error)
                await shop.db.run(acceptance.looked, shop.name, ref, shop.clock.steady())
            else:
                row.ended()
                if not known:
                    unknown.append(ref)
            await rest(shop, sent, pace)
    if row.first is not None:
        raise row.first
    return unknown


async def look_at(
    shop: Shop,
    ref: str,
    feed: str,
    *,
    force: bool = False,
    anew: bool = False,
    settle: Settle = lambda connection, known: None,
) -> bool:
    """Fetch one order afresh and take it; false when neither the shop nor we know it.

    ``settle`` is called with that in the same transaction. Raises AuthError and Unavailable.
    """
    async with shop.lock:
        await verify(shop)
        fetched_at, hidden = shop.clock.now(), None
        try:
            document = await shop.adapter.fetch(ref)
        except Hidden as error:
            document, hidden = None, error.before

        def keep(connection: Connection) -> acceptance.Accepted | None:
            taken = _look(connection, shop, ref, document, feed, fetched_at, force, anew, hidden)
            settle(connection, taken is not None)
            return taken

        taken = await shop.db.run(keep)
    if taken is not None:
        shop.took(taken)
    return taken is not None


class Faults:
    """The faults of single orders: the first of all, and how many came in a row."""

    def __init__(self) -> None:
        self.first: Exception | None = None
        self._together = 0

    def add(self, error: Exception) -> None:
        """One more; raises it when it is not only this order's."""
        self.first = self.first or error
        self._together += 1
        if everybodys(error) or self._together >= breakers.PATIENCE:
            raise error

    def ended(self) -> None:
        """An order was fetched."""
        self._together = 0


async def rest(shop: Shop, sent: int, pace: float, least: float = 0.0) -> None:
    """Keep ``pace`` seconds for each request that was made since there had been ``sent`` of them."""
    await asyncio.sleep(max(least, pace * (shop.adapter.http.sent - sent)))


async def _look_at_some(
    shop: Shop, refs: Sequence[str], feed: str, force: bool, anew: bool, pace: float, row: Faults
) -> Sequence[str]:
    """Take what one request brings; returns the refs that must be asked for one by one."""
    if len(refs) == 1:
        return refs
    async with shop.lock:
        await verify(shop)
        sent, fetched_at = shop.adapter.http.sent, shop.clock.now()
        try:
            found = await shop.adapter.fetch_many(refs)
        except Exception as error:
            row.add(error)
            return refs

        def keep(connection: Connection, now: datetime, steady: float) -> acceptance.Accepted:
            for document in found:
                acceptance.looked(connection, shop.name, document.ref, steady)
            return take(connection, shop, found, feed, fetched_at, now, steady, force=force, anew=anew)

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
    anew: bool,
    hidden: datetime | None,
) -> acceptance.Accepted | None:
    now, steady = shop.clock.now(), shop.clock.steady()
    acceptance.looked(connection, shop.name, ref, steady)
    if document is not None:
        return take(connection, shop, [document], feed, fetched_at, now, steady, force=force, anew=anew)
    row = acceptance.known(connection, shop.name, [ref]).get(ref)
    if row is None:
        return None
    if hidden is not None and (row.placed_at is None or row.placed_at < hidden):
        return acceptance.Accepted()
    kept = documents.get(connection, shop.name, ref)
    if kept is None:
        detail = "the shop no longer has the order, and its document is no longer held: nothing can be sent"
        audit.write(connection, [audit.Event(now, shop.name, ref, EventKind.NOTE, "gone", detail)])
        return acceptance.Accepted()
    try:
        last = Document(ref=ref, changed_at=kept.changed_at, body=kept.unpacked())
    except BadOrder as error:
        audit.write(connection, [audit.Event(now, shop.name, ref, EventKind.NOTE, "gone", str(error))])
        return acceptance.Accepted()
    return take(connection, shop, [last], feed, fetched_at, now, steady, gone=True)
