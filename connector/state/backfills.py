"""Backfills under way: what is to be read from a shop's past, and how far it has been read.

A backfill is a fact in the database, so it survives its command: whoever runs next goes on with it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Connection, Integer, Row, Text, func, insert, or_, select, update
from sqlmodel import Field

from connector.model.states import BackfillState
from connector.state.database import Record, UtcTime, table_of
from connector.state.outbox.schema import OUTBOX


class BackfillRecord(Record, table=True):
    """``state`` is reading, read (all of it is in the outbox) or cancelled; ``cursor`` the adapter's text."""

    __tablename__ = "backfill"

    id: int | None = Field(
        default=None, primary_key=True, sa_type=BigInteger().with_variant(Integer, "sqlite")
    )
    store: str
    since: datetime = Field(sa_type=UtcTime)
    until: datetime = Field(sa_type=UtcTime)
    state: str
    cursor: str | None = Field(default=None, sa_type=Text)
    found: int = 0
    total: int | None = None
    started_at: datetime = Field(sa_type=UtcTime)
    moved_at: datetime = Field(sa_type=UtcTime)


BACKFILLS = table_of(BackfillRecord)


class Backfill(msgspec.Struct, frozen=True):
    """``found`` orders of ``total`` (if the shop says) have been read. Times are aware UTC."""

    id: int
    store: str
    since: datetime
    until: datetime
    state: BackfillState
    cursor: str | None
    found: int
    total: int | None
    started_at: datetime
    moved_at: datetime


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The orders placed within a backfill's span, by what became of them."""

    waiting: int = 0
    delivered: int = 0
    skipped: int = 0
    failed: int = 0


def start(
    connection: Connection, store: str, since: datetime, until: datetime | None, now: datetime
) -> Backfill:
    """Begin a backfill, or take up the unfinished one of the same store and span."""
    same = (
        BACKFILLS.c.store == store,
        BACKFILLS.c.since == since,
        BACKFILLS.c.state == BackfillState.READING,
    )
    query = select(BACKFILLS).where(*same)
    if until is not None:
        query = query.where(BACKFILLS.c.until == until)
    row = connection.execute(query).first()
    if row is not None:
        return _backfill(row)
    made = connection.execute(
        insert(BACKFILLS).values(
            store=store,
            since=since,
            until=until or now,
            state=BackfillState.READING,
            found=0,
            started_at=now,
            moved_at=now,
        )
    )
    assert made.inserted_primary_key is not None
    return get(connection, made.inserted_primary_key[0])


def get(connection: Connection, number: int) -> Backfill:
    """One backfill; it must exist."""
    return _backfill(connection.execute(select(BACKFILLS).where(BACKFILLS.c.id == number)).one())


def every(connection: Connection, state: BackfillState | None = None) -> list[Backfill]:
    """All backfills (in a state), oldest first."""
    query = select(BACKFILLS).order_by(BACKFILLS.c.id)
    if state is not None:
        query = query.where(BACKFILLS.c.state == state)
    return [_backfill(row) for row in connection.execute(query)]


def first_unread(connection: Connection, store: str) -> Backfill | None:
    """The store's oldest backfill that is not read to its end."""
    row = connection.execute(
        select(BACKFILLS)
        .where(BACKFILLS.c.store == store, BACKFILLS.c.state == BackfillState.READING)
        .order_by(BACKFILLS.c.id)
        .limit(1)
    ).first()
    return _backfill(row) if row else None


def unread_stores(connection: Connection) -> list[str]:
    """The stores with a backfill that is not read to its end."""
    rows = connection.execute(
        select(BACKFILLS.c.store).where(BACKFILLS.c.state == BackfillState.READING).distinct()
    )
    return sorted(row.store for row in rows)


def move(
    connection: Connection,
    number: int,
    cursor: str,
    *,
    found: int,
    total: int | None,
    more: bool,
    now: datetime,
) -> None:
    """Note a page read. A shop states the total of what remains, so only the first page's is kept."""
    connection.execute(
        update(BACKFILLS)
        .where(BACKFILLS.c.id == number)
        .values(
            cursor=cursor,
            found=BACKFILLS.c.found + found,
            total=func.coalesce(BACKFILLS.c.total, total),
            state=BACKFILLS.c.state if more else BackfillState.READ,
            moved_at=now,
        )
    )


def cancel(connection: Connection, store: str) -> int:
    """Stop reading a store's past; what was read already goes out. Returns how many were stopped."""
    return connection.execute(
        update(BACKFILLS)
        .where(BACKFILLS.c.store == store, BACKFILLS.c.state == BackfillState.READING)
        .values(state=BackfillState.CANCELLED)
    ).rowcount


def progress(connection: Connection, backfill: Backfill) -> Progress:
    """What became of the orders in the span so far.

    An order that cannot be read has no date here; it counts, because it may belong to the span.
    """
    within = (OUTBOX.c.placed_at >= backfill.since) & (OUTBOX.c.placed_at < backfill.until)
    rows = connection.execute(
        select(OUTBOX.c.state, func.count())
        .where(OUTBOX.c.store == backfill.store, or_(within, OUTBOX.c.placed_at.is_(None)))
        .group_by(OUTBOX.c.state)
    )
    return Progress(**{row[0]: row[1] for row in rows})


def _backfill(row: Row[Any]) -> Backfill:
    return Backfill(**row._asdict() | {"state": BackfillState(row.state)})
