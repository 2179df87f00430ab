"""A Medusa order document as an Order. Pure.

Amounts are worked out from what Medusa stores (unit prices, quantities, adjustments, tax rates, shipping) by
the formula of its own totals (``packages/core/utils/src/totals``), because its sums mean other things:
``total`` and ``original_total`` fall with returned goods, ``total`` with refunds too, and
``summary.original_order_total`` does not know of an edit (all seen). Without returns and refunds our total
is Medusa's.

Goods that came back and goods that replaced them both count as sold; what a return costs the buyer does not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import msgspec

from adapters.medusa import statuses
from adapters.medusa.client import moment
from adapters.medusa.statuses import Words
from connector.errors import BadOrder
from connector.order import Address, Discount, Document, LineItem, Order, Phone, TaxLine

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

# ISO 4217: the currencies whose smallest coin is not a hundredth.
DECIMALS: Mapping[str, int] = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX"), 0),
    **dict.fromkeys(("UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}

_CURRENCY = re.compile(r"[A-Z]{3}")
_LARGEST = Decimal(10) ** 15
_PRICE_STEP = Decimal("0.000001")
_NOISE = Decimal("0.000000001")  # JSON numbers carry that of binary fractions: 5.7490000000000006


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

    ``placed_at`` is when it was created: Medusa keeps no other time, so a draft that became an order counts
    from when the draft was made.
    """
    body = document.body
    if body.get("id") != document.ref:
        raise BadOrder("id", "is not the id under which the shop listed the order")
    words = Words(*(_text(body.get(name)) for name in ("status", "payment_status", "fulfillment_status")))
    currency = _currency(body)
    if not isinstance(body.get("items"), list):  # they are always there: without them nothing was sold
        raise BadOrder("items", "is not a list")
    lines = [line for line in _rows(body, "items") if _quantity(line)]
    shipping = [each for each in _rows(body, "shipping_methods") if not _of_return(each)]
    goods = [_charge(line, "items[]", line.get("unit_price"), _quantity(line)) for line in lines]
    ways = [_charge(each, "shipping_methods[]", each.get("amount"), Decimal(1)) for each in shipping]
    charges = [*goods, *ways]

    def rounded(amount: Decimal) -> Decimal:
        return amount.quantize(_NOISE, ROUND_HALF_UP).quantize(
            Decimal(1).scaleb(-DECIMALS.get(currency, 2)), ROUND_HALF_UP
        )

    customer = _part(body, "customer")
    billing, delivery = _part(body, "billing_address"), _part(body, "shipping_address")
    return Order(
        ref=document.ref,
        number=_text(body.get("custom_display_id")) or _text(body.get("display_id")),
        placed_at=_placed_at(body),
        changed_at=document.changed_at,
        currency=currency,
        total=rounded(sum((each.total for each in charges), Decimal(0))),
        financial=statuses.financial(words),
        fulfillment=statuses.fulfillment(words),
        placed=statuses.is_placed(words) and body.get("is_draft_order") is not True,
        settled=statuses.is_settled(words),
        subtotal=rounded(sum((each.net for each in goods), Decimal(0))),
        discounts=tuple(
            Discount(code, rounded(amount))
            for code, amount in _sums((each.code, each.amount) for one in charges for each in one.discounts)
        ),
        tax_lines=tuple(
            TaxLine(title, rounded(amount))
            for title, amount in _sums((each.title, each.amount) for one in charges for each in one.taxes)
        ),
        line_items=tuple(_line_item(line, charge) for line, charge in zip(lines, goods, strict=True)),
        email=_text(body.get("email")) or _text(customer.get("email")),
        phones=_phones(billing, delivery, customer),
        customer_id=_text(body.get("customer_id")) or _text(customer.get("id")),
        billing=_address(billing),
        shipping=_address(delivery),
        origins=ORIGINS,
    )


def _charge(part: Mapping[str, Any], field: str, price: Any, quantity: Decimal) -> Charge:
    """Tax rates add up, none is on top of another; a discount's amount is without tax unless it says so."""
    name = "unit_price" if field == "items[]" else "amount"
    rates = [
        (
            _text(tax.get("description")) or _text(tax.get("code")),
            _number(tax.get("rate"), f"{field}.tax_lines[].rate"),
        )
        for tax in _rows(part, "tax_lines")
    ]
    within = 1 + sum((rate for _, rate in rates), Decimal(0)) / 100
    if within <= 0:
        raise BadOrder(f"{field}.tax_lines[].rate", "is an impossible rate of tax")
    net = (
        _number(price, f"{field}.{name}") * quantity / (within if part.get("is_tax_inclusive") is True else 1)
    )
    discounts = [
        Discount(
            _text(each.get("code")) or _text(each.get("description")),
            _number(each.get("amount"), f"{field}.adjustments[].amount")
            / (within if each.get("is_tax_inclusive") is True else 1),
        )
        for each in _rows(part, "adjustments")
    ]
    taxable = net - sum((each.amount for each in discounts), Decimal(0))
    return Charge(
        net=net,
        discounts=discounts,
        taxes=[TaxLine(title, taxable * rate / 100) for title, rate in rates],
    )


def _line_item(line: Mapping[str, Any], charge: Charge) -> LineItem:
    """Of goods sold by weight, one piece at the line's price."""
    quantity = _quantity(line)
    if quantity != quantity.to_integral_value():
        quantity = Decimal(1)
    price = charge.net / quantity
    if price != price.quantize(_PRICE_STEP):
        price = price.quantize(_PRICE_STEP, ROUND_HALF_UP)
    product, variant = _text(line.get("product_id")), _text(line.get("variant_id"))
    name = _text(line.get("product_title")) or _text(line.get("title"))
    return LineItem(
        sku=_text(line.get("variant_sku")) or variant or product or name,
        quantity=int(quantity),
        price=price,
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


def _of_return(way: Mapping[str, Any]) -> bool:
    """Whether this is the way back of a return."""
    return bool(_part(way, "detail").get("return_id"))


def _quantity(line: Mapping[str, Any]) -> Decimal:
    quantity = _number(line.get("quantity"), "items[].quantity")
    if quantity < 0:
        raise BadOrder("items[].quantity", "is below zero")
    return quantity


def _number(value: Any, field: str) -> Decimal:
    """A number of the document, which may also be written as text. Raises BadOrder."""
    try:
        number = Decimal(value.strip()) if isinstance(value, str) else value
    except InvalidOperation:
        raise BadOrder(field, "is not a number") from None
    if isinstance(number, int) and not isinstance(number, bool):
        number = Decimal(number)
    if not isinstance(number, Decimal) or not number.is_finite():
        raise BadOrder(field, "is not a number")
    if abs(number) >= _LARGEST:
        raise BadOrder(field, "is an impossible number")
    return number


def _placed_at(body: Mapping[str, Any]) -> datetime:
    placed_at = moment(body.get("created_at"))
    if placed_at is None:
        raise BadOrder("created_at", "is missing or not a time")
    return placed_at


def _currency(body: Mapping[str, Any]) -> str:
    currency = _text(body.get("currency_code")).upper()
    if not _CURRENCY.fullmatch(currency):
        raise BadOrder("currency_code", "is not a currency code of three letters")
    return currency


def _phones(
    billing: Mapping[str, Any], shipping: Mapping[str, Any], customer: Mapping[str, Any]
) -> tuple[Phone, ...]:
    """Billing, else shipping, else the customer's own."""
    countries = [_text(address.get("country_code")) for address in (billing, shipping)]
    found = (
        Phone(_text(billing.get("phone")), countries[0] or countries[1], "billing_address.phone"),
        Phone(_text(shipping.get("phone")), countries[1] or countries[0], "shipping_address.phone"),
        Phone(_text(customer.get("phone")), countries[0] or countries[1], "customer.phone"),
    )
    return tuple(phone for phone in found if phone.text)


def _address(part: Mapping[str, Any]) -> Address:
    return Address(
        first_name=_text(part.get("first_name")),
        last_name=_text(part.get("last_name")),
        company=_text(part.get("company")),
        address1=_text(part.get("address_1")),
        address2=_text(part.get("address_2")),
        city=_text(part.get("city")),
        state_code=_text(part.get("province")),
        country_code=_text(part.get("country_code")),
        postal_code=_text(part.get("postal_code")),
        phone=_text(part.get("phone")),
    )


def _rows(body: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    rows = body.get(name) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadOrder(name, "is not a list of objects")
    return rows


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object; missing when there is none (an order without billing address has no such key)."""
    part = body.get(name) or {}
    if not isinstance(part, dict):
        raise BadOrder(name, "is not an object")
    return part


def _text(value: Any) -> str:
    """Text, or a number as text; everything else is absence."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
