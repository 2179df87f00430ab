"""What of a payload may be shown to whoever did not sign in: nothing that could tell who the buyer is."""

from __future__ import annotations

from typing import Any

MASK = "•••••"

# Fields of Privy's order, and of what stands in them, that say what was sold, and not to whom. What is not
# named here is masked; so are the names of goods (engravings) and codes of vouchers (made for one buyer).
_OPEN = frozenset(
    {
        "order_id", "total", "currency", "order_date", "subtotal", "discounts", "tax_lines", "total_items",
        "financial_status", "fulfillment_status", "line_items", "accepts_email_marketing",
        "accepts_sms_marketing", "initial_sync",
    }
)  # fmt: skip
_OPEN_INSIDE = frozenset({"sku", "product_id", "variant_id", "quantity", "price", "amount", "title"})


def masked(field: str, value: Any) -> Any:
    """The value of a payload's field, with everything hidden in it that may be personal."""
    return _opened(value) if field in _OPEN else _hidden(value)


def _opened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: item if name in _OPEN_INSIDE else _hidden(item) for name, item in value.items()}
    return [_opened(item) for item in value] if isinstance(value, list) else value


def _hidden(value: Any) -> Any:
    return value if value is None or isinstance(value, bool) or value in ({}, []) else MASK
