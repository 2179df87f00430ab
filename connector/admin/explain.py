"""Why an order is where it is, and what would be sent for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from connector.ingest.source import Shop
from connector.ingest.transform import Known, judge
from connector.mapping import lanes
from connector.mapping.mapper import Mapped
from connector.model.errors import BadOrder, UsageError
from connector.model.order import Document
from connector.model.states import OrderState
from connector.runtime import exact_json
from connector.state import audit, documents
from connector.state.outbox import claims, payloads, queries


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
    events: list[audit.Event]


def explain(connection: Connection, shop: Shop, wanted: str, now: datetime) -> Explanation:
    """The order's time-line, and of one that waits what its call will do.

    Raises UsageError when no such order was ever seen.
    """
    store = shop.name
    ref = queries.find(connection, store, wanted)
    if ref is None:
        raise UsageError(
            f"store {store} has no order {wanted!r} here: it was never seen. "
            f"Look it up at the shop now: connector preview {store} {wanted}"
        )
    row = queries.row(connection, store, ref)
    assert row is not None
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
    facts = {name: value for name in shown if (value := getattr(row, name)) not in ("", None)}
    if row.state == OrderState.WAITING:
        next_call = lanes.decide(shop.rules, claims.facts_of(row), now)
        facts |= {"lane": next_call.lane, "initial_sync": next_call.initial_sync, "why": next_call.reason}
    return Explanation(
        store=store,
        ref=ref,
        number=row.number,
        order_id=row.order_id,
        state=state,
        facts=facts,
        events=audit.timeline(connection, store, ref),
    )


def preview(connection: Connection, shop: Shop, document: Document, now: datetime) -> Preview:
    """What would be sent for the document by today's mapping, and how it differs from what is known."""
    row = queries.row(connection, shop.name, document.ref)
    known = Known.of(row)
    memory = shop.memory(connection, [document.ref])
    version = judge(shop.bench, document, known, feed="preview", fetched_at=now, now=now, memory=memory)
    verdict = {
        OrderState.WAITING: f"would be sent in the {version.lane} lane: {version.why}",
        OrderState.SKIPPED: f"skipped by rule {version.rule}: {version.reason}",
        OrderState.FAILED: f"cannot be sent: {version.reason}",
    }[version.state]
    if row is not None and version.hash is not None and version.hash == row.told_hash:
        verdict = "unchanged: Privy already knows this payload"
    body: dict[str, Any] = exact_json.decode(version.body) if version.body else {}
    origins = _origins(shop, document, known) if version.body else {}
    held = payloads.get(connection, shop.name, document.ref)
    try:
        old = exact_json.decode(held) if held else None
    except exact_json.NotJSON:
        old = None  # damaged in the database
    differs = None
    if old is not None and body:
        differs = sorted(name for name in {*old, *body} if old.get(name) != body.get(name))
    return Preview(
        ref=document.ref,
        number=version.number,
        verdict=verdict,
        initial_sync=version.initial_sync,
        body=body,
        fields=[(name, value, origins.get(name, "")) for name, value in body.items()],
        notes=version.notes.split(),
        differs=differs,
    )


def held(connection: Connection, store: str, wanted: str) -> Document | None:
    """The stored document of an order, if it is still held."""
    ref = queries.find(connection, store, wanted)
    kept = documents.get(connection, store, ref) if ref else None
    return Document(ref=kept.ref, changed_at=kept.changed_at, body=kept.unpacked()) if kept else None


def _origins(shop: Shop, document: Document, known: Known) -> dict[str, str]:
    try:
        mapped = shop.mapper.map(shop.adapter.parse(document), document.body, told=known.told)
    except BadOrder:
        return {}
    return dict(mapped.origins) if isinstance(mapped, Mapped) else {}
