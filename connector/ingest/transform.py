"""What is to be done about one document: the pure rules in their order, and a version for the outbox."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import DecimalException
from typing import Any

import msgspec
import structlog
from sqlalchemy import Row

from connector.ingest import contacts
from connector.mapping import lanes
from connector.mapping.mapper import Mapped, Mapper
from connector.model import payload
from connector.model.errors import BadOrder
from connector.model.facts import LaneFacts, LaneRules, StoreFacts, Version
from connector.model.order import Document, Order, deleted
from connector.model.states import OrderState
from connector.runtime import exact_json, faults
from connector.sdk.contract import Adapter
from connector.state.forgotten import REASON, Memory
from connector.state.outbox.schema import FORGOTTEN

log = structlog.get_logger()

AHEAD = timedelta(days=1)  # how far a shop's clock or zone may be wrong before a time counts as the future


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What judging a store's documents needs."""

    adapter: Adapter[Any, Any]
    mapper: Mapper
    facts: StoreFacts
    rules: LaneRules


class Known(msgspec.Struct, frozen=True):
    """What the outbox knows of an order already: whether Privy may hold it, and which addresses.

    ``first_told_live`` and ``due_since`` as in LaneFacts; the latter is None until the order waited once.
    """

    told: bool = False
    addresses: tuple[str, ...] = ()
    first_told_live: bool | None = None
    due_since: datetime | None = None

    @classmethod
    def of(cls, row: Row[Any] | None) -> Known:
        """From the order's row in the outbox, or None when it was never seen."""
        if row is None:
            return cls()
        told = bool(row.told_hash or row.maybe)
        return cls(told, tuple(row.told_addresses.split()), row.told_live, row.due_since)


def judge(
    bench: Bench,
    document: Document,
    known: Known,
    *,
    feed: str,
    fetched_at: datetime,
    now: datetime,
    gone: bool = False,
    memory: Memory | None = None,
) -> Version:
    """Parse, map and choose the lane. Never raises for a document's fault: that becomes a failed version.

    ``gone`` says that the shop no longer has the order and the document is the last one known. ``memory``
    knows what is forgotten: such an order is skipped, whatever else it is.
    """
    version = Version(
        ref=document.ref,
        feed=feed,
        state=OrderState.FAILED,
        changed_at=document.changed_at,
        fetched_at=fetched_at,
        dated=bench.adapter.dated,
    )
    forgotten = memory is not None and memory.order(document.ref)
    if forgotten:
        version = msgspec.structs.replace(version, state=OrderState.SKIPPED, rule=FORGOTTEN, reason=REASON)
    try:
        order = bench.mapper.dated(bench.adapter.parse(document), document.body)
        if gone:
            order = deleted(order)
        version = msgspec.structs.replace(
            version,
            number=order.number,
            placed_at=None if order.placed_at and _is_to_come(order.placed_at, now) else order.placed_at,
            settled=order.settled,
        )
        if forgotten:
            return version
        its = contacts.of_order(order, bench.mapper.settings.default_phone_region or "")
        if memory is not None and memory.buyer(document.ref, its, order.placed_at):
            return msgspec.structs.replace(version, state=OrderState.SKIPPED, rule=FORGOTTEN, reason=REASON)
        mapped = bench.mapper.map(order, document.body, told=known.told)
        notes = " ".join(str(note).replace(" ", "_") for note in mapped.notes)
        if not isinstance(mapped, Mapped):
            return msgspec.structs.replace(
                version, state=OrderState.SKIPPED, rule=mapped.rule, reason=mapped.reason, notes=notes
            )
        placed_at = _placed_at(order, mapped, now)
    except BadOrder as error:
        if forgotten:
            return version
        return msgspec.structs.replace(version, reason=str(error))
    except DecimalException:
        reason = "a number in the document is beyond what can be reckoned with"
        return msgspec.structs.replace(version, reason=reason)
    except Exception as error:
        if forgotten:
            return version
        # A fault of ours must cost one order, not the page; the traceback holds no order data.
        fault, at = type(error).__name__, faults.frames(error)
        log.error("order.fault", store=bench.facts.name, ref=document.ref, fault=fault, at=at)
        return msgspec.structs.replace(version, reason=faults.sentence(error))
    its = contacts.of_payload({"email": mapped.payload.email, "phone": mapped.payload.phone})
    if memory is not None and memory.buyer(document.ref, its, order.placed_at):
        return msgspec.structs.replace(version, state=OrderState.SKIPPED, rule=FORGOTTEN, reason=REASON)
    body_model = payload.clearing(mapped.payload, known.addresses)
    body = exact_json.encode(body_model)
    due_since = _due_since(order, bench.facts, now)
    lane = lanes.decide(
        bench.rules,
        LaneFacts(
            placed_at=placed_at,
            due_since=known.due_since or due_since,
            first_told_live=known.first_told_live,
        ),
        now,
    )
    return msgspec.structs.replace(
        version,
        state=OrderState.WAITING,
        placed_at=placed_at,
        notes=notes,
        lane=lane.lane,
        initial_sync=lane.initial_sync,
        why=lane.reason,
        order_id=body_model.order_id,
        body=body,
        hash=payload.fingerprint(body),
        due_since=due_since,
        financial_status=body_model.financial_status or None,
        fulfillment_status=body_model.fulfillment_status or None,
        addresses=" ".join(payload.told_addresses(body_model)),
    )


def _placed_at(order: Order, mapped: Mapped, now: datetime) -> datetime:
    """The earliest time that is stated for the placing: the platform's, or that of the store's mapping.

    Raises BadOrder for an order that would go out as placed in the future: such a time is none, and of an
    order without a time nobody knows whether its buyer may be written to.
    """
    order_date = mapped.payload.order_date
    if _is_to_come(order_date, now):
        raise BadOrder(
            "order_date",
            f"{order_date:%Y-%m-%d %H:%M}Z has not come yet, so it cannot be when the order was placed "
            f"({mapped.origins.get('order_date', 'the shop')}); correct it at the shop or in the mapping",
        )
    return min(order_date, order.placed_at or order_date, order.placed_by or order_date)


def _is_to_come(moment: datetime, now: datetime) -> bool:
    return moment > now + AHEAD


def _due_since(order: Order, facts: StoreFacts, now: datetime) -> datetime:
    """When the order could first have been delivered, for the late rule.

    After the store was first seen every change is this program's to deliver, so the shop's change time
    counts: an order that came in late because of any outage is late. What lies before (a configured
    ``live_from`` in the past) could not be delivered by anybody, so its time starts now.
    """
    ready = min(max(order.placed_at or order.changed_at, order.changed_at), now)
    return ready if ready >= facts.first_seen_at else now
