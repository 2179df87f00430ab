"""A Medusa order document as an Order. Pure.

Amounts are worked out from what Medusa stores (unit prices, quantities, adjustments, tax rates, shipping) by
the formula of its own totals (``packages/core/utils/src/totals``), because its sums mean other things:
``total`` and ``original_total`` fall with returned goods, ``total`` with refunds too, and
``summary.original_order_total`` does not know of an edit (all seen). Without returns and refunds our total
is Medusa's.

Goods that came back and goods that replaced them both count as sold; what a return costs the buyer does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from adapters.medusa import statuses
from adapters.medusa.statuses import Words
from connector.model.errors import BadOrder
from connector.model.order import Discount, Document, LineItem, Order, TaxLine
from connector.sdk import amounts, contacts
from connector.sdk.fields import Part, earliest, moment, moment_of, part_of, rows_of, text
from connector.sdk.optional import Optional
from connector.sdk.required import Required

ORIGINS: Mapping[str, str] = {
    "order_id": "id",
    "total": "items[] and shipping_methods[]: amounts less adjustments plus tax",
    "currency": "currency_code",
    "order_date": "created_at",
    "email": "email",
    "customer_id": "customer_id",
    "subtotal": "items[]: quantity x unit_price",
    "discounts": "adjustments[] of items and shipping, by code",
    "tax_lines": "tax_lines[] of items and shipping",
    "total_items": "items[].quantity",
    "line_items": "items[]",
    "billing_address": "billing_address",
    "shipping_address": "shipping_address",
}

_NAMES = {"state": "province", "country": "country_code", "postcode": "postal_code"}
_NOISE = 9  # decimals from which on JSON numbers carry that of binary fractions: 5.7490000000000006


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """One line or one way of shipping, all without tax: what it costs, what codes take off, its taxes."""

    net: Decimal
    discounts: Sequence[Discount]
    taxes: Sequence[TaxLine]

    @property
    def total(self) -> Decimal:
        off = sum((each.amount for each in self.discounts), Decimal(0))
        return self.net - off + sum((each.amount for each in self.taxes), Decimal(0))


def parse(document: Document) -> Order:
    """The order in our words. Raises BadOrder naming the field that cannot be.

    ``placed_at`` is when it was created, so a draft that became an order counts from when the draft was made
    (seen on 2.21.2). An order that a module or plugin imports is created on that day; Medusa keeps no other
    time of the placing, but a payment that was captured earlier proves that it is older, and counts.
    """
    body = document.body
    if body.get("id") != document.ref:
        raise BadOrder("id", "is not the id under which the shop listed the order")
    words = Words(*(text(body.get(name)) for name in ("status", "payment_status", "fulfillment_status")))
    currency = amounts.currency(body.get("currency_code"))
    need, read = Required(), Optional()
    sold = need.read("total", _sold, body)
    if sold is None:  # the total, and all that is worked out of the same lines
        read.leave_out(need.lacks["total"].partition(":")[0])
    lines, goods, ways = sold or ((), (), ())
    charges = [*goods, *ways]
    created_at = need.read("order_date", moment_of, body, "created_at")
    placed_by = earliest(created_at, *_captured(body))

    def rounded(amount: Decimal) -> Decimal:
        return amounts.rounded(amounts.rounded(amount, _NOISE), amounts.decimals(currency))

    customer, billing, delivery = (
        read.part(body.get(name), name) for name in ("customer", "billing_address", "shipping_address")
    )
    return Order(
        ref=document.ref,
        number=text(body.get("custom_display_id")) or text(body.get("display_id")),
        placed_at=placed_by if created_at else None,
        placed_by=placed_by,
        changed_at=document.changed_at,
        currency=currency,
        total=None if sold is None else rounded(sum((each.total for each in charges), Decimal(0))),
        financial=statuses.financial(words),
        fulfillment=statuses.fulfillment(words),
        placed=statuses.is_placed(words) and body.get("is_draft_order") is not True,
        cancelled=words.canceled,
        settled=statuses.is_settled(words),
        subtotal=None if sold is None else rounded(sum((each.net for each in goods), Decimal(0))),
        discounts=tuple(
            Discount(code, rounded(amount))
            for code, amount in _sums((each.code, each.amount) for one in charges for each in one.discounts)
        ),
        tax_lines=tuple(
            TaxLine(title, rounded(amount))
            for title, amount in _sums((each.title, each.amount) for one in charges for each in one.taxes)
        ),
        line_items=tuple(_line_item(line, charge) for line, charge in zip(lines, goods, strict=True)),
        email=read.text(body.get("email"), "email") or read.text(customer.get("email"), "customer.email"),
        phones=contacts.phones(
            read,
            "country_code",
            ("billing_address", billing),
            ("shipping_address", delivery),
            ("customer", customer),
        ),
        customer_id=text(body.get("customer_id")) or text(customer.get("id")),
        billing=contacts.address(read, billing, "billing_address", **_NAMES),
        shipping=contacts.address(read, delivery, "shipping_address", **_NAMES),
        left_out=read.left_out,
        lacks=need.lacks,
        origins=ORIGINS,
    )


def _sold(body: Part) -> tuple[Sequence[Part], Sequence[Charge], Sequence[Charge]]:
    """The lines of goods, what each costs, and what their shipping does. Raises BadOrder."""
    if not isinstance(body.get("items"), list):  # they are always there: without them nothing was sold
        raise BadOrder("items", "is not a list")
    lines = [line for line in rows_of(body, "items") if _quantity(line)]
    shipping = [each for each in rows_of(body, "shipping_methods") if not _of_return(each)]
    goods = [_charge(line, "items[]", line.get("unit_price"), _quantity(line)) for line in lines]
    return (
        lines,
        goods,
        [_charge(each, "shipping_methods[]", each.get("amount"), Decimal(1)) for each in shipping],
    )


def _captured(body: Part) -> Iterator[datetime | None]:
    """When money was taken; what cannot be read says nothing."""
    for collection in rows_of(body, "payment_collections"):
        for payment in rows_of(collection, "payments", "payment_collections[].payments"):
            yield moment(payment.get("captured_at"))


def _charge(part: Part, field: str, price: Any, quantity: Decimal) -> Charge:
    """Tax rates add up, none is on top of another; a discount's amount is without tax unless it says so."""
    name = "unit_price" if field == "items[]" else "amount"
    rates = [
        (
            text(tax.get("description")) or text(tax.get("code")),
            amounts.amount(tax.get("rate"), f"{field}.tax_lines[].rate"),
        )
        for tax in rows_of(part, "tax_lines")
    ]
    within = 1 + sum((rate for _, rate in rates), Decimal(0)) / 100
    if within <= 0:
        raise BadOrder(f"{field}.tax_lines[].rate", "is an impossible rate of tax")
    price = amounts.amount(price, f"{field}.{name}")
    net = price * quantity / (within if part.get("is_tax_inclusive") is True else 1)
    discounts = [
        Discount(
            text(each.get("code")) or text(each.get("description")),
            amounts.amount(each.get("amount"), f"{field}.adjustments[].amount")
            / (within if each.get("is_tax_inclusive") is True else 1),
        )
        for each in rows_of(part, "adjustments")
    ]
    taxable = net - sum((each.amount for each in discounts), Decimal(0))
    return Charge(
        net=net,
        discounts=discounts,
        taxes=[TaxLine(title, taxable * rate / 100) for title, rate in rates],
    )


def _line_item(line: Part, charge: Charge) -> LineItem:
    """Of goods sold by weight, one piece at the line's price."""
    quantity = _quantity(line)
    if quantity != quantity.to_integral_value():
        quantity = Decimal(1)
    product, variant = text(line.get("product_id")), text(line.get("variant_id"))
    name = text(line.get("product_title")) or text(line.get("title"))
    return LineItem(
        sku=text(line.get("variant_sku")) or variant or product or name,
        quantity=int(quantity),
        price=amounts.rounded(charge.net / quantity, amounts.PRICE_DECIMALS),
        name=name,
        product_id=product,
        variant_id=variant,
    )


def _sums(parts: Any) -> Sequence[tuple[str, Decimal]]:
    """Amounts of one name added up, in the order in which the names come first."""
    sums: dict[str, Decimal] = {}
    for name, amount in parts:
        sums[name] = sums.get(name, Decimal(0)) + amount
    return list(sums.items())


def _of_return(way: Part) -> bool:
    """Whether this is the way back of a return."""
    return bool(part_of(way, "detail").get("return_id"))


def _quantity(line: Part) -> Decimal:
    quantity = amounts.amount(line.get("quantity"), "items[].quantity")
    if quantity < 0:
        raise BadOrder("items[].quantity", "is below zero")
    return quantity
