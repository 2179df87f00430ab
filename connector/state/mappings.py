"""What is remembered of each store's mapping: which one is in use, and what it changes of what went out."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection, delete, insert, select
from sqlmodel import Field

from connector.state.database import Record, UtcTime, table_of


class MappingRecord(Record, table=True):
    """``fingerprint`` is that of the mapping in use. ``since`` is when it replaced another one that delivered
    orders were made by; null when it makes nothing else of them. Of the ``delivered`` orders the newest
    ``looked`` were mapped anew, and ``differing`` of these came out otherwise.
    """

    __tablename__ = "mapping"

    store: str = Field(primary_key=True)
    fingerprint: str
    since: datetime | None = Field(default=None, sa_type=UtcTime)
    delivered: int = 0
    looked: int = 0
    differing: int = 0


MAPPINGS = table_of(MappingRecord)


class InUse(msgspec.Struct, frozen=True, kw_only=True):
    """A row, as MappingRecord says."""

    store: str
    fingerprint: str
    since: datetime | None = None
    delivered: int = 0
    looked: int = 0
    differing: int = 0


def get(connection: Connection, store: str) -> InUse | None:
    """The mapping in use, or None when the store was never taken up."""
    row = connection.execute(select(MAPPINGS).where(MAPPINGS.c.store == store)).mappings().first()
    return InUse(**row) if row else None


def put(connection: Connection, used: InUse) -> None:
    """Remember the mapping in use."""
    connection.execute(delete(MAPPINGS).where(MAPPINGS.c.store == used.store))
    connection.execute(insert(MAPPINGS).values(**msgspec.structs.asdict(used)))
