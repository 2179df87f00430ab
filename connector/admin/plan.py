"""The plan of a backfill: what it would do, found by reading the shop and judging, writing nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import msgspec
from sqlalchemy import Connection

from connector.admin.pace import calls_take
from connector.admin.status import usage_of
from connector.ingest.retrying import retried
from connector.ingest.source import Shop
from connector.ingest.transform import Known, judge
from connector.model.facts import Version
from connector.model.limits import Limits
from connector.model.states import OrderState
from connector.sdk.contract import History, Page
from connector.state.outbox import queries


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """``orders`` found; ``calls`` go to Privy: ``history`` flagged, ``live`` able to write to buyers.

    ``live_from`` is None while the store is not live.
    """

    store: str
    live_from: datetime | None
    since: datetime
    until: datetime
    orders: int
    calls: int
    history: int
    live: int
    known: int
    skipped: dict[str, int]
    failed: dict[str, int]
    takes_seconds: float
    done_at: datetime


async def plan(
    shop: Shop, limits: Limits, since: datetime, until: datetime, tell: Callable[[int, int | None], None]
) -> Plan:
    """Read a shop's past and count; ``tell`` gets (read, total). Raises AuthError, Unavailable."""
    counts: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    seen: set[str] = set()
    cursor: str | None = None
    total: int | None = None
    more = True
    while more:
        read = History(since=since, until=until, cursor=cursor)
        page = await retried(shop.name, partial(shop.adapter.changed, read), begun=cursor is not None)
        total = page.total if total is None else total
        for version, is_known in await shop.db.read(_judged, shop, page, shop.clock.now()):
            if version.ref in seen:
                continue
            seen.add(version.ref)
            if version.state == OrderState.SKIPPED:
                skipped[version.rule] += 1
            elif version.state == OrderState.FAILED:
                failed[version.reason] += 1
            else:
                counts["known" if is_known else version.lane] += 1
        cursor, more = page.cursor, page.more
        tell(len(seen), total)
        if more:
            await asyncio.sleep(page.wait)
    calls = counts["live"] + counts["history"]
    takes = await shop.db.read(_takes, shop, limits, calls)
    return Plan(
        store=shop.name,
        live_from=shop.facts.live_from,
        since=since,
        until=until,
        orders=len(seen),
        calls=calls,
        history=counts["history"],
        live=counts["live"],
        known=counts["known"],
        skipped=dict(skipped),
        failed=dict(failed),
        takes_seconds=takes.total_seconds(),
        done_at=shop.clock.now() + takes,
    )


def _judged(connection: Connection, shop: Shop, page: Page, now: datetime) -> list[tuple[Version, bool]]:
    rows = queries.rows(connection, shop.name, [document.ref for document in page.documents])
    memory = shop.memory(connection, [document.ref for document in page.documents])
    judged = []
    for document in page.documents:
        row = rows.get(document.ref)
        known = Known.of(row)
        version = judge(shop.bench, document, known, feed="plan", fetched_at=now, now=now, memory=memory)
        judged.append((version, row is not None and row.told_hash == version.hash))
    return judged


def _takes(connection: Connection, shop: Shop, limits: Limits, calls: int) -> timedelta:
    return calls_take(calls, limits, usage_of(connection, shop.account, shop.clock.steady()))
