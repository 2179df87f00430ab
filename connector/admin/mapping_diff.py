"""What a changed mapping would make otherwise of the orders that are known, and what sending that costs.

Each order's newest document is mapped anew and compared with the payload that was made of it before. Nothing
is written; orders are read by the page, so nobody waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, Row

from connector.admin.pace import calls_take
from connector.admin.status import usage_of
from connector.ingest.source import Shop
from connector.ingest.transform import Bench, Known, judge
from connector.model.facts import Version
from connector.model.limits import Limits
from connector.model.order import Document
from connector.model.states import Lane, OrderState
from connector.runtime import exact_json
from connector.state import documents
from connector.state.outbox import payloads, queries
from connector.state.outbox.schema import FORGOTTEN

PAGE = 100  # orders of one reading
SAMPLES = 3  # orders that are named of each kind of change
WORDS = ("financial_status", "fulfillment_status", "currency")
CONSENTS = ("accepts_email_marketing", "accepts_sms_marketing")
_SENT = (OrderState.WAITING, OrderState.DELIVERED)


class Change(msgspec.Struct):
    """So many ``orders`` change alike; ``samples`` are the numbers of some."""

    orders: int = 0
    samples: list[str] = msgspec.field(default_factory=list)

    def add(self, number: str) -> None:
        """One more order."""
        self.orders += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(number)


class Totals(msgspec.Struct):
    """The sum of the totals of the orders whose total changes, in one currency."""

    orders: int = 0
    before: Decimal = Decimal(0)
    after: Decimal = Decimal(0)


class Effect(msgspec.Struct, kw_only=True):
    """What would change of the ``looked`` orders.

    ``unheld`` more have no document here any more. ``fields`` says how many payloads differ in each field,
    ``values`` which words become which (``financial_status: pending -> paid``), ``totals`` sums by currency,
    ``moved`` what is sent, skipped or fails now and was not before. ``unseen`` payloads differ, but what was
    sent is held no longer. Sending all takes ``calls``, of which ``live`` may write to buyers.
    """

    store: str
    looked: int = 0
    unheld: int = 0
    differing: int = 0
    unseen: int = 0
    fields: dict[str, Change] = msgspec.field(default_factory=dict)
    values: dict[str, Change] = msgspec.field(default_factory=dict)
    totals: dict[str, Totals] = msgspec.field(default_factory=dict)
    moved: dict[str, Change] = msgspec.field(default_factory=dict)
    calls: int = 0
    live: int = 0
    takes_seconds: float = 0.0
    done_at: datetime | None = None

    def field(self, name: str, number: str) -> None:
        """One order's payload differs in this field."""
        self.fields.setdefault(name, Change()).add(number)


async def effect(
    shop: Shop,
    bench: Bench,
    limits: Limits,
    *,
    last: int,
    since: datetime | None = None,
    tell: Callable[[int], None] = lambda looked: None,
) -> Effect:
    """Map the store's newest ``last`` orders (placed from ``since`` on) by ``bench``, which is the new one.

    ``tell`` hears how many were looked at so far.
    """
    found = Effect(store=shop.name)
    refs = await shop.db.read(queries.newest_refs, shop.name, last, since)
    now = shop.clock.now()
    for start in range(0, len(refs), PAGE):
        await shop.db.read(_page, shop, bench, refs[start : start + PAGE], now, found)
        tell(found.looked + found.unheld)
    use = await shop.db.read(usage_of, shop.account, shop.clock.steady())
    takes = calls_take(found.calls, limits, use)
    found.takes_seconds = takes.total_seconds()
    found.done_at = now + takes if found.calls else None
    return found


def _page(
    connection: Connection, shop: Shop, bench: Bench, refs: Sequence[str], now: datetime, found: Effect
) -> None:
    rows = queries.rows(connection, shop.name, refs)
    kept = documents.several(connection, shop.name, refs)
    bodies = payloads.several(connection, shop.name, refs)
    memory = shop.memory(connection, refs)
    for ref in refs:
        row, document = rows.get(ref), kept.get(ref)
        if row is None or row.rule == FORGOTTEN:
            continue
        if document is None:
            found.unheld += 1
            continue
        found.looked += 1
        version = judge(
            bench,
            Document(ref=ref, changed_at=document.changed_at, body=document.unpacked()),
            Known.of(row),
            feed="diff",
            fetched_at=now,
            now=now,
            gone=document.gone,
            memory=memory,
        )
        _compare(row, version, bodies.get(ref), found)


def _compare(row: Row[Any], version: Version, body: bytes | None, found: Effect) -> None:
    number = version.number or row.number or row.ref
    before, after = _end(row.state, row.rule, row.reason), _end(version.state, version.rule, version.reason)
    sent = version.state is OrderState.WAITING
    if before != after:
        found.differing += 1
        found.moved.setdefault(f"{before} -> {after}", Change()).add(number)
    elif sent and version.hash != row.hash:
        found.differing += 1
        _fields(body, version.body or b"{}", number, found)
    if sent and version.hash != row.told_hash and row.state != OrderState.WAITING:
        found.calls += 1
        found.live += version.lane is Lane.LIVE


def _end(state: str, rule: str, reason: str) -> str:
    if state in _SENT:
        return "sent"
    return f"skipped by {rule}" if state == OrderState.SKIPPED else f"failed: {reason}"


def _fields(before: bytes | None, after: bytes, number: str, found: Effect) -> None:
    try:
        old = exact_json.decode(before) if before is not None else None
    except exact_json.NotJSON:
        old = None  # damaged in the database
    if not isinstance(old, dict):
        found.unseen += 1
        return
    new: dict[str, Any] = exact_json.decode(after)
    for name in {**old, **new}:
        one, other = old.get(name), new.get(name)
        if one == other:
            continue
        found.field(name, number)
        if name in (*WORDS, *CONSENTS):
            change = f"{name}: {_word(one)} -> {_word(other)}"
            found.values.setdefault(change, Change()).add(number)
        elif name == "total":
            _total(old, new, found)


def _total(old: dict[str, Any], new: dict[str, Any], found: Effect) -> None:
    if old.get("currency") != new.get("currency"):
        return  # two sums of two currencies cannot be compared
    sums = found.totals.setdefault(str(new.get("currency")), Totals())
    sums.orders += 1
    sums.before += Decimal(old.get("total") or 0)
    sums.after += Decimal(new.get("total") or 0)


def _word(value: Any) -> str:
    return "nothing" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def by_size(changes: dict[str, Change]) -> list[tuple[str, Change]]:
    """The changes, the most frequent first."""
    sizes = Counter({name: change.orders for name, change in changes.items()})
    return [(name, changes[name]) for name, _ in sizes.most_common()]
