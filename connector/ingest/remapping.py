"""A store's mapping that changed: what it makes otherwise of delivered orders, and sending that if asked to.

Delivered orders stay as they are until they really change at the shop (see ``acceptance.accept``): else
one edited line would spend a day's budget the next night, when orders are read again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection, Row

from connector.ingest.lookup import look
from connector.ingest.page import take
from connector.ingest.source import Shop
from connector.ingest.transform import Known, judge
from connector.mapping.mapper import Mapper
from connector.model.order import Document
from connector.state import documents, mappings
from connector.state.mappings import InUse
from connector.state.outbox import queries
from connector.state.outbox.schema import FORGOTTEN

log = structlog.get_logger()

SAMPLE = 200  # of the newest delivered orders that are mapped anew when a mapping changed
PAGE = 50  # orders a transaction


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What a mapping makes of delivered orders.

    Of ``looked`` orders ``differing`` come out otherwise, ``calls`` of these as something to send.
    ``unheld`` were not looked at, as their documents are held no longer.
    """

    looked: int = 0
    differing: int = 0
    calls: int = 0
    unheld: int = 0

    def __add__(self, other: Counted) -> Counted:
        return Counted(
            **{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__}
        )


def fingerprint(mapper: Mapper) -> str:
    """The hash by which an unchanged mapping is known (64 bits, hexadecimal)."""
    return sha256(mapper.settings.model_dump_json().encode()).hexdigest()[:16]


async def in_use(shop: Shop) -> InUse:
    """How the store's mapping stands to what was delivered: as remembered, or counted now if it changed.

    Writes nothing.
    """
    own = fingerprint(shop.mapper)
    known = await shop.db.read(mappings.get, shop.name)
    if known is None:
        return InUse(store=shop.name, fingerprint=own)
    if known.fingerprint == own:
        return known
    rows = await shop.db.read(queries.delivered, shop.name, newest=SAMPLE)
    counted = Counted()
    for start in range(0, len(rows), PAGE):
        counted += (await shop.db.read(_compared, shop, rows[start : start + PAGE]))[0]
    return InUse(
        store=shop.name,
        fingerprint=own,
        since=shop.clock.now() if counted.differing else None,
        delivered=await shop.db.read(queries.count_delivered, shop.name),
        looked=counted.looked,
        differing=counted.differing,
    )


async def notice(shop: Shop) -> None:
    """Remember the mapping that the store works by from now on; say it when it changed."""
    used = await in_use(shop)
    if used == await shop.db.read(mappings.get, shop.name):
        return
    await shop.db.run(mappings.put, used)
    if used.since is not None:
        numbers = {"differing": used.differing, "looked": used.looked, "delivered": used.delivered}
        log.warning("mapping.changed", store=shop.name, **numbers)


async def count(shop: Shop, tell: Callable[[int], None] = lambda looked: None) -> Counted:
    """Map all delivered orders anew whose documents are held, and count; sends nothing."""
    counted, _ = await _through(
        shop, lambda connection, rows: _compared(connection, shop, rows), tell, shop.db.read
    )
    return counted


async def replay_changed(
    shop: Shop, tell: Callable[[int], None] = lambda looked: None
) -> tuple[Counted, list[str]]:
    """Take all delivered orders by the present mapping; those that come out otherwise are sent.

    Orders whose documents are held no longer are fetched afresh. Returns what was counted, and the refs that
    nobody knows. Raises AuthError and Unavailable.
    """

    def work(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[Counted, list[str]]:
        counted, unheld = _compared(connection, shop, rows)
        now, steady = shop.clock.now(), shop.clock.steady()
        for gone in (False, True):
            found = [
                Document(ref=kept.ref, changed_at=kept.changed_at, body=kept.unpacked())
                for row in rows
                if (kept := documents.get(connection, shop.name, row.ref)) is not None and kept.gone is gone
            ]
            take(connection, shop, found, "replay", now, now, steady, anew=True, gone=gone)
        return counted, unheld

    counted, unheld = await _through(shop, work, tell, shop.db.run)
    unknown = unheld
    if unheld and not shop.pushed:
        with shop.named():
            unknown = await look(shop, unheld, "replay", anew=True)
    used = InUse(store=shop.name, fingerprint=fingerprint(shop.mapper))
    await shop.db.run(mappings.put, used)
    shop.wake()
    return counted, unknown


async def _through(
    shop: Shop,
    work: Callable[[Connection, Sequence[Row[Any]]], tuple[Counted, list[str]]],
    tell: Callable[[int], None],
    run: Callable[..., Awaitable[Any]],
) -> tuple[Counted, list[str]]:
    """Go through all delivered orders, a page a transaction."""
    counted, unheld, last = Counted(), list[str](), ""

    def page(connection: Connection, after: str) -> tuple[Counted, list[str], str | None]:
        rows = queries.delivered_after(connection, shop.name, after, PAGE)
        found, missing = work(connection, rows)
        return found, missing, rows[-1].ref if len(rows) == PAGE else None

    while True:
        found, missing, following = await run(page, last)
        counted += found
        unheld += missing
        tell(counted.looked + counted.unheld)
        if following is None:
            return counted, unheld
        last = following


def _compared(connection: Connection, shop: Shop, rows: Sequence[Row[Any]]) -> tuple[Counted, list[str]]:
    """Map delivered orders anew; what differs from what Privy was told, and the refs without a document."""
    now = shop.clock.now()
    looked = differing = calls = 0
    unheld: list[str] = []
    memory = shop.memory(connection, [row.ref for row in rows])
    for row in rows:
        kept = documents.get(connection, shop.name, row.ref)
        if kept is None:
            unheld.append(row.ref)
            continue
        looked += 1
        document = Document(ref=row.ref, changed_at=kept.changed_at, body=kept.unpacked())
        version = judge(
            shop.bench,
            document,
            Known.of(row),
            feed="plan",
            fetched_at=now,
            now=now,
            gone=kept.gone,
            memory=memory,
        )
        if version.rule != FORGOTTEN and version.hash != row.told_hash:
            differing += 1
            calls += version.state == "waiting"
    return Counted(looked=looked, differing=differing, calls=calls, unheld=len(unheld)), unheld
