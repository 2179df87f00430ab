"""Shop against sandbox, order by order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.live.shop import Truth

CENT = Decimal("0.01")


def differences(truth: Truth, stored: Mapping[str, Any] | None) -> list[str]:
    """What Privy holds otherwise than the shop says, a sentence each; empty when they agree."""
    if stored is None:
        return ["is not at Privy"]
    found = []

    def same(name: str, expected: object, held: object) -> None:
        if expected != held:
            found.append(f"{name}: the shop says {expected!s}, Privy holds {held!s}")

    same("total", truth.total, stored.get("total"))
    same("currency", truth.currency, stored.get("currency"))
    same("financial_status", truth.financial, stored.get("financial_status"))
    same("fulfillment_status", truth.fulfillment, stored.get("fulfillment_status"))
    same("email", truth.email, stored.get("email", ""))
    same("phone", truth.phone, stored.get("phone", ""))
    if abs(_moment(stored["order_date"]) - truth.placed_at) >= timedelta(seconds=1):
        same("order_date", truth.placed_at, stored["order_date"])
    items = stored.get("line_items", [])
    same(
        "line_items",
        sorted((line.sku, line.quantity, line.price.quantize(CENT)) for line in truth.lines),
        sorted((item["sku"], item["quantity"], Decimal(item["price"]).quantize(CENT)) for item in items),
    )
    same("total_items", sum(line.quantity for line in truth.lines), stored.get("total_items"))
    coin = Decimal(1).scaleb(int(truth.total.as_tuple().exponent))
    goods = sum((line.quantity * line.price for line in truth.lines), Decimal(0))
    if abs(goods - Decimal(stored["subtotal"])) > coin * max(1, len(items)):
        same("subtotal", goods, stored["subtotal"])
    same("discounts", sorted(truth.codes), sorted(each["code"] for each in stored.get("discounts", [])))
    taxes = sum((Decimal(each["amount"]) for each in stored.get("tax_lines", [])), Decimal(0))
    if truth.customer:
        same("customer_id", truth.customer, stored.get("customer_id", ""))
    if abs(taxes - truth.tax) > coin * max(1, len(stored.get("tax_lines", []))):
        same("tax_lines", truth.tax, taxes)
    address = stored.get("shipping_address", {})
    same("city", truth.city, address.get("city", ""))
    same("country", truth.country, address.get("country_code", ""))
    return found


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
