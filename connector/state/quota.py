"""What is left of an account's minute and day.

A request counts from the moment its order is claimed (which is committed before it leaves) until 60 s,
or 24 h, after its answer. It reached Privy somewhere between the two, so no window of Privy's, fixed or
sliding, can hold more than the limit, whatever the latency and also across a crash. Orders in flight
are counted in the outbox, answered ones in slots here. All times are the steady clock's seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
from sqlalchemy import BigInteger, Connection, Float, bindparam, delete, func, insert, or_, select, update
from sqlmodel import Field

from connector.model.limits import Limits
from connector.model.states import Lane
from connector.state.database import Record, table_of

MINUTE, DAY = 60.0, 86_400.0
SLOT = {"minute": 0.1, "day": 60.0}  # width of a slot in seconds
WINDOW = {"minute": MINUTE, "day": DAY}


class SlotRecord(Record, table=True):
    """How many requests of a lane were answered within one slot of time."""

    __tablename__ = "quota_slot"

    account: str = Field(primary_key=True)
    span: str = Field(primary_key=True)
    lane: str = Field(primary_key=True)
    slot: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    spent: int


class SeenRecord(Record, table=True):
    """What Privy's headers last said: at most ``remaining`` more requests until ``resets_at``."""

    __tablename__ = "quota_seen"

    account: str = Field(primary_key=True)
    span: str = Field(primary_key=True)
    limit: int
    remaining: int
    resets_at: float = Field(sa_type=Float)


SLOTS, SEEN = table_of(SlotRecord), table_of(SeenRecord)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One window as Privy's headers state it; ``resets_in`` in seconds from the answer."""

    span: str
    limit: int
    remaining: int
    resets_in: float


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Requests counted in the running windows, in flight ones included, and Privy's own word.

    ``full_until`` is the steady time until which Privy's headers leave nothing, if they do.
    ``*_limit_seen`` are the limits that the headers last stated; they hold until others are stated.
    """

    minute: int
    day: int
    day_live: int
    minute_left_seen: int | None
    day_left_seen: int | None
    full_until: float | None = None
    minute_limit_seen: int | None = None
    day_limit_seen: int | None = None

    def holding(self, configured: Limits) -> Limits:
        """The limits that hold: what the headers say overrules what is configured."""
        return configured.as_stated(self.minute_limit_seen, self.day_limit_seen)


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests may leave now, per lane; ``again_at`` (steady seconds) is when to ask again.

    ``live`` counts all that may leave, so ``history`` is never more than ``live``.
    """

    live: int
    history: int
    again_at: float

    def less(self, taken: int) -> Grant:
        """What is left of it after so many requests."""
        return msgspec.structs.replace(self, live=self.live - taken, history=self.history - taken)


class Pacer:
    """An even pace for history: one request each interval, so that it never comes in a clump.

    Lateness of up to two seconds is made good, idleness beyond that is not saved up. Pace is courtesy,
    not safety: the windows are counted in the database, so a restart may forget the pacer.
    """

    LENIENCE = 2.0

    def __init__(self, limits: Limits) -> None:
        self.follow(limits)
        self._next = 0.0

    def follow(self, limits: Limits) -> None:
        """Keep to these limits from now on."""
        self._interval = MINUTE / limits.history_per_minute()

    def due(self, steady: float) -> int:
        """How many requests may leave now."""
        start = max(self._next, steady - self.LENIENCE)
        return max(0, math.floor((steady - start) / self._interval) + 1)

    def take(self, count: int, steady: float) -> None:
        """Note that ``count`` requests leave now."""
        self._next = max(self._next, steady - self.LENIENCE) + count * self._interval

    def next_at(self) -> float:
        """When the next request is due (steady seconds)."""
        return self._next


def grant(
    connection: Connection,
    account: str,
    limits: Limits,
    in_flight: Mapping[str, int],
    steady: float,
    pacer: Pacer,
) -> Grant:
    """What the account may spend now. Pure reading: spending is the claim in the outbox.

    ``limits`` are those of the configuration; what Privy's headers stated overrules them.
    """
    use = usage(connection, account, in_flight, steady)
    limits = use.holding(limits)
    pacer.follow(limits)
    room_day = limits.per_day_used() - use.day
    kept = max(0, limits.kept_per_day() - use.day_live)
    if use.day_left_seen is not None:
        room_day = min(room_day, use.day_left_seen)
    room_minute = limits.live_per_minute() - use.minute
    if use.minute_left_seen is not None:
        room_minute = min(room_minute, use.minute_left_seen)

    live = max(0, min(room_minute, room_day))
    room_history = max(0, min(live, limits.history_per_minute() - use.minute, room_day - kept))
    history = min(room_history, pacer.due(steady))

    if room_history:
        again = pacer.next_at()
    elif room_day - kept <= 0 and limits.live_per_minute() > use.minute:
        again = _frees_at(connection, account, "day", steady)
    else:
        again = _frees_at(connection, account, "minute", steady)
    if use.full_until is not None:
        again = min(again, use.full_until)
    return Grant(live=live, history=history, again_at=max(again, steady + 0.005))


def usage(connection: Connection, account: str, in_flight: Mapping[str, int], steady: float) -> Usage:
    """Spending in both sliding windows. ``in_flight`` counts unanswered requests per lane."""
    spent = dict.fromkeys(((span, lane) for span in SLOT for lane in Lane), 0)
    for span, lane, count in connection.execute(
        _SPENT, {"account": account} | {span: _first_live_slot(span, steady) for span in SLOT}
    ):
        spent[span, lane] = int(count)
    flying = sum(in_flight.values())
    left: dict[str, int] = {}
    full_until = None
    limit: dict[str, int] = {}
    for span, stated, remaining, resets_at in connection.execute(_STATED, {"account": account}):
        limit[span] = stated
        if resets_at <= steady:
            continue
        # Requests in flight may not have been counted yet when the answer was written.
        left[span] = max(0, remaining - flying)
        if left[span] == 0:
            full_until = resets_at
    return Usage(
        minute=sum(spent["minute", lane] for lane in Lane) + flying,
        day=sum(spent["day", lane] for lane in Lane) + flying,
        day_live=spent["day", Lane.LIVE] + in_flight.get(Lane.LIVE, 0),
        minute_left_seen=left.get("minute"),
        day_left_seen=left.get("day"),
        full_until=full_until,
        minute_limit_seen=limit.get("minute"),
        day_limit_seen=limit.get("day"),
    )


def spend(connection: Connection, account: str, lane: str, count: int, steady: float) -> None:
    """Count answered requests (or ones whose answer will never come) at this moment."""
    for span, width in SLOT.items():
        slot = math.floor(steady / width)
        key = {"its_account": account, "its_span": span, "its_lane": lane, "its_slot": slot}
        if connection.execute(_ADD, key | {"count": count}).rowcount == 0:
            connection.execute(
                insert(SLOTS).values(account=account, span=span, lane=lane, slot=slot, spent=count)
            )
            connection.execute(
                delete(SLOTS).where(
                    SLOTS.c.account == account,
                    SLOTS.c.span == span,
                    SLOTS.c.slot < math.floor((steady - WINDOW[span]) / width) - 1,
                )
            )


def observe(connection: Connection, account: str, seen: Seen, steady: float) -> None:
    """Take Privy's headers as the truth where they leave less than our own count."""
    connection.execute(delete(SEEN).where(SEEN.c.account == account, SEEN.c.span == seen.span))
    connection.execute(
        insert(SEEN).values(
            account=account,
            span=seen.span,
            limit=seen.limit,
            remaining=seen.remaining,
            resets_at=steady + min(max(seen.resets_in, 0.0), WINDOW[seen.span]),
        )
    )


def limits_seen(connection: Connection, account: str) -> dict[str, int]:
    """The limits that Privy's headers last stated, per span."""
    rows = connection.execute(select(SEEN.c.span, SEEN.c.limit).where(SEEN.c.account == account))
    return {row[0]: row[1] for row in rows}


def recover(connection: Connection, account: str, steady: float) -> None:
    """After a start: the clock may have been set in between, and nothing may burst or stall for that.

    The minute goes on where it was left, as if no time had passed; that costs at most the time since. A
    day is moved only when it lies ahead of the clock; when it lies too far behind, Privy's headers tell.
    """
    for span, width in SLOT.items():
        its = (SLOTS.c.account == account) & (SLOTS.c.span == span)
        rows = connection.execute(select(SLOTS.c.lane, SLOTS.c.slot, SLOTS.c.spent).where(its)).all()
        if not rows:
            continue
        shift = math.floor(steady / width) - max(row.slot for row in rows)
        if shift > 0 and span == "day":
            continue
        connection.execute(delete(SLOTS).where(its))
        connection.execute(
            insert(SLOTS),
            [
                {
                    "account": account,
                    "span": span,
                    "lane": row.lane,
                    "slot": row.slot + shift,
                    "spent": row.spent,
                }
                for row in rows
            ],
        )
        connection.execute(
            update(SEEN)
            .where(SEEN.c.account == account, SEEN.c.span == span)
            .values(resets_at=SEEN.c.resets_at + shift * width)
        )


def _first_live_slot(span: str, steady: float) -> int:
    """The oldest slot that may still hold a request inside the window."""
    return math.floor((steady - WINDOW[span]) / SLOT[span])


# Built once: building a statement costs as much as running it.
_ADD = (
    update(SLOTS)
    .where(*(SLOTS.c[name] == bindparam(f"its_{name}") for name in ("account", "span", "lane", "slot")))
    .values(spent=SLOTS.c.spent + bindparam("count"))
)
_STATED = (
    select(SEEN.c.span, SEEN.c.limit, SEEN.c.remaining, SEEN.c.resets_at)
    .where(SEEN.c.account == bindparam("account"))
    .order_by(SEEN.c.resets_at)
)
_SPENT = (
    select(SLOTS.c.span, SLOTS.c.lane, func.sum(SLOTS.c.spent))
    .where(
        SLOTS.c.account == bindparam("account"),
        or_(*((SLOTS.c.span == span) & (SLOTS.c.slot >= bindparam(span)) for span in SLOT)),
    )
    .group_by(SLOTS.c.span, SLOTS.c.lane)
)


def _frees_at(connection: Connection, account: str, span: str, steady: float) -> float:
    """When the oldest counted request leaves the window (steady seconds)."""
    oldest = connection.execute(
        select(func.min(SLOTS.c.slot)).where(
            SLOTS.c.account == account,
            SLOTS.c.span == span,
            SLOTS.c.slot >= _first_live_slot(span, steady),
        )
    ).scalar()
    if oldest is None:
        return steady + 1.0
    return float((oldest + 1) * SLOT[span] + WINDOW[span])
