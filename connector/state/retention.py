"""Buyers' data is kept only as long as it is needed.

What is to go is searched beside all writers; each transaction drops a page of it, with pauses in between, so
that a database of a million orders is cleaned without keeping a pushed order or a webhook waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, delete, exists, or_, select, update

from connector.model.errors import StateError
from connector.model.states import InboxKind, OrderState
from connector.state import backfills, bulk, stores
from connector.state.audit import EVENTS
from connector.state.cursors import CURSORS
from connector.state.database import Database
from connector.state.documents import DOCUMENTS
from connector.state.inbox import INBOX
from connector.state.outbox.payloads import BODIES
from connector.state.outbox.schema import OUTBOX, RETIRED

log = structlog.get_logger()

PAGE = 100  # orders of one transaction: their documents are overwritten, some kilobytes each
LINES = 500  # lines of time-lines
PAUSE = 0.02  # seconds between two, so that others come to write

GONE = "its store was taken out of the configuration, and its data was dropped"

Key = tuple[str, str]


async def retain(db: Database, limit: datetime, configured: Collection[str] | None = None) -> None:
    """Drop what is older than ``limit`` (aware UTC), and leave no bytes of it in the database's files.

    ``configured`` are the stores of the configuration: of others, what waits or failed goes too, as nobody
    will send it; None where all are.
    """
    dropped = 0
    for store in [one.name for one in await db.read(stores.every)]:
        gone = configured is not None and store not in configured
        for table in (DOCUMENTS, BODIES):
            after: str | None = ""
            while after is not None:
                some, after = await db.read(_old, table, store, limit, after, gone)
                if some:
                    dropped += await db.run(drop, store, some, limit, gone)
                    await asyncio.sleep(PAUSE)
    await _drop_lines(db, limit)
    if dropped:
        try:
            await db.scrub()
        except StateError as error:
            log.warning("database.scrub_waits", error=str(error))  # the log empties itself later


async def retire(db: Database, store: str) -> int:
    """Drop all that is held of a store that is no longer configured; returns how many orders it had.

    Raises StateError when another process reads all the while: then only the log keeps what was dropped.
    Its numbers stay taken and its record stays, so that a store of that name goes on where it was.
    """
    count = 0
    for table in (OUTBOX, DOCUMENTS, BODIES):
        after = ""
        while refs := await db.read(_refs, table, store, after):
            after = refs[-1]
            count += await db.run(_drop_all, store, refs) if table is OUTBOX else 0
            if table is not OUTBOX:
                await db.run(_drop_data, store, refs)
            await asyncio.sleep(PAUSE)
    while await db.run(_drop_lines_of, store):
        await asyncio.sleep(PAUSE)
    await db.run(_drop_rest, store)
    await db.scrub()
    return count


def drop(connection: Connection, store: str, refs: Sequence[str], limit: datetime, gone: bool = False) -> int:
    """Drop payloads and documents of those of these orders that are still done with since before ``limit``.

    Done with means delivered or skipped, and whatever is of a store that is ``gone`` from the configuration;
    hash, statuses and times stay. Returns how many orders lost data.
    """
    old = _done(connection, store, refs, limit, gone)
    _drop_data(connection, store, old)
    if gone:
        _retired(connection, store, old)
    return len(old)


def _done(connection: Connection, store: str, refs: Sequence[str], limit: datetime, gone: bool) -> list[str]:
    found = connection.execute(
        select(OUTBOX.c.ref, OUTBOX.c.state).where(
            OUTBOX.c.store == store,
            OUTBOX.c.ref.in_(refs),
            OUTBOX.c.claimed_at.is_(None),
            or_(OUTBOX.c.told_at.is_(None), OUTBOX.c.told_at < limit),
            OUTBOX.c.fetched_at < limit,
        )
    )
    # Not asked of the database: SQLite would take the index of states for it, and walk through all orders.
    return [row.ref for row in found if gone or row.state in (OrderState.DELIVERED, OrderState.SKIPPED)]


def _old(
    connection: Connection, table: Any, store: str, limit: datetime, after: str, gone: bool
) -> tuple[list[str], str | None]:
    """Orders of the next rows that may lose their data, and where to go on (None at the end)."""
    page = _refs(connection, table, store, after)
    if not page:
        return [], None
    return _done(connection, store, page, limit, gone), page[-1]


def _drop_data(connection: Connection, store: str, refs: Sequence[str]) -> None:
    rows = [{"its_store": store, "its_ref": ref} for ref in refs]
    for statement in _DROP:
        bulk.run(connection, statement, rows)


_DROP = [
    delete(table).where(table.c.store == bindparam("its_store"), table.c.ref == bindparam("its_ref"))
    for table in (DOCUMENTS, BODIES)
]


def _refs(connection: Connection, table: Any, store: str, after: str) -> list[str]:
    its = select(table.c.ref).where(table.c.store == store, table.c.ref > after)
    return list(connection.scalars(its.order_by(table.c.ref).limit(PAGE)))


def _drop_all(connection: Connection, store: str, refs: Sequence[str]) -> int:
    """Also what waits or failed: it becomes skipped, by the rule ``retired``."""
    _drop_data(connection, store, refs)
    _retired(connection, store, refs)
    return len(refs)


def _retired(connection: Connection, store: str, refs: Sequence[str]) -> None:
    its = OUTBOX.c.store == store, OUTBOX.c.ref.in_(refs)
    found = connection.execute(select(OUTBOX.c.ref, OUTBOX.c.state).where(*its))
    some = [row.ref for row in found if row.state in (OrderState.WAITING, OrderState.FAILED)]
    its = OUTBOX.c.store == store, OUTBOX.c.ref.in_(some)
    connection.execute(update(OUTBOX).where(*its).values(state=OrderState.SKIPPED, rule=RETIRED, reason=GONE))


async def _drop_lines(db: Database, limit: datetime) -> None:
    """Old lines of time-lines, but for orders that still wait or failed, and old looks and notes."""
    after: tuple[datetime | None, int] = (None, 0)
    while True:
        some, after = await db.read(_old_lines, limit, after)
        if some:
            await db.run(_drop_events, some)
            await asyncio.sleep(PAUSE)
        if after[0] is None:
            break
    # What is left of looks belongs to stores that are no longer configured: others are given up in a day.
    old = INBOX.c.kind.in_((InboxKind.MESSAGE, InboxKind.LOOK)), INBOX.c.came_at < limit
    await db.run(lambda one: one.execute(delete(INBOX).where(*old)) and None)


def _old_lines(
    connection: Connection, limit: datetime, after: tuple[datetime | None, int]
) -> tuple[list[int], tuple[datetime | None, int]]:
    at, number = after
    query = select(EVENTS.c.id, EVENTS.c.at, EVENTS.c.store, EVENTS.c.ref).where(EVENTS.c.at < limit)
    if at is not None:
        query = query.where(EVENTS.c.at >= at, or_(EVENTS.c.at > at, EVENTS.c.id > number))
    page = connection.execute(query.order_by(EVENTS.c.at, EVENTS.c.id).limit(LINES)).all()
    if not page:
        return [], (None, 0)
    busy = exists().where(
        OUTBOX.c.store == EVENTS.c.store,
        OUTBOX.c.ref == EVENTS.c.ref,
        OUTBOX.c.state.in_((OrderState.WAITING, OrderState.FAILED)),
    )
    ids = [row.id for row in page]
    some = list(connection.scalars(select(EVENTS.c.id).where(EVENTS.c.id.in_(ids), ~busy)))
    return some, (page[-1].at, page[-1].id)


def _drop_events(connection: Connection, ids: Sequence[int]) -> None:
    connection.execute(delete(EVENTS).where(EVENTS.c.id.in_(ids)))


def _drop_lines_of(connection: Connection, store: str) -> int:
    ids = list(connection.scalars(select(EVENTS.c.id).where(EVENTS.c.store == store).limit(LINES)))
    _drop_events(connection, ids)
    return len(ids)


def _drop_rest(connection: Connection, store: str) -> None:
    """What the shop asked for, and how far it was read: a store of that name begins anew."""
    for table in (INBOX, CURSORS):
        connection.execute(delete(table).where(table.c.store == store))
    backfills.cancel(connection, store)
