"""Shopify's two display statuses as Privy's, complete for the Admin API 2026-10.

A word that is in no table has no value: the store says what it means. Shopify adds words at times
(``FULFILLMENT_NOT_REQUIRED`` in 2026-10), and calls some by new names only in newer versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from adapters.shopify import fields
from connector.model.order import FinancialStatus, FulfillmentStatus, Status

FINANCIAL: Mapping[str, FinancialStatus] = {
    "AUTHORIZED": FinancialStatus.AUTHORIZED,
    "EXPIRED": FinancialStatus.EXPIRED,
    "PAID": FinancialStatus.PAID,
    "PARTIALLY_PAID": FinancialStatus.PARTIALLY_PAID,
    "PARTIALLY_REFUNDED": FinancialStatus.PARTIALLY_REFUNDED,
    "PENDING": FinancialStatus.PENDING,
    "REFUNDED": FinancialStatus.REFUNDED,
    "VOIDED": FinancialStatus.VOIDED,
}

FULFILLMENT: Mapping[str, FulfillmentStatus | None] = {
    "FULFILLED": FulfillmentStatus.FULFILLED,  # delivered, when every parcel is: see fulfillment()
    "PARTIALLY_FULFILLED": FulfillmentStatus.PARTIALLY_FULFILLED,
    "UNFULFILLED": FulfillmentStatus.UNFULFILLED,
    "OPEN": FulfillmentStatus.OPEN,
    "IN_PROGRESS": FulfillmentStatus.IN_PROGRESS,
    "PENDING_FULFILLMENT": FulfillmentStatus.PENDING_FULFILLMENT,
    "ON_HOLD": FulfillmentStatus.ON_HOLD,
    "SCHEDULED": FulfillmentStatus.SCHEDULED,
    "REQUEST_DECLINED": FulfillmentStatus.REQUEST_DECLINED,
    "RESTOCKED": FulfillmentStatus.RESTOCKED,
    "FULFILLMENT_NOT_REQUIRED": None,  # nothing to ship; Privy has no word for it
}

# Of a cancelled order, where no money had been taken: nobody owes anything any more.
_NOTHING_TAKEN = frozenset({"NONE", "PENDING", "AUTHORIZED", "EXPIRED"})
_MONEY_WENT_BACK = frozenset({"REFUNDED", "PARTIALLY_REFUNDED"})

# A parcel that never was, by its status or by what is shown of it.
_DEAD = frozenset({"CANCELLED", "ERROR", "FAILURE"})
_DEAD_DISPLAY = frozenset({"LABEL_VOIDED", "CANCELED", "FAILURE"})
_ARRIVED = frozenset({"DELIVERED", "PICKED_UP"})


def financial(word: str, *, cancelled: bool, outstanding: Decimal) -> Status[FinancialStatus]:
    """From the display status; empty when there was no payment at all, not even a pending one."""
    known = word or "NONE"
    words = (known, known.lower())
    if cancelled and known in _NOTHING_TAKEN:
        return Status(value=FinancialStatus.VOIDED, words=words, origin="cancelledAt")
    if not word:
        value = FinancialStatus.PENDING if outstanding > 0 else FinancialStatus.PAID
        return Status(value=value, words=words, origin="totalOutstandingSet")
    return Status(
        value=FINANCIAL.get(word),
        words=words,
        origin="displayFinancialStatus",
        firm=word in _MONEY_WENT_BACK,
    )


def fulfillment(word: str, parcels: Sequence[Mapping[str, Any]]) -> Status[FulfillmentStatus]:
    """From the display status; delivered when the order is fulfilled and every live parcel has arrived."""
    if word == "FULFILLED" and _all_arrived(parcels):
        return Status(
            value=FulfillmentStatus.DELIVERED,
            words=("DELIVERED", "delivered"),
            origin="fulfillments[].displayStatus",
        )
    return Status(
        value=FULFILLMENT.get(word),
        words=(word, word.lower()) if word else ("NONE", "none"),
        origin="displayFulfillmentStatus",
        known=word in FULFILLMENT,
    )


def is_settled(
    financial: Status[FinancialStatus],
    fulfillment: Status[FulfillmentStatus],
    *,
    cancelled: bool,
    ships: bool,
) -> bool:
    """Whether nothing more is expected: parcels under way are looked after, goods without parcels are not.

    It is not documented whether a carrier's delivery moves the order's change time.
    """
    if financial.value in (FinancialStatus.REFUNDED, FinancialStatus.VOIDED):
        return True
    if cancelled:
        return financial.value in (FinancialStatus.PAID, FinancialStatus.PARTIALLY_REFUNDED)
    done = fulfillment.value is FulfillmentStatus.DELIVERED or (
        not ships and fulfillment.words[0] in ("FULFILLED", "FULFILLMENT_NOT_REQUIRED")
    )
    return done and financial.value in (FinancialStatus.PAID, FinancialStatus.PARTIALLY_REFUNDED)


def _all_arrived(parcels: Sequence[Mapping[str, Any]]) -> bool:
    said = [(fields.word(parcel, "status"), fields.word(parcel, "displayStatus")) for parcel in parcels]
    live = [shown for status, shown in said if status not in _DEAD and shown not in _DEAD_DISPLAY]
    return bool(live) and all(shown in _ARRIVED for shown in live)
