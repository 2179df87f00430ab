"""A Vendure order as an Order. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from adapters.vendure import statuses
from adapters.vendure.body import Body, Customer, Line, Place
from connector.model.errors import BadOrder
from connector.model.order import Address, Discount, Document, LineItem, Order, Phone, TaxLine
from connector.sdk.amounts import amount, currency
from connector.sdk.fields import moment_of
from connector.sdk.optional import Optional, shaped
from connector.sdk.required import Required

ORIGINS: Mapping[str, str] = {
    "order_id": "id",
    "total": "totalWithTax",
    "currency": "currencyCode",
    "order_date": "orderPlacedAt",
    "email": "customer.emailAddress",
    "customer_id": "customer.id",
    "subtotal": "lines[]: orderPlacedQuantity x unitPrice",
    "discounts": "discounts[], surcharges[] below zero",
    "tax_lines": "taxSummary[]; after a cancellation lines[].taxLines[]",
    "total_items": "lines[].orderPlacedQuantity",
    "line_items": "lines[]",
    "billing_address": "billingAddress",
    "shipping_address": "shippingAddress",
}

_OPTIONAL: Mapping[str, Any] = {
    **dict.fromkeys(("customer", "shippingAddress", "billingAddress", "totalWithTax"), None),
    **dict.fromkeys(("promotions", "surcharges"), ()),
    "lines[].productVariant.sku": "",
    "lines[].productVariant.name": "",
}
_CANCELLATION = "CANCEL_ORDER"  # the "discount" by which Vendure cancels shipping
_SHIPPING = "shipping tax"  # as Vendure's summary calls it


def parse(document: Document) -> Order:
    """The order in our words. Raises BadOrder naming the field that cannot be.

    ``placed_at`` is ``orderPlacedAt``, which Vendure sets once, when the cart becomes an order, and importers
    set to the day of the purchase; it is the only time that is stated for the placing. ``createdAt`` is when
    the cart was begun, often days before (Vendure 3.7.3, ``OrderPlacedStrategy``; seen November 2026), so an
    earlier one proves nothing. It stands in for a cart, which is not sent.

    ``total`` is with tax, and what was sold: see ``_sold`` and ``_taxes``. Discounts are those of what is
    left, because Vendure works them out anew when something is cancelled.
    """
    read = Optional()
    body = shaped(document.body, Body, _OPTIONAL, read)
    if body.id != document.ref:
        raise BadOrder("id", "is not the id under which the shop listed the order")
    placed = document.body.get("orderPlacedAt") is not None
    need = Required()
    placed_at = need.read("order_date", moment_of, document.body, "orderPlacedAt" if placed else "createdAt")
    total = need.read("total", _sold, body)
    settled = body.paid("Settled")
    refunds = [refund for payment in body.payments or () for refund in payment.refunds]
    refunded = sum(refund.total for refund in refunds if refund.state == "Settled")
    parcels = [one for one in body.fulfillments or () if one.state != "Cancelled"]
    packed = sum(line.quantity for parcel in parcels for line in parcel.lines)
    customer = body.customer
    return Order(
        ref=document.ref,
        number=body.code,
        placed_at=placed_at,
        changed_at=document.changed_at,
        currency=currency(body.currency_code),
        total=None if total is None else body.money(total),
        financial=statuses.financial(
            body.state, total=total, settled=settled, refunded=refunded, authorized=body.paid("Authorized")
        ),
        fulfillment=statuses.fulfillment(
            body.state,
            [parcel.state for parcel in parcels],
            whole=packed >= sum(line.quantity for line in body.lines),
        ),
        placed=placed,
        cancelled=body.state == "Cancelled",
        settled=statuses.is_settled(
            body.state,
            settled=settled,
            refunded=refunded,
            pending=any(refund.state == "Pending" for refund in refunds),
        ),
        subtotal=body.money(sum(line.sold * line.unit_price for line in body.lines)),
        discounts=_discounts(body),
        tax_lines=_taxes(body, total),
        line_items=tuple(_line_item(body, line) for line in body.lines if line.sold),
        email=customer.email_address if customer else "",
        phones=_phones(body),
        customer_id=customer.id if customer else "",
        billing=_address(body.billing_address, customer),
        shipping=_address(body.shipping_address, customer),
        left_out=read.left_out,
        lacks=need.lacks,
        origins=ORIGINS,
    )


def _sold(body: Body) -> int:
    """What was sold, in minor units: a cancellation lowers ``totalWithTax``, for a whole order to zero.

    Discounts are then gone as well, so what was authorized or paid tells best what the order came to;
    without payments it is worked out from the pieces that were cancelled. Raises BadOrder without a total.
    """
    if body.total_with_tax is None:
        raise BadOrder("totalWithTax", "is missing or not a whole number of minor units")
    missing = [(line.sold - line.quantity, line.prorated_unit_price_with_tax) for line in body.lines]
    shipping = sum(-one.amount_with_tax for one in body.discounts if one.adjustment_source == _CANCELLATION)
    if not shipping and not any(pieces for pieces, _ in missing):
        return body.total_with_tax
    paid = body.paid("Settled") + body.paid("Authorized")
    given_up = max(
        (payment.amount for payment in body.payments or () if payment.state == "Cancelled"), default=0
    )
    known = paid or given_up
    if known >= body.total_with_tax and known > 0:
        return known
    return body.total_with_tax + shipping + sum(pieces * price for pieces, price in missing)


def _taxes(body: Body, sold: int | None) -> tuple[TaxLine, ...]:
    """Vendure's summary; of an order that was cut down, the taxes in what was sold.

    They are worked out from the rates of its goods and shipping, a discount taken off all alike: exact to
    rounding where there is one rate or no discount.
    """
    if sold is None or sold == body.total_with_tax:
        return tuple(TaxLine(tax.description, body.money(tax.tax_total)) for tax in body.tax_summary)
    listed = Decimal(sum(shipping.price_with_tax for shipping in body.shipping_lines))
    taxes: dict[str, Decimal] = {}
    for line in body.lines:
        net = Decimal(line.sold * line.unit_price)
        listed += net
        for rate in line.tax_lines:
            tax = net * amount(rate.tax_rate, "lines[].taxLines[].taxRate") / 100
            listed += tax
            taxes[rate.description] = taxes.get(rate.description, Decimal(0)) + tax
    for shipping in body.shipping_lines:
        tax = Decimal(shipping.price_with_tax - shipping.price)
        taxes[_SHIPPING] = taxes.get(_SHIPPING, Decimal(0)) + tax
    share = sold / listed if listed else Decimal(0)
    return tuple(
        TaxLine(title, body.money(int((tax * share).to_integral_value(ROUND_HALF_UP))))
        for title, tax in taxes.items()
    )


def _discounts(body: Body) -> tuple[Discount, ...]:
    """By coupon code, else by the promotion's name; negative surcharges are discounts too. Without tax."""
    codes = {f"PROMOTION:{one.id}": one.coupon_code for one in body.promotions}
    promotions = [
        Discount(codes.get(one.adjustment_source) or one.description, body.money(-one.amount))
        for one in body.discounts
        if one.adjustment_source != _CANCELLATION and one.amount <= 0
    ]
    surcharges = [
        Discount(one.description, body.money(-one.price)) for one in body.surcharges if one.price < 0
    ]
    return (*promotions, *surcharges)


def _line_item(body: Body, line: Line) -> LineItem:
    variant = line.product_variant
    return LineItem(
        sku=variant.sku or variant.id,
        quantity=line.sold,
        price=body.money(line.unit_price),
        name=variant.name,
        product_id=variant.product.id,
        variant_id=variant.id,
    )


def _phones(body: Body) -> tuple[Phone, ...]:
    """The number of the customer, else the one given with the order."""
    billing, shipping = body.billing_address or Place(), body.shipping_address or Place()
    countries = (billing.country_code or shipping.country_code, shipping.country_code or billing.country_code)
    own = body.customer.phone_number if body.customer else None
    found = (
        (own, countries[0], "customer.phoneNumber"),
        (billing.phone_number, countries[0], "billingAddress.phoneNumber"),
        (shipping.phone_number, countries[1], "shippingAddress.phoneNumber"),
    )
    return tuple(Phone(text, country or "", origin) for text, country, origin in found if text)


def _address(place: Place | None, customer: Customer | None) -> Address:
    """An address that was not given is an object of nulls. The name is one field, so it is taken apart."""
    if place is None or not any(msgspec.structs.astuple(place)):
        return Address()
    first, last = _name(place.full_name or "", customer)
    return Address(
        first_name=first,
        last_name=last,
        company=place.company or "",
        address1=place.street_line1 or "",
        address2=place.street_line2 or "",
        city=place.city or "",
        state_code=place.province or "",
        country_code=place.country_code or "",
        postal_code=place.postal_code or "",
        phone=place.phone_number or "",
    )


def _name(full: str, customer: Customer | None) -> tuple[str, str]:
    """As the customer writes it, if it is the same; else the last word is the last name."""
    words = full.split()
    if customer is not None:
        own = f"{customer.first_name} {customer.last_name}".split()
        if not words or words == own:
            return customer.first_name, customer.last_name
    return " ".join(words[:-1]) if len(words) > 1 else full.strip(), words[-1] if len(words) > 1 else ""
