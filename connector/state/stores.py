"""What is remembered of each store: when it went live, how it numbers orders, which shop it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update
from sqlmodel import Field

from connector.model.facts import StoreFacts
from connector.state.database import Record, UtcTime, table_of


class StoreRecord(Record, table=True):
    """One row a store, written when the store is first seen and kept for ever.

    ``live_from`` is null until ``run``, ``sync`` or ``backfill`` takes the store up; ``first_seen_at`` is
    then that moment. ``numbering`` is null until the store's first order goes out; from then on it is fixed.
    ``identity`` is the address by which the shop named itself when it was first read. ``base_url`` is the
    address of the Privy that its orders go to. ``prevented`` counts the messages about old orders that only
    the second guard kept from leaving: each is a fault of ours.
    """

    __tablename__ = "store"

    name: str = Field(primary_key=True)
    platform: str
    account: str
    first_seen_at: datetime = Field(sa_type=UtcTime)
    live_from: datetime | None = Field(default=None, sa_type=UtcTime)
    identity: str | None = None
    numbering: str | None = None
    base_url: str
    prevented: int = 0


STORES = table_of(StoreRecord)


def register(
    connection: Connection,
    *,
    name: str,
    platform: str,
    account: str,
    base_url: str,
    live_from: datetime | None,
    starts: bool,
    now: datetime,
) -> StoreFacts:
    """Remember a configured store; it goes live when it ``starts`` for the first time, and only then.

    A configured ``live_from`` overrules the remembered one; without it the remembered one stays. Of a store
    that did not start yet it is told, and not remembered.
    """
    known = facts(connection, name)
    began = known is not None and known.live_from is not None
    said: dict[str, Any] = {"platform": platform, "account": account, "base_url": base_url}
    if began or starts:
        said |= {"live_from": live_from or (known.live_from if known is not None and began else now)}
    if starts and not began:
        said |= {"first_seen_at": now}
    if known is None:
        first = {"name": name, "first_seen_at": now, "prevented": 0}
        connection.execute(insert(STORES).values(first | said))
    elif said != {key: getattr(known, key) for key in said}:
        connection.execute(update(STORES).where(STORES.c.name == name).values(said))
    found = facts(connection, name)
    assert found is not None
    return msgspec.structs.replace(found, live_from=found.live_from or live_from)


def foretell(
    connection: Connection,
    *,
    name: str,
    platform: str,
    account: str,
    base_url: str,
    live_from: datetime | None,
    starts: bool,
    now: datetime,
) -> StoreFacts:
    """What ``register`` would return, without remembering: for what only reads, and so starts nothing."""
    assert not starts
    known = facts(connection, name) or StoreFacts(name, platform, account, now, None, None, None)
    return msgspec.structs.replace(
        known,
        platform=platform,
        account=account,
        base_url=base_url,
        live_from=live_from or known.live_from,
    )


def facts(connection: Connection, name: str) -> StoreFacts | None:
    """What is remembered of the store, or None when it was never seen."""
    row = connection.execute(select(STORES).where(STORES.c.name == name)).mappings().first()
    return StoreFacts(**row) if row else None


def every(connection: Connection) -> list[StoreFacts]:
    """All stores ever seen, by name."""
    rows = connection.execute(select(STORES).order_by(STORES.c.name)).mappings()
    return [StoreFacts(**row) for row in rows]


def fix_numbering(connection: Connection, name: str, numbering: str) -> None:
    """Record how the store's orders are numbered, when its first one goes out; never changes it."""
    connection.execute(
        update(STORES).where(STORES.c.name == name, STORES.c.numbering.is_(None)).values(numbering=numbering)
    )


def set_identity(connection: Connection, name: str, identity: str) -> None:
    """Record the address by which the shop names itself."""
    connection.execute(update(STORES).where(STORES.c.name == name).values(identity=identity))


def count_prevented(connection: Connection, name: str, count: int) -> None:
    """Note that the second guard kept messages of the store from leaving."""
    connection.execute(
        update(STORES).where(STORES.c.name == name).values(prevented=STORES.c.prevented + count)
    )
