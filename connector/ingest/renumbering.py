"""While nothing of a store went out, its configuration may number its orders anew, or name another account.

Orders that wait were judged by the configuration before: sent as they are, they would go out under numbers
that are not the recorded ones, and no later state of theirs could follow.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Select, select, update

from connector.ingest.page import remap
from connector.ingest.source import Shop
from connector.ingest.transform import Known, judge
from connector.model.order import Document
from connector.model.states import OrderState
from connector.state import documents, stores
from connector.state.outbox.schema import OUTBOX

log = structlog.get_logger()

PAGE = 500


def renumber(connection: Connection, shops: Iterable[Shop], now: datetime, steady: float) -> None:
    """Judge the waiting orders of such stores again; only the database's one daemon may do that."""
    changed = [shop for shop in shops if _none_went_out(connection, shop) and _changed(connection, shop, now)]
    waiting = {shop.name: list(connection.scalars(_waiting(shop))) for shop in changed}
    for shop in changed:  # all numbers are given back first: two stores may change places
        its = OUTBOX.c.store == shop.name
        connection.execute(update(OUTBOX).where(its).values(account=shop.account, order_id=None))
    for shop in changed:
        refs = waiting[shop.name]
        for start in range(0, len(refs), PAGE):
            remap(connection, shop, refs[start : start + PAGE], now, steady, feed="another configuration")
        log.info("store.renumbered", store=shop.name, orders=len(refs))


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
    document = Document(ref=ref, changed_at=kept.changed_at, body=kept.unpacked())
    version = judge(shop.bench, document, Known(), feed="", fetched_at=now, now=now)
    number = connection.scalar(
        select(OUTBOX.c.order_id).where(OUTBOX.c.store == shop.name, OUTBOX.c.ref == ref)
    )
    return version.order_id != number
