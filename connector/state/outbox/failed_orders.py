"""Orders that could not be sent: asked for by store and reason, and set aside. Times are aware UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select, update

from connector.model.states import OrderState
from connector.state.outbox.schema import DISCARDED, OUTBOX


class Failure(msgspec.Struct, frozen=True):
    """One failed order; ``changed_at`` is of the version that failed."""

    store: str
    ref: str
    number: str
    order_id: int | None
    changed_at: datetime
    reason: str


class Group(msgspec.Struct, frozen=True):
    """The failed orders of a store that share a reason; times are of their changes."""

    store: str
    reason: str
    count: int
    oldest: datetime
    newest: datetime

    @property
    def key(self) -> str:
        """A short name for the reason, for addresses."""
        return sha256(self.reason.encode()).hexdigest()[:12]


class LastFailure(msgspec.Struct, frozen=True):
    """The last order of a store that failed, and when it was fetched."""

    ref: str
    number: str
    reason: str
    at: datetime


def groups(connection: Connection, stores: Sequence[str]) -> list[Group]:
    """The stores' failed orders by reason, the largest group first."""
    count = func.count().label("count")
    changed = OUTBOX.c.changed_at
    rows = connection.execute(
        select(OUTBOX.c.store, OUTBOX.c.reason, count, func.min(changed), func.max(changed))
        .where(OUTBOX.c.store.in_(stores), OUTBOX.c.state == OrderState.FAILED)
        .group_by(OUTBOX.c.store, OUTBOX.c.reason)
        .order_by(count.desc(), OUTBOX.c.store, OUTBOX.c.reason)
    )
    return [Group(*row) for row in rows]


def listed(
    connection: Connection, store: str | None = None, reason: str | None = None, *, most: int | None = None
) -> list[Failure]:
    """Failed orders (of a store, for a reason), by store and reason, the last changed first."""
    columns: list[Any] = [OUTBOX.c[name] for name in Failure.__struct_fields__]
    query = select(*columns).where(OUTBOX.c.state == OrderState.FAILED)
    if store is not None:
        query = query.where(OUTBOX.c.store == store)
    if reason is not None:
        query = query.where(OUTBOX.c.reason == reason)
    query = query.order_by(OUTBOX.c.store, OUTBOX.c.reason, OUTBOX.c.changed_at.desc(), OUTBOX.c.ref)
    return [Failure(*row) for row in connection.execute(query.limit(most))]


def last(connection: Connection, store: str) -> LastFailure | None:
    """The failed order of a store that was fetched last."""
    row = connection.execute(
        select(OUTBOX.c.ref, OUTBOX.c.number, OUTBOX.c.reason, OUTBOX.c.fetched_at)
        .where(OUTBOX.c.store == store, OUTBOX.c.state == OrderState.FAILED)
        .order_by(OUTBOX.c.fetched_at.desc())
        .limit(1)
    ).first()
    return LastFailure(*row) if row else None


def set_aside(connection: Connection, store: str, refs: Sequence[str]) -> None:
    """failed → skipped, by the rule of what an operator discarded."""
    connection.execute(
        update(OUTBOX)
        .where(OUTBOX.c.store == store, OUTBOX.c.ref.in_(refs), OUTBOX.c.state == OrderState.FAILED)
        .values(state=OrderState.SKIPPED, rule=DISCARDED)
    )
