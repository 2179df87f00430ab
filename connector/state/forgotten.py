"""Whose data must not come back: keyed hashes of contacts, and the orders that were forgotten.

The key is the database's own, so the hashes say nothing outside of it, and nobody's address can be read from
them; whoever has the database can only ask whether an address that they know is among them.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, bindparam, select, text
from sqlmodel import Field

from connector.state.database import Record, UtcTime, table_of

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

_ORDERS = select(ORDERS.c.ref).where(
    ORDERS.c.store == bindparam("store"), ORDERS.c.ref.in_(bindparam("refs", expanding=True))
)
_ANY = select(CONTACTS.c.hash).limit(1)
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
