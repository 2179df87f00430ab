"""Forgetting a buyer: every copy of their data that is held here goes, and leaves no bytes behind."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, delete, select, update

from connector import documents, events
from connector.addresses import country_code
from connector.documents import DOCUMENTS
from connector.errors import BadOrder
from connector.feeds import Shop
from connector.order import Document
from connector.outbox import FORGOTTEN, OUTBOX
from connector.phones import e164

PAGE = 500


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """How many orders of a store lost their buyer's data; ``refs`` are the platform's ids."""

    store: str
    refs: list[str]


def forget(connection: Connection, shop: Shop, contact: str) -> Forgotten:
    """Drop documents and payloads of the buyer with this e-mail address or phone number.

    An order that waited is not sent any more: it is counted as skipped by the rule ``forgotten``. Statuses,
    times and hashes stay; they say nothing of the buyer. ``Database.scrub`` removes
    what is left in the files.
    """
    found: list[str] = []
    last = ""
    while True:
        rows = connection.execute(
            select(DOCUMENTS)
            .where(DOCUMENTS.c.store == shop.name, DOCUMENTS.c.ref > last)
            .order_by(DOCUMENTS.c.ref)
            .limit(PAGE)
        ).all()
        if not rows:
            break
        found += [row.ref for row in rows if _is_of(shop, documents.Kept(*row), contact)]
        last = rows[-1].ref
    now = shop.clock.now()
    for start in range(0, len(found), PAGE):
        refs = found[start : start + PAGE]
        own = (OUTBOX.c.store == shop.name) & OUTBOX.c.ref.in_(refs)
        connection.execute(delete(DOCUMENTS).where(DOCUMENTS.c.store == shop.name, DOCUMENTS.c.ref.in_(refs)))
        connection.execute(
            update(OUTBOX)
            .where(own & OUTBOX.c.state.in_(("waiting", "failed")))
            .values(state="skipped", rule=FORGOTTEN, reason="")
        )
        connection.execute(update(OUTBOX).where(own).values(body=None))
        events.write(
            connection,
            [
                events.Event(
                    now, shop.name, ref, "note", FORGOTTEN, "the buyer's data was purged by an operator"
                )
                for ref in refs
            ],
        )
    return Forgotten(store=shop.name, refs=found)


def _is_of(shop: Shop, kept: documents.Kept, contact: str) -> bool:
    document = Document(ref=kept.ref, changed_at=kept.changed_at, body=kept.unpacked())
    try:
        order = shop.adapter.parse(document)
    except BadOrder:
        # What cannot be read as an order is searched as text: better one order too many than a buyer kept.
        return contact.casefold() in str(document.body).casefold()
    if "@" in contact:
        return order.email.strip().casefold() == contact.strip().casefold()
    wanted = _digits(contact)
    numbers = [_digits(phone.text) for phone in order.phones]
    numbers += [_digits(e164(phone.text, country_code(phone.country)) or "") for phone in order.phones]
    return bool(wanted) and wanted in numbers


def _digits(number: str) -> str:
    return "".join(character for character in number if character.isdigit())
