"""Medusa's three statuses as Privy's two.

``payment_status`` and ``fulfillment_status`` are computed by Medusa from payments and fulfilments; the tables
are complete for 2.21.2 (``packages/core/core-flows/src/order/utils/aggregate-status.ts``). ``status`` says
``pending`` of every good order, delivered ones too, until somebody completes it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from connector.model.order import FinancialStatus, FulfillmentStatus, Status

FINANCIAL: Mapping[str, FinancialStatus] = {
    "not_paid": FinancialStatus.PENDING,
    "awaiting": FinancialStatus.PENDING,
    "requires_action": FinancialStatus.PENDING,
    "partially_authorized": FinancialStatus.PENDING,
    "authorized": FinancialStatus.AUTHORIZED,
    "partially_captured": FinancialStatus.PARTIALLY_PAID,
    "captured": FinancialStatus.PAID,  # an order for nothing, too: it has no payment (seen)
    "partially_refunded": FinancialStatus.PARTIALLY_REFUNDED,
    "refunded": FinancialStatus.REFUNDED,
    "canceled": FinancialStatus.VOIDED,
}
FULFILLMENT: Mapping[str, FulfillmentStatus] = {
    "not_fulfilled": FulfillmentStatus.UNFULFILLED,
    "partially_fulfilled": FulfillmentStatus.PARTIALLY_FULFILLED,
    "fulfilled": FulfillmentStatus.IN_PROGRESS,  # packed, not yet shipped
    "partially_shipped": FulfillmentStatus.PARTIALLY_FULFILLED,
    "shipped": FulfillmentStatus.FULFILLED,
    "partially_delivered": FulfillmentStatus.PARTIALLY_FULFILLED,
    "delivered": FulfillmentStatus.DELIVERED,
    "canceled": FulfillmentStatus.UNFULFILLED,  # every fulfilment was undone, the order lives
}

_UNPAID = (FinancialStatus.PENDING, FinancialStatus.AUTHORIZED)
_BACK = (FinancialStatus.REFUNDED, FinancialStatus.PARTIALLY_REFUNDED)
_DONE = (FinancialStatus.PAID, FinancialStatus.REFUNDED, FinancialStatus.VOIDED)


class Words(msgspec.Struct, frozen=True):
    """An order's three words as Medusa says them."""

    order: str
    payment: str
    fulfillment: str

    @property
    def canceled(self) -> bool:
        return self.order == "canceled"


def financial(words: Words) -> Status[FinancialStatus]:
    """From the payments; a canceled order that was never paid is void. Money that went back is firm."""
    value = FINANCIAL.get(words.payment)
    if words.canceled and value in _UNPAID:
        return Status(value=FinancialStatus.VOIDED, words=(words.order,), origin="status: canceled")
    return Status(
        value=value, words=(words.payment,), origin=f"payment_status: {words.payment}", firm=value in _BACK
    )


def fulfillment(words: Words) -> Status[FulfillmentStatus]:
    """From the fulfilments. Medusa cancels only orders of which nothing is on its way."""
    if words.canceled:
        return Status(value=FulfillmentStatus.RESTOCKED, words=(words.order,), origin="status: canceled")
    return Status(
        value=FULFILLMENT.get(words.fulfillment),
        words=(words.fulfillment,),
        origin=f"fulfillment_status: {words.fulfillment}",
    )


def is_placed(words: Words) -> bool:
    """Not a draft, nor an order whose buyer is still at the bank."""
    return words.order not in ("draft", "requires_action") and words.payment != "requires_action"


def is_settled(words: Words) -> bool:
    """Whether nothing more is expected: money and goods have arrived, or the order is closed."""
    if words.canceled or words.order == "archived":
        return True
    arrived = words.order == "completed" or words.fulfillment == "delivered"
    return arrived and financial(words).value in _DONE
