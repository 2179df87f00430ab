"""Why an order is where it is, and what would be sent for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, literal, select

from connector.ingest.source import Shop
from connector.ingest.transform import Known, judge
from connector.mapping import lanes
from connector.mapping.mapper import Mapped
from connector.model import payload
from connector.model.errors import BadOrder, UsageError
from connector.model.order import Document
from connector.runtime import exact_json
from connector.state import audit, documents
from connector.state.outbox import acceptance, claims, payloads
from connector.state.outbox.schema import OUTBOX
from connector.state.stores import STORES


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


class Found(msgspec.Struct, frozen=True):
    """An order that was looked for; ``changed_at`` is the shop's change time, aware UTC."""

    store: str
    ref: str
    number: str
    order_id: int | None
    state: str
    lane: str
    rule: str
    changed_at: datetime


_FOUND: list[Any] = [OUTBOX.c[name] for name in Found.__struct_fields__]


def search(connection: Connection, names: Sequence[str], wanted: str, most: int = 50) -> list[Found]:
    """Orders of these stores named by the platform's id, by their number or by their order_id at Privy.

    In that order. A ``#`` before a number makes no difference.
    """
    bare = wanted.removeprefix("#")
    if not bare:
        return []
    own = OUTBOX.c.store.in_(names)
    ways = [own & (OUTBOX.c.ref == wanted), own & OUTBOX.c.number.in_((bare, f"#{bare}"))]
    if bare.isascii() and bare.isdigit() and int(bare) <= payload.MAX_ORDER_ID:
        accounts = select(STORES.c.account).where(STORES.c.name.in_(names))
        ways.append(OUTBOX.c.account.in_(accounts) & (OUTBOX.c.order_id == int(bare)))
    found: dict[tuple[str, str], Found] = {}
    for way in ways:  # one after the other, so that each uses its own index
        for row in sorted(connection.execute(select(*_FOUND).where(way).limit(most))):
            if row.store in names:
                found.setdefault((row.store, row.ref), Found(*row))
    return list(found.values())[:most]


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


def find(connection: Connection, store: str, wanted: str) -> str | None:
    """The ref of an order of one store, named as in ``search``."""
    found = search(connection, [store], wanted, 1)
    return found[0].ref if found else None


def explain(connection: Connection, shop: Shop, wanted: str, now: datetime) -> Explanation:
    """The order's time-line, and of one that waits what its call will do.

    Raises UsageError when no such order was ever seen.
    """
    store = shop.name
    ref = find(connection, store, wanted)
    if ref is None:
        raise UsageError(
            f"store {store} has no order {wanted!r} here: it was never seen. "
            f"Look it up at the shop now: connector preview {store} {wanted}"
        )
    row = acceptance.known(connection, store, [ref])[ref]
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
    if row.state == "waiting":
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
    row = acceptance.known(connection, shop.name, [document.ref]).get(document.ref)
    known = Known.of(row)
    version = judge(shop.bench, document, known, feed="preview", fetched_at=now, now=now)
    verdict = {
        "waiting": f"would be sent in the {version.lane} lane: {version.why}",
        "skipped": f"skipped by rule {version.rule}: {version.reason}",
        "failed": f"cannot be sent: {version.reason}",
    }[version.state]
    if row is not None and version.hash is not None and version.hash == row.told_hash:
        verdict = "unchanged: Privy already knows this payload"
    body: dict[str, Any] = exact_json.decode(version.body) if version.body else {}
    origins = _origins(shop, document, known) if version.body else {}
    held = payloads.get(connection, shop.name, document.ref)
    old = exact_json.decode(held) if held else None
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
    ref = find(connection, store, wanted)
    kept = documents.get(connection, store, ref) if ref else None
    return Document(ref=kept.ref, changed_at=kept.changed_at, body=kept.unpacked()) if kept else None


def _origins(shop: Shop, document: Document, known: Known) -> dict[str, str]:
    try:
        mapped = shop.mapper.map(shop.adapter.parse(document), document.body, told=known.told)
    except BadOrder:
        return {}
    return dict(mapped.origins) if isinstance(mapped, Mapped) else {}
