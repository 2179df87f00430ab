"""A WooCommerce order document (REST v3) as an Order. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from adapters.woocommerce import statuses
from adapters.woocommerce.configuration import Options
from adapters.woocommerce.documents import moment
from connector.errors import BadOrder
from connector.order import Address, Consent, Discount, Document, LineItem, Order, Phone, TaxLine

# How gateways mark payments made in their test mode; WooCommerce itself has no such flag. Read in the
# sources of WooPayments, PayPal Payments and Payment Plugins for Stripe, November 2026.
TEST_MODES: Mapping[str, str] = {
    "_wcpay_mode": "test",
    "_ppcp_paypal_payment_mode": "sandbox",
    "_wc_stripe_mode": "test",
}

ORIGINS: Mapping[str, str] = {
    "order_id": "id",
    "total": "total",
    "currency": "currency",
    "order_date": "date_created_gmt",
    "email": "billing.email",
    "customer_id": "customer_id",
    "subtotal": "line_items[].subtotal",
    "discounts": "coupon_lines[], fee_lines[] below zero",
    "tax_lines": "tax_lines[]",
    "total_items": "line_items[].quantity",
    "line_items": "line_items[]",
    "billing_address": "billing",
    "shipping_address": "shipping",
}

_CURRENCY = re.compile(r"[A-Z]{3}")
_LARGEST = Decimal(10) ** 15
_PRICE_STEP = Decimal("0.000001")  # as exact as WooCommerce itself prints a line's price
_GIVEN = frozenset({"1", "true", "yes", "on"})
_WITHHELD = frozenset({"", "0", "false", "no", "off"})


def parse(document: Document, options: Options) -> Order:
    """The order in our words. Raises BadOrder naming the field that cannot be.

    ``placed_at`` is when the order was created, also for the block checkout, where that is when its draft
    was made, at most a day earlier. The payment date would move when a merchant books a bank transfer, and
    an old order would pass for a new one.
    """
    body = document.body
    if str(body.get("id")) != document.ref:
        raise BadOrder("id", "is not the id under which the shop listed the order")
    status = statuses.slug(body)
    total = money(body.get("total"), "total")
    metas = _metas(body)
    refunded = sum(
        (abs(money(refund.get("total"), "refunds[].total")) for refund in _rows(body, "refunds")), Decimal(0)
    )
    lines = _rows(body, "line_items")
    billing, shipping = _part(body, "billing"), _part(body, "shipping")
    sms_consent = _consent(metas, options.sms_consent)
    return Order(
        ref=document.ref,
        number=_text(body.get("number")),
        placed_at=_placed_at(body),
        changed_at=document.changed_at,
        currency=_currency(body),
        total=total,
        financial=statuses.financial(status, body, total, refunded, metas, options.authorized),
        fulfillment=statuses.fulfillment(status, body),
        placed=statuses.is_placed(status, body),
        test=any(metas.get(key) == mode for key, mode in TEST_MODES.items()),
        settled=status in statuses.END_STATES,
        subtotal=sum((money(line.get("subtotal"), "line_items[].subtotal") for line in lines), Decimal(0)),
        discounts=_discounts(body),
        tax_lines=tuple(_tax_line(line) for line in _rows(body, "tax_lines")),
        line_items=tuple(_line_item(line) for line in lines),
        email=_text(billing.get("email")),
        phones=_phones(billing, shipping, metas, options, sms_consent),
        customer_id=_id(body.get("customer_id"), "customer_id"),
        billing=_address(billing),
        shipping=_address(shipping),
        email_consent=_consent(metas, options.email_consent),
        sms_consent=sms_consent,
        origins=ORIGINS,
    )


def money(value: Any, field: str) -> Decimal:
    """An amount, written as text or as a number. Raises BadOrder."""
    try:
        amount = Decimal(value.strip()) if isinstance(value, str) else value
    except InvalidOperation:
        raise BadOrder(field, "is not an amount of money") from None
    if isinstance(amount, int) and not isinstance(amount, bool):
        amount = Decimal(amount)
    if not isinstance(amount, Decimal) or not amount.is_finite():
        raise BadOrder(field, "is not an amount of money")
    if abs(amount) >= _LARGEST:
        raise BadOrder(field, "is an impossible amount of money")
    return amount


def _placed_at(body: Mapping[str, Any]) -> datetime:
    placed_at = moment(body.get("date_created_gmt"))
    if placed_at is None:
        raise BadOrder("date_created_gmt", "is missing or not a time")
    return placed_at


def _currency(body: Mapping[str, Any]) -> str:
    currency = _text(body.get("currency")).upper()
    if not _CURRENCY.fullmatch(currency):
        raise BadOrder("currency", "is not a currency code of three letters")
    return currency


def _discounts(body: Mapping[str, Any]) -> tuple[Discount, ...]:
    """Coupons, and fees below zero, which WooCommerce does not count as discounts; all without tax."""
    coupons = [
        Discount(_text(line.get("code")), abs(money(line.get("discount"), "coupon_lines[].discount")))
        for line in _rows(body, "coupon_lines")
    ]
    fees = [
        (_text(line.get("name")), money(line.get("total"), "fee_lines[].total"))
        for line in _rows(body, "fee_lines")
    ]
    return (*coupons, *(Discount(name, -amount) for name, amount in fees if amount < 0))


def _tax_line(line: Mapping[str, Any]) -> TaxLine:
    parts = [
        money(line.get(name) or 0, f"tax_lines[].{name}") for name in ("tax_total", "shipping_tax_total")
    ]
    return TaxLine(_text(line.get("label")) or _text(line.get("rate_code")), sum(parts, Decimal(0)))


def _line_item(line: Mapping[str, Any]) -> LineItem:
    """The unit price is before discounts and without tax, also where the shop's prices include it."""
    subtotal = money(line.get("subtotal"), "line_items[].subtotal")
    quantity = money(line.get("quantity"), "line_items[].quantity")
    if quantity != quantity.to_integral_value():  # plugins sell by weight: one piece at the line's price
        quantity = Decimal(1)
    price = subtotal / quantity if quantity else subtotal
    if price != price.quantize(_PRICE_STEP):
        price = price.quantize(_PRICE_STEP)
    product, variant = (
        _id(line.get(name), f"line_items[].{name}") for name in ("product_id", "variation_id")
    )
    name = _text(line.get("name"))
    return LineItem(
        sku=_text(line.get("sku")) or variant or product or name,
        quantity=int(quantity),
        price=price,
        name=name,
        product_id=product,
        variant_id=variant,
    )


def _phones(
    billing: Mapping[str, Any],
    shipping: Mapping[str, Any],
    metas: Mapping[str, Any],
    options: Options,
    sms_consent: Consent | None,
) -> tuple[Phone, ...]:
    """Billing, else shipping. A number given with the consent to texts goes first: the consent is for it."""
    countries = [_text(address.get("country")) for address in (billing, shipping)]
    found = [
        Phone(_text(billing.get("phone")), countries[0] or countries[1], "billing.phone"),
        Phone(_text(shipping.get("phone")), countries[1] or countries[0], "shipping.phone"),
    ]
    if sms_consent is not None and sms_consent.given:
        found = [
            *(Phone(_text(metas.get(key)), countries[0], f"meta_data[{key}]") for key in options.sms_phone),
            *found,
        ]
    return tuple(phone for phone in found if phone.text)


def _address(part: Mapping[str, Any]) -> Address:
    return Address(
        first_name=_text(part.get("first_name")),
        last_name=_text(part.get("last_name")),
        company=_text(part.get("company")),
        address1=_text(part.get("address_1")),
        address2=_text(part.get("address_2")),
        city=_text(part.get("city")),
        state_code=_text(part.get("state")),
        country_code=_text(part.get("country")),
        postal_code=_text(part.get("postcode")),
        phone=_text(part.get("phone")),
    )


def _consent(metas: Mapping[str, Any], keys: Sequence[str]) -> Consent | None:
    """What the first key says that says anything; WordPress stores false as ``""``. Absent means unknown."""
    for key in keys:
        value = metas.get(key)
        if not isinstance(value, str | bool | int):
            continue
        word = str(value).strip().lower()
        if word in _GIVEN or word in _WITHHELD:
            return Consent(given=word in _GIVEN, origin=f"meta_data[{key}]")
    return None


def _metas(body: Mapping[str, Any]) -> dict[str, Any]:
    """Values by key; of a key that was written twice, the later one."""
    return {str(meta.get("key")): meta.get("value") for meta in _rows(body, "meta_data")}


def _rows(body: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    rows = body.get(name) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadOrder(name, "is not a list of objects")
    return rows


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = body.get(name) or {}  # PHP prints an empty object as []
    if not isinstance(part, dict):
        raise BadOrder(name, "is not an object")
    return part


def _text(value: Any) -> str:
    """Text, or a number as text; everything else is absence."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _id(value: Any, field: str) -> str:
    """An id of WooCommerce, which says none with 0."""
    text = _text(value)
    if text in ("", "0"):
        return ""
    if not text.isdecimal():
        raise BadOrder(field, "is not an id")
    return text
