"""What is remembered of each store: when it went live, how it numbers orders, which shop it is."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection, insert, select, update
from sqlmodel import Field

from connector.model.facts import StoreFacts
from connector.state.database import Record, UtcTime, table_of


class StoreRecord(Record, table=True):
    """One row a store, written when the store is first seen and kept for ever.

    ``numbering`` is null until the store's first order goes out; from then on it is fixed.
    ``identity`` is the address by which the shop named itself when it was first read. ``base_url`` is the
    address of the Privy that its orders go to. ``prevented`` counts the messages about old orders that only
    the second guard kept from leaving: each is a fault of ours.
    """

    __tablename__ = "store"

    name: str = Field(primary_key=True)
    platform: str
    account: str
    first_seen_at: datetime = Field(sa_type=UtcTime)
    live_from: datetime = Field(sa_type=UtcTime)
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
    now: datetime,
) -> StoreFacts:
    """Remember a configured store; the first time sets when it went live.

    A configured ``live_from`` overrules the remembered one; without it the remembered one stays.
    """
    known = facts(connection, name)
    if known is None:
        connection.execute(
            insert(STORES).values(
                name=name,
                platform=platform,
                account=account,
                first_seen_at=now,
                live_from=live_from or now,
                base_url=base_url,
                prevented=0,
            )
        )
    else:
        said = {
            "platform": platform,
            "account": account,
            "base_url": base_url,
            "live_from": live_from or known.live_from,
        }
        if said != {key: getattr(known, key) for key in said}:
            connection.execute(update(STORES).where(STORES.c.name == name).values(said))
    found = facts(connection, name)
    assert found is not None
    return found


def foretell(
    connection: Connection,
    *,
    name: str,
    platform: str,
    account: str,
    base_url: str,
    live_from: datetime | None,
    now: datetime,
) -> StoreFacts:
    """What ``register`` would return, without remembering anything: for what only reads."""
    known = facts(connection, name) or StoreFacts(name, platform, account, now, live_from or now, None, None)
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
