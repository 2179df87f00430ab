"""Each order's time-line: what was seen, what was decided and why, each attempt and its answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Connection, Index, Integer, Text, func, insert, select
from sqlmodel import Field

from connector.model.states import EventKind
from connector.state import bulk
from connector.state.database import Record, UtcTime, table_of


class EventRecord(Record, table=True):
    """One line of an order's time-line. Holds no buyer's data.

    ``kind`` is an EventKind's word, ``outcome`` from a closed set per kind.
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
_INSERT = insert(EVENTS)


class Event(msgspec.Struct, frozen=True):
    """An event to be written or as read; ``at`` is aware UTC, ``detail`` a sentence."""

    at: datetime
    store: str
    ref: str
    kind: EventKind
    outcome: str
    detail: str


def write(connection: Connection, events: Sequence[Event]) -> None:
    """Append to the time-lines."""
    bulk.run(connection, _INSERT, [msgspec.structs.asdict(event) for event in events])


def timeline(connection: Connection, store: str, ref: str) -> list[Event]:
    """All events of one order, oldest first."""
    columns: list[Any] = [EVENTS.c[name] for name in Event.__struct_fields__]
    rows = connection.execute(
        select(*columns).where(EVENTS.c.store == store, EVENTS.c.ref == ref).order_by(EVENTS.c.id)
    )
    return [Event(at, store, ref, EventKind(kind), *said) for at, store, ref, kind, *said in rows]


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the requests to Privy within an hour that began at ``at`` (aware UTC).

    ``repeated`` had no definite answer, so they were, or will be, sent again.
    """

    at: datetime
    delivered: int = 0
    refused: int = 0
    repeated: int = 0


def hourly(connection: Connection, now: datetime, hours: int = 24) -> list[Hour]:
    """The requests of the last hours, the present one last; reads no more than these hours' events."""
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    found = []
    for back in range(hours - 1, -1, -1):
        start = this_hour - timedelta(hours=back)
        rows = connection.execute(
            select(EVENTS.c.outcome, func.count())
            .where(
                EVENTS.c.at >= start,
                EVENTS.c.at < start + timedelta(hours=1),
                EVENTS.c.kind == EventKind.SENT,
            )
            .group_by(EVENTS.c.outcome)
        )
        counts = {row[0]: row[1] for row in rows}
        found.append(
            Hour(
                at=start,
                delivered=counts.get("delivered", 0),
                refused=counts.get("refused", 0),
                repeated=counts.get("later", 0) + counts.get("unknown", 0),
            )
        )
    return found


def latest(connection: Connection, stores: Sequence[str], count: int) -> list[tuple[str, str]]:
    """(store, ref) of the orders that the last ``count`` events are about, the newest first."""
    rows = connection.execute(select(EVENTS.c.store, EVENTS.c.ref).order_by(EVENTS.c.id.desc()).limit(count))
    return list(dict.fromkeys((row.store, row.ref) for row in rows if row.store in stores))
