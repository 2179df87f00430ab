"""While nothing of a store went out, its configuration may number its orders anew, or name another account.

Orders that wait were judged by the configuration before: sent as they are, they would go out under numbers
that are not the recorded ones, and no later state of theirs could follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Select, select

from connector.ingest.page import remap
from connector.ingest.source import Shop
from connector.ingest.transform import Known, judge
from connector.model.errors import BadOrder
from connector.model.order import Document
from connector.model.states import OrderState
from connector.runtime.clock import Clock
from connector.state import documents, properties, stores
from connector.state.database import Database
from connector.state.outbox import acceptance, queries
from connector.state.outbox.schema import OUTBOX

log = structlog.get_logger()

PAGE = 50  # orders of one transaction: each is judged anew

UNDER_WAY = "renumbering."  # the property of a store whose numbers are being given anew


async def renumber(db: Database, shops: Iterable[Shop], clock: Clock) -> None:
    """Judge the waiting orders of such stores again; only the database's one daemon may do that.

    Page by page, while pushed orders of these stores wait; a start that was cut short goes on with it.
    Nothing is sent meanwhile, because delivery begins after it.
    """
    async with AsyncExitStack() as locks:
        changed = await db.read(_all_changed, list(shops), clock.now())
        for shop in changed:
            await locks.enter_async_context(shop.lock)
            await db.run(properties.put, UNDER_WAY + shop.name, "")
        for shop in changed:  # all numbers are given back first: two stores may change places
            after = ""
            while refs := await db.read(queries.refs_after, shop.name, after, PAGE):
                await db.run(acceptance.give_back_numbers, shop.name, shop.account, refs)
                after = refs[-1]
        for shop in changed:
            after, count = "", 0
            while refs := await db.read(queries.refs_after, shop.name, after, PAGE, "waiting"):
                await db.run(_again, shop, refs, clock)
                after, count = refs[-1], count + len(refs)
            await db.run(properties.drop, UNDER_WAY + shop.name)
            log.info("store.renumbered", store=shop.name, orders=count)


def _again(connection: Connection, shop: Shop, refs: Sequence[str], clock: Clock) -> None:
    remap(connection, shop, refs, clock.now(), clock.steady(), feed="another configuration")


def _all_changed(connection: Connection, shops: Sequence[Shop], now: datetime) -> list[Shop]:
    return [
        shop
        for shop in shops
        if properties.get(connection, UNDER_WAY + shop.name) is not None
        or (_none_went_out(connection, shop) and _changed(connection, shop, now))
    ]


def _none_went_out(connection: Connection, shop: Shop) -> bool:
    facts = stores.facts(connection, shop.name)
    return facts is not None and facts.numbering is None


def _changed(connection: Connection, shop: Shop, now: datetime) -> bool:
    """Whether orders wait for another account or under other numbers; the first and the last seen tell."""
    elsewhere = select(OUTBOX.c.ref).where(OUTBOX.c.store == shop.name, OUTBOX.c.account != shop.account)
    if connection.execute(elsewhere.limit(1)).first() is not None:
        return True
    seen = OUTBOX.c.first_seen_at
    first, last = (
        connection.scalar(_waiting(shop).order_by(by).limit(1)) for by in (seen.asc(), seen.desc())
    )
    return any(_numbered_otherwise(connection, shop, ref, now) for ref in (first, last) if ref is not None)


def _waiting(shop: Shop) -> Select[Any]:
    return select(OUTBOX.c.ref).where(OUTBOX.c.store == shop.name, OUTBOX.c.state == OrderState.WAITING)


def _numbered_otherwise(connection: Connection, shop: Shop, ref: str, now: datetime) -> bool:
    kept = documents.get(connection, shop.name, ref)
    if kept is None:
        return False
    try:
        document = Document(ref=ref, changed_at=kept.changed_at, body=kept.unpacked())
    except BadOrder:
        return False
    version = judge(shop.bench, document, Known(), feed="", fetched_at=now, now=now)
    number = connection.scalar(
        select(OUTBOX.c.order_id).where(OUTBOX.c.store == shop.name, OUTBOX.c.ref == ref)
    )
    return version.order_id != number
