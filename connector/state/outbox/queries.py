"""What others ask of the outbox, each question a function: sums, lists, searches. They change nothing.

Times are aware UTC. The states are written by ``acceptance``, ``claims`` and ``failures`` alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, func, literal, select

from connector.model.payload import MAX_ORDER_ID
from connector.model.states import OrderState
from connector.state.documents import DOCUMENTS
from connector.state.outbox.schema import OUTBOX
from connector.state.stores import STORES


class Found(msgspec.Struct, frozen=True):
    """An order that was looked for; ``changed_at`` is the shop's change time."""

    store: str
    ref: str
    number: str
    order_id: int | None
    state: str
    lane: str
    rule: str
    changed_at: datetime


class Backlog(msgspec.Struct, frozen=True):
    """What of a store waits in one lane; ``oldest`` is since when the oldest is known as it is."""

    store: str
    lane: str
    orders: int
    oldest: datetime


class Newest(msgspec.Struct, frozen=True):
    """When the newest order was placed, and the newest that Privy has; how many messages were prevented."""

    store: str
    placed_at: datetime | None
    told_placed_at: datetime | None
    prevented: int


_PART = 500  # refs of one statement
_FOUND: list[Any] = [OUTBOX.c[name] for name in Found.__struct_fields__]


def row(connection: Connection, store: str, ref: str) -> Row[Any] | None:
    """An order's whole row, to be read and not written: without the lock of ``acceptance.known``."""
    return connection.execute(select(OUTBOX).where(OUTBOX.c.store == store, OUTBOX.c.ref == ref)).first()


def rows(connection: Connection, store: str, refs: Sequence[str]) -> dict[str, Row[Any]]:
    """The same of several orders, by ref."""
    its = select(OUTBOX).where(OUTBOX.c.store == store, OUTBOX.c.ref.in_(refs))
    return {one.ref: one for one in connection.execute(its)}


def refs_after(connection: Connection, store: str, after: str, most: int, state: str = "") -> list[str]:
    """The next orders of a store (in a state), by ref."""
    its = select(OUTBOX.c.ref).where(OUTBOX.c.store == store, OUTBOX.c.ref > after)
    if state:
        its = its.where(OUTBOX.c.state == state)
    return list(connection.scalars(its.order_by(OUTBOX.c.ref).limit(most)))


def search(connection: Connection, names: Sequence[str], wanted: str, most: int = 50) -> list[Found]:
    """Orders of these stores named by the platform's id, by their number or by their order_id at Privy.

    In that order. A ``#`` before a number makes no difference.
    """
    bare = wanted.removeprefix("#")
    if not bare:
        return []
    own = OUTBOX.c.store.in_(names)
    ways = [own & (OUTBOX.c.ref == wanted), own & OUTBOX.c.number.in_((bare, f"#{bare}"))]
    if bare.isascii() and bare.isdigit() and int(bare) <= MAX_ORDER_ID:
        accounts = select(STORES.c.account).where(STORES.c.name.in_(names))
        ways.append(OUTBOX.c.account.in_(accounts) & (OUTBOX.c.order_id == int(bare)))
    found: dict[tuple[str, str], Found] = {}
    for way in ways:  # one after the other, so that each uses its own index
        for row in sorted(connection.execute(select(*_FOUND).where(way).limit(most))):
            if row.store in names:
                found.setdefault((row.store, row.ref), Found(*row))
    return list(found.values())[:most]


def find(connection: Connection, store: str, wanted: str) -> str | None:
    """The ref of an order of one store, named as in ``search``."""
    found = search(connection, [store], wanted, 1)
    return found[0].ref if found else None


def listed(
    connection: Connection, store: str, like: Mapping[str, str], note: str = "", most: int = 100
) -> list[Found]:
    """A store's orders whose columns (state, lane, rule) are as in ``like``, the last changed first.

    ``note`` is one that they must have.
    """
    query = select(*_FOUND).where(
        OUTBOX.c.store == store, *(OUTBOX.c[name] == value for name, value in like.items())
    )
    if note:
        query = query.where((literal(" ") + OUTBOX.c.notes + " ").contains(f" {note} ", autoescape=True))
    query = query.order_by(OUTBOX.c.changed_at.desc(), OUTBOX.c.ref).limit(most)
    return [Found(*row) for row in connection.execute(query)]


def placed_since(connection: Connection, store: str, since: datetime) -> list[str]:
    """The refs of a store's orders that were placed from ``since`` on."""
    placed = select(OUTBOX.c.ref).where(OUTBOX.c.store == store, OUTBOX.c.placed_at >= since)
    return list(connection.scalars(placed))


def newest_refs(connection: Connection, store: str, most: int, since: datetime | None = None) -> list[str]:
    """The refs of a store's newest orders, newest first (placed from ``since`` on).

    Without ``since`` those of which nobody knows when they were placed (they cannot be read) follow.
    """
    its = select(OUTBOX.c.ref).where(OUTBOX.c.store == store)
    dated = its.where(OUTBOX.c.placed_at.is_not(None)).order_by(OUTBOX.c.placed_at.desc(), OUTBOX.c.ref)
    if since is not None:
        return list(connection.scalars(dated.where(OUTBOX.c.placed_at >= since).limit(most)))
    found = list(connection.scalars(dated.limit(most)))
    if len(found) < most:
        undated = its.where(OUTBOX.c.placed_at.is_(None)).order_by(OUTBOX.c.ref)
        found += connection.scalars(undated.limit(most - len(found)))
    return found


def placed_times(connection: Connection, store: str, now: datetime, most: int) -> list[datetime]:
    """When a store's newest orders were placed, newest first."""
    newest = (
        select(OUTBOX.c.placed_at)
        .where(OUTBOX.c.store == store, OUTBOX.c.placed_at <= now)
        .order_by(OUTBOX.c.placed_at.desc())
        .limit(most)
    )
    return list(connection.scalars(newest))


def skipped_of_newest(connection: Connection, store: str, rule: str, most: int) -> tuple[int, int]:
    """How many of a store's newest orders that rule skips, and how many orders were looked at."""
    newest = (
        select(OUTBOX.c.rule)
        .where(OUTBOX.c.store == store, OUTBOX.c.placed_at.is_not(None))
        .order_by(OUTBOX.c.placed_at.desc())
        .limit(most)
        .subquery()
    )
    row = connection.execute(
        select(func.count().filter(newest.c.rule == rule), func.count()).select_from(newest)
    ).one()
    return row[0], row[1]


def backlog(connection: Connection, stores: Sequence[str]) -> list[Backlog]:
    """What waits to be sent, by store and lane; none for a lane where nothing waits."""
    rows = connection.execute(
        select(OUTBOX.c.store, OUTBOX.c.lane, func.count(), func.min(OUTBOX.c.fetched_at))
        .where(OUTBOX.c.store.in_(stores), OUTBOX.c.state == OrderState.WAITING)
        .group_by(OUTBOX.c.store, OUTBOX.c.lane)
    )
    return [Backlog(*row) for row in rows]


def newest(connection: Connection, stores: Sequence[str]) -> list[Newest]:
    """The newest orders of each of these stores that was ever seen."""
    of_its_store = OUTBOX.c.store == STORES.c.name
    placed = select(OUTBOX.c.placed_at).where(of_its_store).order_by(OUTBOX.c.placed_at.desc()).limit(1)
    rows = connection.execute(
        select(
            STORES.c.name,
            placed.where(OUTBOX.c.placed_at.is_not(None)).scalar_subquery(),
            placed.where(OUTBOX.c.told_at.is_not(None), OUTBOX.c.placed_at.is_not(None)).scalar_subquery(),
            STORES.c.prevented,
        ).where(STORES.c.name.in_(stores))
    )
    return [Newest(*row) for row in rows]


def notes(connection: Connection, store: str) -> dict[str, int]:
    """How many of a store's orders carry each note."""
    found: dict[str, int] = {}
    for text, count in connection.execute(
        select(OUTBOX.c.notes, func.count())
        .where(OUTBOX.c.store == store, OUTBOX.c.notes != "")
        .group_by(OUTBOX.c.notes)
    ):
        for note in text.split():
            found[note] = found.get(note, 0) + count
    return found


def last_fetched(connection: Connection, store: str, refs: Sequence[str]) -> datetime | None:
    """When the newest of these orders was fetched, of those that are known."""
    found: datetime | None = connection.scalar(
        select(func.max(OUTBOX.c.fetched_at)).where(OUTBOX.c.store == store, OUTBOX.c.ref.in_(refs))
    )
    return found


class Unconfigured(msgspec.Struct, frozen=True):
    """A store that the database knows and the configuration does not, and what is held of it.

    ``documents`` hold buyers' data; ``waiting`` and ``failed`` are sent by nobody.
    """

    store: str
    waiting: int
    failed: int
    delivered: int
    skipped: int
    documents: int


def unconfigured(connection: Connection, configured: Collection[str]) -> list[Unconfigured]:
    """Every such store of which an order waits or failed, or buyers' data is held."""
    found = []
    for store in connection.scalars(select(STORES.c.name).order_by(STORES.c.name)).all():
        if store in configured:
            continue
        by_state = select(OUTBOX.c.state, func.count()).where(OUTBOX.c.store == store)
        sums = {row[0]: row[1] for row in connection.execute(by_state.group_by(OUTBOX.c.state))}
        held = connection.scalar(
            select(func.count()).select_from(DOCUMENTS).where(DOCUMENTS.c.store == store)
        )
        waiting, failed, delivered, skipped = (
            sums.get(state, 0)
            for state in (OrderState.WAITING, OrderState.FAILED, OrderState.DELIVERED, OrderState.SKIPPED)
        )
        one = Unconfigured(store, waiting, failed, delivered, skipped, held or 0)
        if one.waiting or one.failed or one.documents:
            found.append(one)
    return found


def told_between(connection: Connection, store: str, since: datetime, until: datetime) -> list[str]:
    """The refs of a store's orders placed in a span that Privy may hold and that are not final."""
    told = select(OUTBOX.c.ref).where(
        OUTBOX.c.store == store,
        OUTBOX.c.placed_at >= since,
        OUTBOX.c.placed_at < until,
        OUTBOX.c.told_hash.is_not(None) | OUTBOX.c.maybe,
        OUTBOX.c.settled.is_(False),
    )
    return list(connection.scalars(told))


def not_final(connection: Connection, store: str, since: datetime, most: int) -> list[str]:
    """The refs of delivered orders that are not final, placed from ``since`` on, the longest unseen first."""
    found = (
        select(OUTBOX.c.ref)
        .where(
            OUTBOX.c.store == store,
            OUTBOX.c.state == OrderState.DELIVERED,
            OUTBOX.c.settled.is_(False),
            OUTBOX.c.placed_at >= since,
        )
        .order_by(OUTBOX.c.looked_at.nulls_first(), OUTBOX.c.placed_at.desc())
        .limit(most)
    )
    return list(connection.scalars(found))


def states(connection: Connection, store: str, refs: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """(ref, state, skip rule) of those of these orders that are known; reads no order besides them."""
    wanted = sorted(refs)
    for start in range(0, len(wanted), _PART):
        rows = connection.execute(
            select(OUTBOX.c.ref, OUTBOX.c.state, OUTBOX.c.rule).where(
                OUTBOX.c.store == store, OUTBOX.c.ref.in_(wanted[start : start + _PART])
            )
        )
        for row in rows:
            yield row.ref, row.state, row.rule


def delivered(connection: Connection, store: str, *, newest: int) -> list[Row[Any]]:
    """The rows of a store's ``newest`` delivered orders, the last placed first."""
    query = _DELIVERED.where(OUTBOX.c.store == store).order_by(OUTBOX.c.placed_at.desc(), OUTBOX.c.ref)
    return list(connection.execute(query.limit(newest)))


def delivered_after(connection: Connection, store: str, ref: str, most: int) -> list[Row[Any]]:
    """The rows of a store's delivered orders whose ref comes after ``ref``, by ref: to go through all."""
    query = _DELIVERED.where(OUTBOX.c.store == store, OUTBOX.c.ref > ref).order_by(OUTBOX.c.ref)
    return list(connection.execute(query.limit(most)))


def count_delivered(connection: Connection, store: str) -> int:
    """How many of a store's orders are delivered; read from an index alone."""
    query = select(func.count()).where(OUTBOX.c.store == store, OUTBOX.c.state == "delivered")
    return connection.execute(query).scalar_one()


_DELIVERED = select(OUTBOX).where(OUTBOX.c.state == "delivered", OUTBOX.c.told_hash.is_not(None))
