"""Whose data must not come back: keyed hashes of contacts, and the orders that were forgotten.

The key is the database's own, so the hashes say nothing outside of it, and nobody's address can be read from
them; whoever has the database can only ask whether an address that they know is among them.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Index, bindparam, delete, select, text, update
from sqlmodel import Field

from connector.model.states import EventKind, OrderState
from connector.state import audit, properties
from connector.state.database import Record, UtcTime, table_of
from connector.state.documents import DOCUMENTS
from connector.state.outbox.payloads import BODIES
from connector.state.outbox.schema import FORGOTTEN, OUTBOX

KEY = "forgotten.key"


class ForgottenContactRecord(Record, table=True):
    """``hash`` of one spelling of a contact; ``asked`` is the hash of what was asked to be forgotten."""

    __tablename__ = "forgotten_contact"

    hash: str = Field(primary_key=True)
    asked: str
    at: datetime = Field(sa_type=UtcTime)


class ForgottenOrderRecord(Record, table=True):
    """``contact`` is the hash for which it was forgotten; empty where the shop named the order itself."""

    __tablename__ = "forgotten_order"
    __table_args__ = (Index("forgotten_order_contact", "contact"),)

    store: str = Field(primary_key=True)
    ref: str = Field(primary_key=True)
    contact: str = Field(primary_key=True)


CONTACTS = table_of(ForgottenContactRecord)
ORDERS = table_of(ForgottenOrderRecord)

REASON = "its buyer's data was purged, and it stays so; connector forget --lift takes that back"
LIFTED = "no longer forgotten: judged again when the shop next shows it, by reconcile or replay for instance"

_MARKED = select(ORDERS.c.ref).where(
    ORDERS.c.store == bindparam("store"), ORDERS.c.ref.in_(bindparam("refs", expanding=True))
)
_HELD = select(CONTACTS.c.hash, CONTACTS.c.asked, CONTACTS.c.at).where(
    CONTACTS.c.hash.in_(bindparam("hashes", expanding=True))
)
# Words that both databases know; SQLAlchemy's own would load each one's dialect.
_MARK = text(
    "INSERT INTO forgotten_order (store, ref, contact) VALUES (:store, :ref, :contact) "
    "ON CONFLICT (store, ref, contact) DO NOTHING"
)
_HOLD = text(
    "INSERT INTO forgotten_contact (hash, asked, at) VALUES (:hash, :asked, :at) "
    "ON CONFLICT (hash) DO UPDATE SET at = excluded.at"
).bindparams(bindparam("at", type_=UtcTime()))


class Memory:
    """What is remembered of a page's orders and buyers, in one transaction; ``marks`` are newly recognised.

    With ``send`` an order that such a buyer placed after they were forgotten is an order like any other.
    """

    def __init__(
        self, connection: Connection, store: str, refs: Sequence[str], *, send: bool = False
    ) -> None:
        self._connection = connection
        self._store = store
        self._send = send
        self._orders = set(connection.scalars(_MARKED, {"store": store, "refs": list(refs)}))
        any_held = connection.execute(select(CONTACTS.c.hash).limit(1)).first() is not None
        self._key = _key(connection) if any_held else None
        self.marks: dict[str, str] = {}

    def order(self, ref: str) -> bool:
        """Whether the order was forgotten."""
        return ref in self._orders

    def buyer(self, ref: str, contacts: Iterable[Collection[str]], placed_at: datetime | None) -> bool:
        """Whether one of these contacts is a forgotten buyer's, so that the order is forgotten too."""
        if self._key is None:
            return False
        hashes = [
            _hash(self._key, scope, spelling)
            for contact in contacts
            for spelling in contact
            for scope in ("", self._store)
        ]
        for row in self._connection.execute(_HELD, {"hashes": hashes}):
            if not (self._send and placed_at is not None and placed_at > row.at):
                self.marks[ref] = row.asked
                return True
        return False

    def keep(self) -> None:
        """Remember the newly recognised orders, so that lifting finds them."""
        mark(self._connection, self._store, self.marks)


def hold(connection: Connection, scope: str, asked: str, spellings: Iterable[str], now: datetime) -> str:
    """Remember a contact, in all ``spellings``, for a store (or all, with an empty ``scope``).

    Returns the hash for ``mark``. Whoever is forgotten again is forgotten from ``now`` on.
    """
    key = _key(connection)
    its = _hash(key, scope, asked)
    rows = [{"hash": _hash(key, scope, one), "asked": its, "at": now} for one in sorted({asked, *spellings})]
    connection.execute(_HOLD, rows)
    return its


def mark(connection: Connection, store: str, orders: Mapping[str, str]) -> None:
    """Remember that these orders (by ref) were forgotten for a contact; empty when for none."""
    rows = [{"store": store, "ref": ref, "contact": contact} for ref, contact in sorted(orders.items())]
    if rows:
        connection.execute(_MARK, rows)


def purge(
    connection: Connection, store: str, refs: Sequence[str], contact: str, who: str, now: datetime
) -> None:
    """Drop the data of these orders, and remember that they are forgotten; ``who`` asked for it, in words.

    They are skipped by the rule ``forgotten`` from now on, also where Privy has them. Numbers, times and
    hashes stay: they say nothing of the buyer. ``refs`` are of one page: few, for they are one transaction.
    """
    mark(connection, store, dict.fromkeys(refs, contact))
    for table in (DOCUMENTS, BODIES):
        connection.execute(delete(table).where(table.c.store == store, table.c.ref.in_(refs)))
    its = OUTBOX.c.store == store, OUTBOX.c.ref.in_(refs)
    known = list(connection.scalars(select(OUTBOX.c.ref).where(*its)))
    connection.execute(
        update(OUTBOX).where(*its).values(state=OrderState.SKIPPED, rule=FORGOTTEN, reason=REASON)
    )
    detail = f"the buyer's data was purged {who}"
    audit.write(
        connection, [audit.Event(now, store, ref, EventKind.NOTE, FORGOTTEN, detail) for ref in known]
    )


def refs_after(connection: Connection, store: str, after: str, most: int) -> list[str]:
    """The next orders of a store, by ref: known ones, and those of which there is only a document."""
    found: set[str] = set()
    for table in (OUTBOX, DOCUMENTS):
        its = select(table.c.ref).where(table.c.store == store, table.c.ref > after)
        found.update(connection.scalars(its.order_by(table.c.ref).limit(most)))
    return sorted(found)[:most]


def lift(connection: Connection, scopes: Sequence[str], asked: str) -> str | None:
    """Forget that a contact was forgotten. Returns the hash that marks its orders, if it was held."""
    key = _key(connection)
    hashes = [_hash(key, scope, asked) for scope in scopes]
    row = connection.execute(_HELD, {"hashes": hashes}).first()
    if row is None:
        return None
    connection.execute(delete(CONTACTS).where(CONTACTS.c.asked == row.asked))
    return str(row.asked)


def marked(connection: Connection, contact: str, most: int) -> list[tuple[str, str]]:
    """(store, ref) of orders that are forgotten for a contact."""
    rows = connection.execute(
        select(ORDERS.c.store, ORDERS.c.ref).where(ORDERS.c.contact == contact).limit(most)
    )
    return [(row.store, row.ref) for row in rows]


def unmark(connection: Connection, store: str, ref: str, contact: str | None, now: datetime) -> bool:
    """Lift an order's mark for a contact (None: all its marks); false when others keep it forgotten."""
    its = [ORDERS.c.store == store, ORDERS.c.ref == ref]
    connection.execute(
        delete(ORDERS).where(*its, *([] if contact is None else [ORDERS.c.contact == contact]))
    )
    if connection.execute(select(ORDERS.c.ref).where(*its)).first() is not None:
        return False
    connection.execute(
        update(OUTBOX)
        .where(OUTBOX.c.store == store, OUTBOX.c.ref == ref, OUTBOX.c.rule == FORGOTTEN)
        .values(reason=LIFTED)
    )
    audit.write(connection, [audit.Event(now, store, ref, EventKind.NOTE, "lifted", LIFTED)])
    return True


def _key(connection: Connection) -> bytes:
    known = properties.get(connection, KEY)
    if known is None:
        known = secrets.token_hex(32)
        properties.put(connection, KEY, known)
    return bytes.fromhex(known)


def _hash(key: bytes, scope: str, spelling: str) -> str:
    return hmac.digest(key, f"{scope}\0{spelling}".encode(), "sha256").hex()
