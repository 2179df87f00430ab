"""Vendure's order states, and what payments, refunds and fulfilments prove beside them, as Privy's two.

The table is complete for the default order process of Vendure 3.7.3. A shop may have states of its own; such
a one has no value unless the fulfilments prove a delivery, and the store says what it means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.model.order import FinancialStatus, FulfillmentStatus, Status

FULFILLMENT: Mapping[str, FulfillmentStatus] = {
    "Created": FulfillmentStatus.PENDING,
    "Draft": FulfillmentStatus.PENDING,
    "AddingItems": FulfillmentStatus.PENDING,
    "ArrangingPayment": FulfillmentStatus.PENDING,
    "PaymentAuthorized": FulfillmentStatus.UNFULFILLED,  # in progress, once there is a fulfilment
    "PaymentSettled": FulfillmentStatus.UNFULFILLED,  # in progress, once there is a fulfilment
    "PartiallyShipped": FulfillmentStatus.PARTIALLY_FULFILLED,
    "Shipped": FulfillmentStatus.FULFILLED,
    "PartiallyDelivered": FulfillmentStatus.PARTIALLY_FULFILLED,
    "Delivered": FulfillmentStatus.DELIVERED,
    "Modifying": FulfillmentStatus.ON_HOLD,
    "ArrangingAdditionalPayment": FulfillmentStatus.ON_HOLD,
    "Cancelled": FulfillmentStatus.RESTOCKED,
}

_PAID_STATES = frozenset({"PaymentAuthorized", "PaymentSettled"})
_PREPARED = frozenset({"Created", "Pending"})


def financial(
    state: str, *, total: int | None, settled: int, refunded: int, authorized: int
) -> Status[FinancialStatus]:
    """Computed: an order's state says nothing about refunds. Amounts are in minor units.

    ``settled`` and ``authorized`` are the payments in these states, ``refunded`` the settled refunds.
    Without a ``total`` nobody knows whether what was paid is all of it.
    """
    value: FinancialStatus | None
    if refunded > 0:
        value = FinancialStatus.REFUNDED if refunded >= settled > 0 else FinancialStatus.PARTIALLY_REFUNDED
        return Status(value=value, words=(state,), origin="payments[].refunds[]", firm=True)
    if state == "Cancelled":
        value = FinancialStatus.PAID if settled > 0 else FinancialStatus.VOIDED
    elif total is None:
        value = FinancialStatus.AUTHORIZED if authorized > 0 and not settled else None
    elif settled >= total:
        value = FinancialStatus.PAID
    elif settled > 0:
        value = FinancialStatus.PARTIALLY_PAID
    else:
        value = FinancialStatus.AUTHORIZED if authorized > 0 else FinancialStatus.PENDING
    return Status(value=value, words=(state,), origin="payments[]")


def fulfillment(state: str, fulfillments: Sequence[str], *, whole: bool) -> Status[FulfillmentStatus]:
    """``fulfillments`` are the states of those not cancelled; ``whole`` says that they hold all items."""
    if state in _PAID_STATES and any(one in _PREPARED for one in fulfillments):
        return Status(value=FulfillmentStatus.IN_PROGRESS, words=(state,), origin="fulfillments[].state")
    if state not in FULFILLMENT and whole and fulfillments:
        proof = {"Delivered": FulfillmentStatus.DELIVERED, "Shipped": FulfillmentStatus.FULFILLED}
        for word, value in proof.items():
            if set(fulfillments) == {word}:
                return Status(value=value, words=(state,), origin="fulfillments[].state")
    return Status(value=FULFILLMENT.get(state), words=(state,), origin="state")


def is_settled(state: str, *, settled: int, refunded: int, pending: bool) -> bool:
    """Whether nothing more is expected. A cancelled order waits for its money to go back.

    A refund after the delivery is found by the nightly reading. ``pending`` says that a refund is under way.
    """
    if pending:
        return False
    return state == "Delivered" or (state == "Cancelled" and refunded >= settled)
