"""What webhooks asked for and nobody has done yet: one row a matter, however often it was asked for.

A row is committed before the webhook is answered. ``version`` counts the webhooks behind a row: whoever does
the work reads it before, and afterwards takes the row away only if it is still the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    Connection,
    Float,
    Index,
    Integer,
    Row,
    Text,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    text,
    update,
)
from sqlmodel import Field

from connector.model.states import InboxKind
from connector.sdk.contract import Notice
from connector.state.database import Record, UtcTime, table_of
from connector.state.outbox.schema import OUTBOX

KINDS = tuple(
    kind for kind in InboxKind if kind is not InboxKind.MESSAGE
)  # in the order in which they are done


class InboxRecord(Record, table=True):
    """``kind`` is an InboxKind's word and says what ``subject`` is: an order, a contact, a sentence, nothing.

    ``first_at`` and ``came_at`` are when the first and the newest webhook came; ``due_at`` is the steady time
    before which it is not tried again.
    """

    __tablename__ = "inbox"
    __table_args__ = (Index("inbox_due", "store", "kind", "due_at"),)

    store: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    subject: str = Field(primary_key=True, sa_type=Text)
    version: int = Field(sa_type=Integer)
    first_at: datetime = Field(sa_type=UtcTime)
    came_at: datetime = Field(sa_type=UtcTime)
    due_at: float = Field(sa_type=Float)
    tries: int = 0


INBOX = table_of(InboxRecord)

# Words that both databases know; SQLAlchemy's own would load each one's dialect.
_ARRIVE = text(
    "INSERT INTO inbox (store, kind, subject, version, first_at, came_at, due_at, tries) "
    "VALUES (:store, :kind, :subject, 1, :now, :now, :due_at, 0) "
    "ON CONFLICT (store, kind, subject) DO UPDATE SET "
    "version = inbox.version + 1, came_at = excluded.came_at, tries = 0, "
    "due_at = CASE WHEN inbox.due_at < excluded.due_at THEN inbox.due_at ELSE excluded.due_at END"
).bindparams(bindparam("now", type_=UtcTime()))


# All at once: a bulk edit at the shop is thousands of webhooks, and a poll reads their orders by the page.
_DROP_READ = delete(INBOX).where(
    INBOX.c.store == bindparam("its_store"),
    INBOX.c.kind == InboxKind.LOOK,
    exists().where(
        OUTBOX.c.store == INBOX.c.store,
        OUTBOX.c.ref == INBOX.c.subject,
        OUTBOX.c.fetched_at > INBOX.c.came_at,
    ),
)


class Errand(msgspec.Struct, frozen=True):
    """One row. ``version`` is what ``settle`` and ``later`` compare."""

    store: str
    kind: InboxKind
    subject: str
    version: int
    first_at: datetime
    came_at: datetime
    due_at: float
    tries: int


def arrive(
    connection: Connection, notices: Iterable[tuple[str, Notice]], *, now: datetime, steady: float
) -> None:
    """Keep what verified webhooks said, as (store, notice)."""
    rows = {(store, kind, subject) for store, notice in notices for kind, subject in _matters(notice)}
    if rows:  # sorted, so that two transactions on PostgreSQL never wait for each other
        connection.execute(
            _ARRIVE,
            [
                {"store": store, "kind": kind, "subject": subject, "now": now, "due_at": steady}
                for store, kind, subject in sorted(rows)
            ],
        )


def due(connection: Connection, store: str, steady: float) -> Errand | None:
    """The errand of a store that comes next: erasures before orders, then the one that was due first."""
    for kind in KINDS:
        row = connection.execute(
            select(INBOX)
            .where(INBOX.c.store == store, INBOX.c.kind == kind, INBOX.c.due_at <= steady)
            .order_by(INBOX.c.due_at)
            .limit(1)
        ).first()
        if row is not None:
            return _errand(row)
    return None


def next_at(connection: Connection, store: str) -> float | None:
    """The steady time at which the store's next errand is due; None when there is none."""
    found: float | None = connection.execute(
        select(func.min(INBOX.c.due_at)).where(INBOX.c.store == store, INBOX.c.kind != InboxKind.MESSAGE)
    ).scalar()
    return found


def settle(connection: Connection, errand: Errand) -> bool:
    """Take a done errand away; false when a newer webhook asked for it again, so that it is due once more."""
    return connection.execute(delete(INBOX).where(*_same(errand))).rowcount > 0


def later(connection: Connection, errand: Errand, due_at: float) -> None:
    """Try again from this steady time on, unless a newer webhook asked for it at once."""
    connection.execute(update(INBOX).where(*_same(errand)).values(due_at=due_at, tries=INBOX.c.tries + 1))


def replace(connection: Connection, errand: Errand, kind: str, *, now: datetime, steady: float) -> None:
    """Take an errand away, whatever came meanwhile, and put one without a subject in its place."""
    connection.execute(
        delete(INBOX).where(
            INBOX.c.store == errand.store, INBOX.c.kind == errand.kind, INBOX.c.subject == errand.subject
        )
    )
    row = {"store": errand.store, "kind": kind, "subject": "", "now": now, "due_at": steady}
    connection.execute(_ARRIVE, row)


def recover(connection: Connection, steady: float) -> None:
    """After a start: what an earlier process left is due now, whatever clock it counted by."""
    connection.execute(update(INBOX).values(due_at=steady))


def drop_read(connection: Connection, store: str) -> None:
    """Take those orders out of a store's inbox that were read after their newest webhook came."""
    connection.execute(_DROP_READ, {"its_store": store})


def counts(connection: Connection) -> dict[str, int]:
    """How many matters each store's inbox holds; stores without any are left out."""
    rows = connection.execute(select(INBOX.c.store, func.count()).group_by(INBOX.c.store))
    return {row[0]: row[1] for row in rows}


def probe(connection: Connection, now: datetime) -> None:
    """Let a row come and go in one transaction, which has to reach the disk; raises when it cannot."""
    row = {"store": "", "kind": "probe", "subject": ""}
    connection.execute(insert(INBOX).values(**row, version=0, first_at=now, came_at=now, due_at=0.0, tries=0))
    connection.execute(delete(INBOX).where(INBOX.c.store == "", INBOX.c.kind == "probe"))


def busy_stores(connection: Connection) -> list[str]:
    """The stores with errands."""
    rows = connection.execute(select(INBOX.c.store).where(INBOX.c.kind != InboxKind.MESSAGE).distinct())
    return sorted(row.store for row in rows)


def notes(connection: Connection, store: str) -> list[Errand]:
    """What the shop told the operator, newest first."""
    rows = connection.execute(
        select(INBOX)
        .where(INBOX.c.store == store, INBOX.c.kind == InboxKind.MESSAGE)
        .order_by(INBOX.c.came_at.desc())
    )
    return [_errand(row) for row in rows]


def _matters(notice: Notice) -> Iterable[tuple[str, str]]:
    for ref in notice.refs:
        yield InboxKind.LOOK, ref
    if notice.erase is not None:
        for contact in notice.erase.contacts:
            yield InboxKind.CONTACT, contact
        for ref in notice.erase.refs:
            yield InboxKind.ORDER, ref
        if notice.erase.everything:
            yield InboxKind.EVERYTHING, ""
    if notice.note:
        yield InboxKind.MESSAGE, notice.note


def _same(errand: Errand) -> Sequence[Any]:
    return (
        INBOX.c.store == errand.store,
        INBOX.c.kind == errand.kind,
        INBOX.c.subject == errand.subject,
        INBOX.c.version == errand.version,
    )


def _errand(row: Row[Any]) -> Errand:
    return Errand(**row._asdict() | {"kind": InboxKind(row.kind)})
