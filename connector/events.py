"""Each order's time-line: what was seen, what was decided and why, each attempt and its answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Connection, Index, Integer, Text, insert, select
from sqlmodel import Field, SQLModel

from connector.db import UtcTime, table_of


class EventRecord(SQLModel, table=True):
    """One line of an order's time-line. Holds no buyer's data.

    ``kind`` is one of: seen (a document came in), sent (a request was answered or not), note (something
    else happened, such as an operator's command). ``outcome`` is from a closed set per kind.
    """

    __tablename__ = "event"
    __table_args__ = (Index("event_order", "store", "ref", "id"), Index("event_time", "at"))

    id: int | None = Field(
        default=None, primary_key=True, sa_type=BigInteger().with_variant(Integer, "sqlite")
    )
    at: datetime = Field(sa_type=UtcTime)
    store: str
    ref: str
    kind: str
    outcome: str
    detail: str = Field(sa_type=Text)


EVENTS = table_of(EventRecord)


class Event(msgspec.Struct, frozen=True):
    """An event to be written or as read; ``at`` is aware UTC, ``detail`` a sentence."""

    at: datetime
    store: str
    ref: str
    kind: str
    outcome: str
    detail: str


def write(connection: Connection, events: Sequence[Event]) -> None:
    """Append to the time-lines."""
    if events:
        connection.execute(insert(EVENTS), [msgspec.structs.asdict(event) for event in events])


def timeline(connection: Connection, store: str, ref: str) -> list[Event]:
    """All events of one order, oldest first."""
    columns: list[Any] = [EVENTS.c[name] for name in Event.__struct_fields__]
    rows = connection.execute(
        select(*columns).where(EVENTS.c.store == store, EVENTS.c.ref == ref).order_by(EVENTS.c.id)
    )
    return [Event(*row) for row in rows]
