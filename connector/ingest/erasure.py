"""Forgetting a buyer: every copy of their data that is held here goes, and leaves no bytes behind."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, delete, select, update

from connector.ingest.source import Shop
from connector.mapping.addresses import country_code
from connector.mapping.phones import e164
from connector.model.errors import BadOrder
from connector.model.order import Document
from connector.state import audit, documents
from connector.state.documents import DOCUMENTS
from connector.state.outbox.payloads import BODIES
from connector.state.outbox.schema import FORGOTTEN, OUTBOX

PAGE = 500


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """How many orders of a store lost their buyer's data; ``refs`` are the platform's ids."""

    store: str
    refs: list[str]


def forget(connection: Connection, shop: Shop, contact: str) -> Forgotten:
    """Drop documents and payloads of the buyer with this e-mail address or phone number, for an operator.

    ``Database.scrub`` removes what is left in the files.
    """
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        refs, after = search(connection, shop, contact, after)
        found += refs
    purge(connection, shop, found, "by an operator")
    return Forgotten(store=shop.name, refs=found)


def search(
    connection: Connection, shop: Shop, contact: str, after: str, most: int = PAGE
) -> tuple[list[str], str | None]:
    """The buyer's orders among the next ``most`` documents, and where to go on (None at the end)."""
    rows = connection.execute(
        select(DOCUMENTS)
        .where(DOCUMENTS.c.store == shop.name, DOCUMENTS.c.ref > after)
        .order_by(DOCUMENTS.c.ref)
        .limit(most)
    ).all()
    found = [row.ref for row in rows if _is_of(shop, documents.Kept(*row), contact)]
    return found, rows[-1].ref if rows else None


def purge(connection: Connection, shop: Shop, refs: Sequence[str] | None, who: str) -> None:
    """Drop documents and payloads of these orders, or of all the store's; ``who`` asked for it, in words.

    An order that waited is not sent any more: it is counted as skipped by the rule ``forgotten``. Statuses,
    times and hashes stay; they say nothing of the buyer.
    """
    pages = [None] if refs is None else [refs[at : at + PAGE] for at in range(0, len(refs), PAGE)]
    for page in pages:
        for table in (DOCUMENTS, BODIES):
            connection.execute(delete(table).where(*_these(table, shop.name, page)))
        orders = _these(OUTBOX, shop.name, page)
        connection.execute(
            update(OUTBOX)
            .where(*orders, OUTBOX.c.state.in_(("waiting", "failed")))
            .values(state="skipped", rule=FORGOTTEN, reason="")
        )
        told = audit.Event(
            shop.clock.now(), shop.name, "", "note", FORGOTTEN, f"the buyer's data was purged {who}"
        )
        known = connection.execute(select(OUTBOX.c.ref).where(*orders)).scalars()
        audit.write(connection, [msgspec.structs.replace(told, ref=ref) for ref in known])


def _these(table: Table, store: str, refs: Sequence[str] | None) -> list[ColumnElement[bool]]:
    return [table.c.store == store, *([] if refs is None else [table.c.ref.in_(refs)])]


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
