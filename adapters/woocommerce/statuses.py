"""WooCommerce's statuses and what an order proves beside them, as Privy's two.

The tables are complete for WooCommerce 10.5.0. A slug of a plugin is in neither: its value stays None,
unless a payment date proves that it was paid; the store says what it means.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connector.model.order import FinancialStatus, FulfillmentStatus, Status

FULFILLMENT: Mapping[str, FulfillmentStatus | None] = {
    "pending": FulfillmentStatus.PENDING,
    "on-hold": FulfillmentStatus.ON_HOLD,
    "processing": FulfillmentStatus.UNFULFILLED,
    "completed": FulfillmentStatus.FULFILLED,
    "cancelled": FulfillmentStatus.RESTOCKED,
    "refunded": FulfillmentStatus.RESTOCKED,  # fulfilled, if it had been completed: see fulfillment()
    "failed": FulfillmentStatus.UNFULFILLED,
    "trash": FulfillmentStatus.RESTOCKED,
    "checkout-draft": None,  # an open cart of the block checkout: never sent
    "auto-draft": None,  # an order that is being typed in wp-admin: never sent
}

FINANCIAL: Mapping[str, FinancialStatus] = {
    "pending": FinancialStatus.PENDING,
    "on-hold": FinancialStatus.PENDING,  # authorized, if a gateway says so: see financial()
    "processing": FinancialStatus.PAID,  # pending, if cash is still to be paid on delivery: see financial()
    "completed": FinancialStatus.PAID,
    "cancelled": FinancialStatus.VOIDED,
    "refunded": FinancialStatus.REFUNDED,
    "failed": FinancialStatus.VOIDED,
    "trash": FinancialStatus.VOIDED,
    "checkout-draft": FinancialStatus.PENDING,
    "auto-draft": FinancialStatus.PENDING,
}

NEVER_PLACED = frozenset({"pending", "checkout-draft", "auto-draft", "failed", "trash"})
END_STATES = frozenset({"completed", "cancelled", "refunded", "failed", "trash"})

Body = Mapping[str, Any]
Metas = Mapping[str, Any]


def slug(body: Body) -> str:
    """The status without the ``wc-`` that it carries in WooCommerce's database."""
    return str(body.get("status") or "").removeprefix("wc-")


def words(status: str) -> tuple[str, ...]:
    """The spellings by which a store may name a status."""
    return (status, f"wc-{status}")


def is_placed(status: str, body: Body) -> bool:
    """Whether it may go out as a first push: not while the buyer is at the payment page, nor a dead order.

    One in a status of a plugin only if it was paid, unless the store says more about it.
    """
    if status in NEVER_PLACED:
        return False
    if status not in FINANCIAL:
        return is_paid(body)
    return True


def financial(
    status: str, body: Body, total: Decimal | None, refunded: Decimal, metas: Metas, authorized: Metas
) -> Status[FinancialStatus]:
    """The first rule that fits. ``refunded`` is positive; money that went back is beyond any wording.

    Whether it was all of it is beyond wording only where the ``total`` is known.
    """
    named = words(status)
    if status == "refunded" or (total is not None and refunded >= total > 0):
        origin = "status" if status == "refunded" else "refunds[].total"
        return Status(value=FinancialStatus.REFUNDED, words=named, origin=origin, firm=True)
    if refunded > 0:
        return Status(
            value=FinancialStatus.PARTIALLY_REFUNDED,
            words=named,
            origin="refunds[].total",
            firm=total is not None,
        )
    if status in ("cancelled", "failed", "trash", "pending", "checkout-draft", "auto-draft"):
        return Status(value=FINANCIAL[status], words=named, origin="status")
    if status == "on-hold":
        for key, value in authorized.items():
            if metas.get(key) == value:
                return Status(value=FinancialStatus.AUTHORIZED, words=named, origin=f"meta_data[{key}]")
        return Status(value=FINANCIAL[status], words=named, origin="status")
    if is_paid(body):
        return Status(value=FinancialStatus.PAID, words=named, origin="date_paid_gmt")
    if status == "completed":
        return Status(value=FINANCIAL[status], words=named, origin="status")
    if total == 0:
        return Status(value=FinancialStatus.PAID, words=named, origin="total")
    if status == "processing" and body.get("payment_method") == "cod":
        return Status(value=FinancialStatus.PENDING, words=named, origin="payment_method")
    return Status(value=FINANCIAL.get(status), words=named, origin="status")


def fulfillment(status: str, body: Body) -> Status[FulfillmentStatus]:
    """From the status alone; a refunded order that had been completed was fulfilled."""
    if status == "refunded" and body.get("date_completed_gmt"):
        return Status(value=FulfillmentStatus.FULFILLED, words=words(status), origin="date_completed_gmt")
    known = status in FULFILLMENT
    return Status(value=FULFILLMENT.get(status), words=words(status), origin="status", known=known)


def is_paid(body: Body) -> bool:
    """Whether money came in, whatever became of the order."""
    return bool(body.get("date_paid_gmt"))
