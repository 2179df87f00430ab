"""Why an order is where it is, and what would be sent for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, or_, select

from connector import documents, events, exact_json, outbox, payload
from connector.errors import BadOrder, UsageError
from connector.feeds import Shop
from connector.judgement import Known, judge
from connector.mapping import Mapped
from connector.order import Document
from connector.outbox import OUTBOX


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What would be sent for one document. ``fields`` are (field, value, where it came from).

    ``differs`` names the fields that differ from what is to be, or was, sent; None when nothing is known.
    """

    ref: str
    number: str
    verdict: str
    initial_sync: bool | None
    body: dict[str, Any]
    fields: list[tuple[str, Any, str]]
    notes: list[str]
    differs: list[str] | None


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """An order's present state in words, and its time-line, oldest first."""

    store: str
    ref: str
    number: str
    order_id: int | None
    state: str
    facts: dict[str, Any]
    events: list[events.Event]


def find(connection: Connection, store: str, wanted: str) -> str | None:
    """The ref of an order named by the platform's id, by its number or by its order_id at Privy."""
    names = [OUTBOX.c.ref == wanted, OUTBOX.c.number == wanted]
    if wanted.isascii() and wanted.isdigit() and int(wanted) <= payload.MAX_ORDER_ID:
        names.append(OUTBOX.c.order_id == int(wanted))
    rows = connection.execute(
        select(OUTBOX.c.ref).where(OUTBOX.c.store == store, or_(*names)).order_by(OUTBOX.c.ref != wanted)
    )
    row = rows.first()
    return row.ref if row else None


def explain(connection: Connection, store: str, wanted: str) -> Explanation:
    """The order's time-line. Raises UsageError when no such order was ever seen."""
    ref = find(connection, store, wanted)
    if ref is None:
        raise UsageError(
            f"store {store} has no order {wanted!r} here: it was never seen. "
            f"Look it up at the shop now: connector preview {store} {wanted}"
        )
    row = outbox.known(connection, store, [ref])[ref]
    shown = [
        "lane",
        "rule",
        "reason",
        "notes",
        "placed_at",
        "changed_at",
        "fetched_at",
        "first_seen_at",
        "attempts",
        "financial_status",
        "fulfillment_status",
        "settled",
        "maybe",
        "told_at",
        "told_live",
        "told_changed_at",
    ]
    state = "sending" if row.claimed_at is not None else row.state
    return Explanation(
        store=store,
        ref=ref,
        number=row.number,
        order_id=row.order_id,
        state=state,
        facts={name: value for name in shown if (value := getattr(row, name)) not in ("", None)},
        events=events.timeline(connection, store, ref),
    )


def preview(connection: Connection, shop: Shop, document: Document, now: datetime) -> Preview:
    """What would be sent for the document by today's mapping, and how it differs from what is known."""
    row = outbox.known(connection, shop.name, [document.ref]).get(document.ref)
    known = Known.of(row)
    version = judge(shop.bench, document, known, feed="preview", fetched_at=now, now=now)
    verdict = {
        "waiting": f"would be sent in the {version.lane} lane",
        "skipped": f"skipped by rule {version.rule}: {version.reason}",
        "failed": f"cannot be sent: {version.reason}",
    }[version.state]
    if row is not None and version.hash is not None and version.hash == row.told_hash:
        verdict = "unchanged: Privy already knows this payload"
    body: dict[str, Any] = exact_json.decode(version.body) if version.body else {}
    origins = _origins(shop, document, known) if version.body else {}
    old = exact_json.decode(row.body) if row is not None and row.body else None
    differs = None
    if old is not None and body:
        differs = sorted(name for name in {*old, *body} if old.get(name) != body.get(name))
    return Preview(
        ref=document.ref,
        number=version.number,
        verdict=verdict,
        initial_sync=version.lane == "history" if version.body else None,
        body=body,
        fields=[(name, value, origins.get(name, "")) for name, value in body.items()],
        notes=version.notes.split(),
        differs=differs,
    )


def held(connection: Connection, store: str, wanted: str) -> Document | None:
    """The stored document of an order, if it is still held."""
    ref = find(connection, store, wanted)
    kept = documents.get(connection, store, ref) if ref else None
    return Document(ref=kept.ref, changed_at=kept.changed_at, body=kept.unpacked()) if kept else None


def _origins(shop: Shop, document: Document, known: Known) -> dict[str, str]:
    try:
        mapped = shop.mapper.map(shop.adapter.parse(document), document.body, told=known.told)
    except BadOrder:
        return {}
    return dict(mapped.origins) if isinstance(mapped, Mapped) else {}
