"""A WooCommerce order document (REST v3) as an Order. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from typing import Any

from adapters.woocommerce import statuses
from adapters.woocommerce.configuration import Options
from connector.model.errors import BadOrder
from connector.model.order import Address, Consent, Discount, Document, LineItem, Order, Phone, TaxLine
from connector.sdk.amounts import PRICE_DECIMALS, amount, currency, rounded
from connector.sdk.fields import Part, earliest, moment, moment_of, part_of, rows_of, text

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
    status = statuses.slug(body)
    total = amount(body.get("total"), "total")
    metas = _metas(body)
    refunded = sum(
        (abs(amount(refund.get("total"), "refunds[].total")) for refund in rows_of(body, "refunds")),
        Decimal(0),
    )
    lines = rows_of(body, "line_items")
    billing, shipping = part_of(body, "billing"), part_of(body, "shipping")
    sms_consent = _consent(metas, options.sms_consent)
    return Order(
        ref=document.ref,
        number=text(body.get("number")),
        placed_at=earliest(
            moment_of(body, "date_created_gmt", UTC),
            moment(body.get("date_paid_gmt"), UTC),
            moment(body.get("date_completed_gmt"), UTC),
        ),
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
        subtotal=sum((amount(line.get("subtotal"), "line_items[].subtotal") for line in lines), Decimal(0)),
        discounts=_discounts(body),
        tax_lines=tuple(_tax_line(line) for line in rows_of(body, "tax_lines")),
        line_items=tuple(_line_item(line) for line in lines),
        email=text(billing.get("email")),
        phones=_phones(billing, shipping, metas, options, sms_consent),
        customer_id=_id(body.get("customer_id"), "customer_id"),
        billing=_address(billing),
        shipping=_address(shipping),
        email_consent=_consent(metas, options.email_consent),
        sms_consent=sms_consent,
        origins=ORIGINS,
    )


def _discounts(body: Part) -> tuple[Discount, ...]:
    """Coupons, and fees below zero, which WooCommerce does not count as discounts; all without tax."""
    coupons = [
        Discount(text(line.get("code")), abs(amount(line.get("discount"), "coupon_lines[].discount")))
        for line in rows_of(body, "coupon_lines")
    ]
    fees = [
        (text(line.get("name")), amount(line.get("total"), "fee_lines[].total"))
        for line in rows_of(body, "fee_lines")
    ]
    return (*coupons, *(Discount(name, -fee) for name, fee in fees if fee < 0))


def _tax_line(line: Part) -> TaxLine:
    parts = [
        amount(line.get(name) or 0, f"tax_lines[].{name}") for name in ("tax_total", "shipping_tax_total")
    ]
    return TaxLine(text(line.get("label")) or text(line.get("rate_code")), sum(parts, Decimal(0)))


def _line_item(line: Part) -> LineItem:
    """The unit price is before discounts and without tax, also where the shop's prices include it."""
    subtotal = amount(line.get("subtotal"), "line_items[].subtotal")
    quantity = amount(line.get("quantity"), "line_items[].quantity")
    if quantity != quantity.to_integral_value():  # plugins sell by weight: one piece at the line's price
        quantity = Decimal(1)
    price = rounded(subtotal / quantity if quantity else subtotal, PRICE_DECIMALS)
    product, variant = (
        _id(line.get(name), f"line_items[].{name}") for name in ("product_id", "variation_id")
    )
    name = text(line.get("name"))
    return LineItem(
        sku=text(line.get("sku")) or variant or product or name,
        quantity=int(quantity),
        price=price,
        name=name,
        product_id=product,
        variant_id=variant,
    )


def _phones(
    billing: Part,
    shipping: Part,
    metas: Mapping[str, Any],
    options: Options,
    sms_consent: Consent | None,
) -> tuple[Phone, ...]:
    """Billing, else shipping. A number given with the consent to texts goes first: the consent is for it."""
    countries = [text(address.get("country")) for address in (billing, shipping)]
    found = [
        Phone(text(billing.get("phone")), countries[0] or countries[1], "billing.phone"),
        Phone(text(shipping.get("phone")), countries[1] or countries[0], "shipping.phone"),
    ]
    if sms_consent is not None and sms_consent.given:
        found = [
            *(Phone(text(metas.get(key)), countries[0], f"meta_data[{key}]") for key in options.sms_phone),
            *found,
        ]
    return tuple(phone for phone in found if phone.text)


def _address(part: Part) -> Address:
    return Address(
        first_name=text(part.get("first_name")),
        last_name=text(part.get("last_name")),
        company=text(part.get("company")),
        address1=text(part.get("address_1")),
        address2=text(part.get("address_2")),
        city=text(part.get("city")),
        state_code=text(part.get("state")),
        country_code=text(part.get("country")),
        postal_code=text(part.get("postcode")),
        phone=text(part.get("phone")),
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


def _metas(body: Part) -> dict[str, Any]:
    """Values by key; of a key that was written twice, the later one."""
    return {str(meta.get("key")): meta.get("value") for meta in rows_of(body, "meta_data")}


def _id(value: Any, field: str) -> str:
    """An id of WooCommerce, which says none with 0."""
    id = text(value)
    if id in ("", "0"):
        return ""
    if not id.isdecimal():
        raise BadOrder(field, "is not an id")
    return id
