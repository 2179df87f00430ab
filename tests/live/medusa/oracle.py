"""What Medusa says of an order, from its raw API and by its own sums; nothing of the adapter is used."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from typing import Any

from tests.live.shop import Line, Truth

_DECIMALS = {"JPY": 0, "KWD": 3}
_FINANCIAL = {
    "not_paid": "pending",
    "authorized": "authorized",
    "partially_captured": "partially_paid",
    "captured": "paid",
    "partially_refunded": "partially_refunded",
    "refunded": "refunded",
    "canceled": "voided",
}
_FULFILLMENT = {
    "not_fulfilled": "unfulfilled",
    "fulfilled": "in_progress",
    "partially_fulfilled": "partially_fulfilled",
    "partially_shipped": "partially_fulfilled",
    "shipped": "fulfilled",
    "partially_delivered": "partially_fulfilled",
    "delivered": "delivered",
    "canceled": "unfulfilled",
}


def truth_of(order: dict[str, Any]) -> Truth:
    """What Privy should hold of the order."""
    currency = str(order["currency_code"]).upper()
    canceled = order["status"] == "canceled"
    financial = _FINANCIAL[order["payment_status"]]
    if canceled and financial in ("pending", "authorized"):
        financial = "voided"
    # Medusa's own sums; what came back was sold all the same.
    sold = sum(
        (
            line["total"] + line["return_received_total"] + line["return_dismissed_total"]
            for line in order["items"]
        ),
        order["shipping_total"],
    )
    address, items = order["shipping_address"], order["items"]
    taxed = [*items, *order["shipping_methods"]]
    return Truth(
        order_id=_number(order["id"]),
        placed_at=datetime.fromisoformat(order["created_at"]),
        currency=currency,
        total=_rounded(sold, _DECIMALS.get(currency, 2)),
        financial=financial,
        fulfillment="restocked" if canceled else _FULFILLMENT[order["fulfillment_status"]],
        email=order["email"],
        customer=order["customer_id"],
        phone=re.sub(r"[^+0-9]", "", address["phone"] or ""),
        lines=[
            Line(
                line["variant_sku"] or line["variant_id"],
                int(line["quantity"]),
                Decimal(line["subtotal"]) / _kept(line),
            )
            for line in items
        ],
        codes=frozenset(each["code"] for part in taxed for each in part["adjustments"]),
        tax=sum((_tax(part) for part in taxed), Decimal(0)),
        city=address["city"],
        country=address["country_code"].upper(),
    )


def _number(ref: str) -> int:
    """A hashed ``order_id``: 62 bits of SHA-256 over the store's name and the shop's id, with bit 62 set."""
    digest = sha256(f"live\0{ref}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 2**62 + 2**62


def _tax(part: dict[str, Any]) -> Decimal:
    """Of all that was sold: Medusa's own amount is for what the buyer kept."""
    whole = Decimal(part["quantity"]) / _kept(part) if "quantity" in part else Decimal(1)
    return sum((Decimal(each["total"]) for each in part["tax_lines"]), Decimal(0)) * whole


def _kept(line: dict[str, Any]) -> Decimal:
    """The pieces that did not come back; no customer here returns all of a line."""
    detail = line["detail"]
    return Decimal(
        line["quantity"] - detail["return_received_quantity"] - detail["return_dismissed_quantity"]
    )


def _rounded(amount: Any, decimals: int) -> Decimal:
    return Decimal(amount).quantize(Decimal("1e-9")).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
