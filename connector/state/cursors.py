"""How far each feed of a store has been read. Moved in the transaction that stores what was read."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection, func, insert, select, update
from sqlmodel import Field

from connector.state.database import Record, UtcTime, table_of


class CursorRecord(Record, table=True):
    """``value`` is the adapter's own text, opaque here; ``position`` is the shop's change time reached."""

    __tablename__ = "cursor"

    store: str = Field(primary_key=True)
    feed: str = Field(primary_key=True)
    value: str
    position: datetime | None = Field(default=None, sa_type=UtcTime)
    read_at: datetime = Field(sa_type=UtcTime)


CURSORS = table_of(CursorRecord)


class Cursor(msgspec.Struct, frozen=True):
    """A feed's place. ``read_at`` is when a page was last read, ``position`` how far; aware UTC."""

    store: str
    feed: str
    value: str
    position: datetime | None
    read_at: datetime


def get(connection: Connection, store: str, feed: str) -> Cursor | None:
    """The feed's cursor, or None before its first page."""
    row = (
        connection.execute(select(CURSORS).where(CURSORS.c.store == store, CURSORS.c.feed == feed))
        .mappings()
        .first()
    )
    return Cursor(**row) if row else None


def move(
    connection: Connection, store: str, feed: str, value: str, position: datetime | None, now: datetime
) -> None:
    """Set the feed's cursor; a page without a position leaves the old position standing."""
    known = get(connection, store, feed)
    if known is None:
        connection.execute(
            insert(CURSORS).values(store=store, feed=feed, value=value, position=position, read_at=now)
        )
    else:
        connection.execute(
            update(CURSORS)
            .where(CURSORS.c.store == store, CURSORS.c.feed == feed)
            .values(value=value, position=position or known.position, read_at=now)
        )


def of_store(connection: Connection, store: str) -> list[Cursor]:
    """Every feed's cursor of a store."""
    rows = connection.execute(select(CURSORS).where(CURSORS.c.store == store).order_by(CURSORS.c.feed))
    return [Cursor(**row) for row in rows.mappings()]


def read_at(connection: Connection) -> dict[str, datetime]:
    """When each store was last read, all feeds of it (aware UTC)."""
    rows = connection.execute(select(CURSORS.c.store, func.min(CURSORS.c.read_at)).group_by(CURSORS.c.store))
    return {row[0]: row[1] for row in rows}
