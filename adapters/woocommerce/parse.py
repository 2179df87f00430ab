"""A WooCommerce order document (REST v3) as an Order. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from typing import Any, NamedTuple

from adapters.woocommerce import statuses
from adapters.woocommerce.configuration import Options
from connector.model.errors import BadOrder
from connector.model.order import Consent, Discount, Document, LineItem, Order, Phone, TaxLine
from connector.sdk import contacts
from connector.sdk.amounts import PRICE_DECIMALS, amount, currency, rounded
from connector.sdk.fields import Part, earliest, moment, moment_of, rows_of, text
from connector.sdk.optional import Optional
from connector.sdk.required import Required

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

_GIVEN = frozenset({"1", "true", "yes", "on"})
_WITHHELD = frozenset({"", "0", "false", "no", "off"})

_NAMES = {"state": "state", "country": "country", "postcode": "postcode"}


def parse(document: Document, options: Options) -> Order:
    """The order in our words. Raises BadOrder naming the field that cannot be.

    ``placed_at`` is when the order was created, also for the block checkout, where that is when its draft
    was made, at most a day earlier. It can be later than the real placing: importers and
    ``POST /orders`` create an order today (REST v3: ``date_created`` is read-only) and set its payment or its
    completion to the day in the past, and in wp-admin anybody can date an order anew. Nothing is paid or
    completed before it was placed, so an earlier one of these counts. A later one does not: the payment date
    moves when a merchant books a bank transfer, and an old order would pass for a new one.
    """
    body = document.body
    if str(body.get("id")) != document.ref:
        raise BadOrder("id", "is not the id under which the shop listed the order")
    read = Optional()
    status = statuses.slug(body)
    need = Required()
    total = need.read("total", amount, body.get("total"), "total")
    created_at = need.read("order_date", moment_of, body, "date_created_gmt", UTC)
    placed_by = earliest(
        created_at, moment(body.get("date_paid_gmt"), UTC), moment(body.get("date_completed_gmt"), UTC)
    )
    metas = _metas(read.rows(body.get("meta_data"), "meta_data"))
    refunded = sum(
        (abs(amount(refund.get("total"), "refunds[].total")) for refund in rows_of(body, "refunds")),
        Decimal(0),
    )
    listed = read.rows(body.get("line_items"), "line_items")
    lines = [line for line in (_line(read, row) for row in listed) if line is not None]
    billing, shipping = (read.part(body.get(name), name) for name in ("billing", "shipping"))
    taxes = [_tax_line(read, line) for line in read.rows(body.get("tax_lines"), "tax_lines")]
    sms_consent = _consent(metas, options.sms_consent)
    return Order(
        ref=document.ref,
        number=read.text(body.get("number"), "number"),
        placed_at=placed_by if created_at else None,
        placed_by=placed_by,
        changed_at=document.changed_at,
        currency=currency(body.get("currency")),
        total=total,
        financial=statuses.financial(status, body, total, refunded, metas, options.authorized),
        fulfillment=statuses.fulfillment(status, body),
        placed=statuses.is_placed(status, body),
        cancelled=status == "cancelled",
        paid_once=statuses.is_paid(body),
        test=any(metas.get(key) == mode for key, mode in TEST_MODES.items()),
        settled=status in statuses.END_STATES,
        subtotal=sum((line.subtotal for line in lines), Decimal(0)) if len(lines) == len(listed) else None,
        discounts=_discounts(read, body),
        tax_lines=tuple(line for line in taxes if line is not None),
        line_items=tuple(line.item for line in lines),
        email=read.text(billing.get("email"), "billing.email"),
        phones=_phones(read, billing, shipping, metas, options, sms_consent),
        customer_id=_id(read, body.get("customer_id"), "customer_id"),
        billing=contacts.address(read, billing, "billing", **_NAMES),
        shipping=contacts.address(read, shipping, "shipping", **_NAMES),
        email_consent=_consent(metas, options.email_consent),
        sms_consent=sms_consent,
        left_out=read.left_out,
        lacks=need.lacks,
        origins=ORIGINS,
    )


def _discounts(read: Optional, body: Part) -> tuple[Discount, ...]:
    """Coupons, and fees below zero, which WooCommerce does not count as discounts; all without tax."""
    coupons = [
        (read.text(line.get("code"), "coupon_lines[].code"), line.get("discount"), "coupon_lines[].discount")
        for line in read.rows(body.get("coupon_lines"), "coupon_lines")
    ]
    fees = [
        (read.text(line.get("name"), "fee_lines[].name"), line.get("total"), "fee_lines[].total")
        for line in read.rows(body.get("fee_lines"), "fee_lines")
    ]
    found: list[Discount] = []
    for name, value, place in (*coupons, *fees):
        sum_ = read.needed(value, place)
        if sum_ is not None and (sum_ < 0 or place.startswith("coupon")):
            found.append(Discount(name, abs(sum_)))
    return tuple(found)


def _tax_line(read: Optional, line: Part) -> TaxLine | None:
    parts = [
        read.amount(line.get(name), f"tax_lines[].{name}") for name in ("tax_total", "shipping_tax_total")
    ]
    if all(part is None for part in parts):
        return None
    title = read.text(line.get("label"), "tax_lines[].label") or text(line.get("rate_code"))
    return TaxLine(title, sum((part for part in parts if part is not None), Decimal(0)))


class _Line(NamedTuple):
    item: LineItem
    subtotal: Decimal


def _line(read: Optional, line: Part) -> _Line | None:
    """The unit price is before discounts and without tax, also where the shop's prices include it."""
    subtotal = read.needed(line.get("subtotal"), "line_items[].subtotal")
    quantity = read.needed(line.get("quantity"), "line_items[].quantity")
    if subtotal is None or quantity is None:
        return None
    if quantity != quantity.to_integral_value():  # plugins sell by weight: one piece at the line's price
        quantity = Decimal(1)
    price = rounded(subtotal / quantity if quantity else subtotal, PRICE_DECIMALS)
    product, variant = (
        _id(read, line.get(name), f"line_items[].{name}") for name in ("product_id", "variation_id")
    )
    name = read.text(line.get("name"), "line_items[].name")
    item = LineItem(
        sku=read.text(line.get("sku"), "line_items[].sku") or variant or product or name,
        quantity=int(quantity),
        price=price,
        name=name,
        product_id=product,
        variant_id=variant,
    )
    return _Line(item, subtotal)


def _phones(
    read: Optional,
    billing: Part,
    shipping: Part,
    metas: Mapping[str, Any],
    options: Options,
    sms_consent: Consent | None,
) -> tuple[Phone, ...]:
    """Billing, else shipping. A number given with the consent to texts goes first: the consent is for it."""
    found = contacts.phones(read, "country", ("billing", billing), ("shipping", shipping))
    if sms_consent is None or not sms_consent.given:
        return found
    country = text(billing.get("country"))
    given = (Phone(text(metas.get(key)), country, f"meta_data[{key}]") for key in options.sms_phone)
    return (*(phone for phone in given if phone.text), *found)


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


def _metas(rows: Sequence[Part]) -> dict[str, Any]:
    """Values by key; of a key that was written twice, the later one."""
    return {str(meta.get("key")): meta.get("value") for meta in rows}


def _id(read: Optional, value: Any, place: str) -> str:
    """An id of WooCommerce, which says none with 0."""
    id = read.id(value, place)
    if id in ("", "0"):
        return ""
    if not id.isdecimal():
        read.leave_out(place)
        return ""
    return id
