"""A Shopify order as an Order. Pure. ``totalPriceSet`` is what was sold: after edits, before refunds."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.shopify import statuses
from adapters.shopify.amounts import discounts, is_gross, line_item, lines_of, tax_lines
from adapters.shopify.contacts import address, email_consent, phones_of
from adapters.shopify.fields import ZERO, Money, digits, word
from connector.model.errors import BadOrder
from connector.model.order import Document, Order
from connector.sdk import amounts
from connector.sdk.fields import earliest, moment, moment_of, rows_of, text
from connector.sdk.optional import Optional
from connector.sdk.required import Required

ORIGINS: Mapping[str, str] = {
    "order_id": "legacyResourceId",
    "total": "totalPriceSet",
    "currency": "currencyCode",
    "order_date": "createdAt or processedAt, the earlier",
    "email": "email",
    "customer_id": "customer.legacyResourceId",
    "subtotal": "lineItems[].originalUnitPriceSet",
    "discounts": "lineItems[].discountAllocations, shippingLine.discountAllocations",
    "tax_lines": "taxLines, shippingLine.taxLines",
    "total_items": "lineItems[].quantity",
    "line_items": "lineItems[]",
    "billing_address": "billingAddress",
    "shipping_address": "shippingAddress",
}
_OF_PRESENTMENT = {**ORIGINS, "currency": "presentmentCurrencyCode"}
_OF_CUSTOMER = {"email": "customer.defaultEmailAddress.emailAddress"}


def parse(document: Document, kind: str) -> Order:
    """The order in our words; ``kind`` of money is shop or presentment. Raises BadOrder naming the field.

    ``placed_at`` is the earlier of ``createdAt`` and ``processedAt``. Apps that import orders state the day
    of the purchase as ``processedAt`` while ``createdAt`` is that of the import (shopify.dev, Admin API
    2026-10, ``Order.processedAt``; read November 2026). A later ``processedAt`` counts for nothing: it can be
    set at will, and an old order would pass for a new one. Of a draft ``createdAt`` is when it became one.
    """
    body = document.body
    if body.get("legacyResourceId") != document.ref:
        raise BadOrder("legacyResourceId", "is not the id under which the shop listed the order")
    of_currency = "currencyCode" if kind == "shop" else "presentmentCurrencyCode"
    currency = amounts.currency(body.get(of_currency))
    money = Money(kind, currency)
    read = Optional()
    shipping_line = read.part(body.get("shippingLine"), "shippingLine")
    lines = lines_of(body, money)
    cancelled = body.get("cancelledAt") is not None
    financial = statuses.financial(
        word(body, "displayFinancialStatus"),
        cancelled=cancelled,
        outstanding=money.optional(body, "totalOutstandingSet") or ZERO,
    )
    fulfillment = statuses.fulfillment(
        word(body, "displayFulfillmentStatus"), rows_of(body, "fulfillments", "fulfillments")
    )
    customer, billing, shipping = (
        read.part(body.get(name), name) for name in ("customer", "billingAddress", "shippingAddress")
    )
    known_email, known_phone = (
        read.part(customer.get(name), f"customer.{name}")
        for name in ("defaultEmailAddress", "defaultPhoneNumber")
    )
    own_email, email = read.text(body.get("email"), "email"), text(known_email.get("emailAddress"))
    phones, sms_consent = phones_of(body, billing, shipping, known_phone)
    origins = ORIGINS if kind == "shop" else _OF_PRESENTMENT
    need = Required()
    created_at = need.read("order_date", moment_of, body, "createdAt")
    placed_by = earliest(created_at, moment(body.get("processedAt")))
    return Order(
        ref=document.ref,
        number=text(body.get("name")),
        placed_at=placed_by if created_at else None,
        placed_by=placed_by,
        changed_at=document.changed_at,
        currency=currency,
        total=need.read("total", money.of, body, "totalPriceSet", "totalPriceSet"),
        financial=financial,
        fulfillment=fulfillment,
        cancelled=cancelled,
        test=body.get("test") is True,
        settled=statuses.is_settled(
            financial, fulfillment, cancelled=cancelled, ships=body.get("requiresShipping") is not False
        ),
        subtotal=money.rounded(sum((line.sold * line.price / line.gross for line in lines), ZERO)),
        discounts=read.attempt(lambda: discounts(lines, shipping_line, money, is_gross(body)), ()),
        tax_lines=read.attempt(lambda: tax_lines(body, shipping_line, money), ()),
        line_items=tuple(line_item(line) for line in lines if line.sold),
        email=own_email or email,
        phones=phones,
        customer_id=read.attempt(lambda: digits(customer, "customer.legacyResourceId"), ""),
        billing=address(billing),
        shipping=address(shipping),
        email_consent=email_consent(known_email, own_email, email),
        sms_consent=sms_consent,
        left_out=read.left_out,
        lacks=need.lacks,
        origins=origins if own_email or not email else {**origins, **_OF_CUSTOMER},
    )
