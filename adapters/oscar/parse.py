"""An order of django-oscar with its lines as an Order. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from adapters.oscar.client import ids_of
from connector.model.errors import BadOrder
from connector.model.order import (
    Address,
    Discount,
    Document,
    FinancialStatus,
    FulfillmentStatus,
    LineItem,
    Order,
    Phone,
    Status,
    TaxLine,
)
from connector.sdk.amounts import PRICE_DECIMALS, amount, currency, rounded
from connector.sdk.fields import moment_of
from connector.sdk.optional import Optional, shaped
from connector.sdk.required import Required

# Statuses are words of the project's own. These are Oscar's sandbox's and django-oscar-api's; a shop that
# uses them in another sense says so in its mapping. Whether an order was paid the API does not tell.
FINANCIAL: Mapping[str, FinancialStatus] = {
    "new": FinancialStatus.PENDING,
    "Pending": FinancialStatus.PENDING,
    "Being processed": FinancialStatus.PAID,
    "Complete": FinancialStatus.PAID,
    "Refunded": FinancialStatus.REFUNDED,
    "Cancelled": FinancialStatus.VOIDED,
}
FULFILLMENT: Mapping[str, FulfillmentStatus] = {
    "new": FulfillmentStatus.UNFULFILLED,
    "Pending": FulfillmentStatus.UNFULFILLED,
    "Being processed": FulfillmentStatus.IN_PROGRESS,
    "Complete": FulfillmentStatus.FULFILLED,
    "Refunded": FulfillmentStatus.RESTOCKED,
    "Cancelled": FulfillmentStatus.RESTOCKED,
}
END_STATES = frozenset({"Complete", "Refunded", "Cancelled"})

ORIGINS: Mapping[str, str] = {
    "order_id": "url",
    "total": "total_incl_tax",
    "currency": "currency",
    "order_date": "date_placed",
    "email": "email",
    "customer_id": "owner",
    "subtotal": "lines[].price_excl_tax_excl_discounts",
    "discounts": "voucher_discounts[], offer_discounts[]",
    "tax_lines": "total_incl_tax - total_excl_tax",
    "total_items": "lines[].quantity",
    "line_items": "lines[]",
    "billing_address": "billing_address",
    "shipping_address": "shipping_address",
}


_OPTIONAL: Mapping[str, Any] = {
    **dict.fromkeys(("email", "owner", "billing_address", "shipping_address", "lines[].product"), None),
    **dict.fromkeys(("voucher_discounts", "offer_discounts"), ()),
    "lines[].sku": "",
    "number": "",
}


class _Place(msgspec.Struct):
    country: str | None = None
    first_name: str = ""
    last_name: str = ""
    line1: str = ""
    line2: str = ""
    line3: str = ""
    line4: str = ""
    state: str = ""
    postcode: str = ""
    phone_number: str | None = None


class _Voucher(msgspec.Struct):
    code: str


class _Reduction(msgspec.Struct):
    amount: Decimal
    name: str = ""
    voucher: _Voucher | None = None


class _Line(msgspec.Struct):
    """The price is that of the whole line."""

    quantity: Annotated[int, msgspec.Meta(ge=0, le=10**9)]
    price_excl_tax_excl_discounts: Decimal
    product: str | None = None
    sku: str = ""


class _Body(msgspec.Struct):
    """What is read of an order as django-oscar-api writes it, its lines included."""

    url: str
    number: str
    status: str
    lines: list[_Line]
    currency: str | None = None
    email: str | None = None
    owner: str | None = None
    billing_address: _Place | None = None
    shipping_address: _Place | None = None
    voucher_discounts: list[_Reduction] = []
    offer_discounts: list[_Reduction] = []


def parse(document: Document) -> Order:
    """The order in our words. Raises BadOrder naming the field that cannot be.

    Every order of Oscar is placed: it is made when the checkout is through. ``placed_at`` is ``date_placed``,
    the only time that django-oscar-api gives; an import sets it to the day of the purchase, or leaves it at
    its own day (django-oscar 4.0, ``AbstractOrder.set_date_placed_default``; read November 2026), and then
    nothing in the document says that the order is older: set ``live_from`` after such an import.
    """
    read = Optional()
    body = shaped(document.body, _Body, _OPTIONAL, read)
    if ids_of(body.url)[-1:] != [document.ref]:
        raise BadOrder("url", "is not the address under which the shop listed the order")
    need = Required()
    total = need.read("total", amount, document.body.get("total_incl_tax"), "total_incl_tax")
    net = read.needed(document.body.get("total_excl_tax"), "total_excl_tax")
    tax = total - net if total is not None and net is not None else None
    words = (body.status,) if body.status else ("(empty)",)
    return Order(
        ref=document.ref,
        number=body.number,
        placed_at=need.read("order_date", moment_of, document.body, "date_placed"),
        changed_at=document.changed_at,
        currency=currency(body.currency),
        total=total,
        financial=Status(value=FINANCIAL.get(body.status), words=words, origin="status"),
        fulfillment=Status(value=FULFILLMENT.get(body.status), words=words, origin="status"),
        cancelled=body.status == "Cancelled",
        settled=body.status in END_STATES,
        subtotal=sum((_before(line) for line in body.lines), Decimal(0)),
        discounts=_discounts(body),
        tax_lines=(TaxLine("Tax", tax),) if tax else (),
        line_items=tuple(_line_item(line) for line in body.lines),
        email=body.email or "",
        phones=_phones(body),
        customer_id="".join(ids_of(body.owner)[-1:]),
        billing=_address(body.billing_address),
        shipping=_address(body.shipping_address),
        left_out=read.left_out,
        lacks=need.lacks,
        origins=ORIGINS,
    )


def _before(line: _Line) -> Decimal:
    return amount(line.price_excl_tax_excl_discounts, "lines[].price_excl_tax_excl_discounts")


def _line_item(line: _Line) -> LineItem:
    whole = _before(line)
    price = rounded(whole / line.quantity if line.quantity else whole, PRICE_DECIMALS)
    product = "".join(ids_of(line.product)[-1:])
    return LineItem(sku=line.sku or product, quantity=line.quantity, price=price, product_id=product)


def _discounts(body: _Body) -> tuple[Discount, ...]:
    """Vouchers by their code, offers by their name.

    Their amounts are what the prices without tax fall by, also where the shop's prices include tax (seen with
    a strategy of 20 %).
    """
    found = [
        Discount(one.voucher.code if one.voucher else one.name, amount(one.amount, "discounts[].amount"))
        for one in (*body.voucher_discounts, *body.offer_discounts)
    ]
    return tuple(discount for discount in found if discount.amount >= 0)


def _phones(body: _Body) -> tuple[Phone, ...]:
    place = body.shipping_address
    if place is None or not place.phone_number:
        return ()
    return (Phone(place.phone_number, _country(place), "shipping_address.phone_number"),)


def _country(place: _Place) -> str:
    """The link ends in the two letters."""
    return urlsplit(place.country or "").path.rstrip("/").rpartition("/")[2]


def _address(place: _Place | None) -> Address:
    if place is None:
        return Address()
    return Address(
        first_name=place.first_name,
        last_name=place.last_name,
        address1=place.line1,
        address2=", ".join(part for part in (place.line2, place.line3) if part),
        city=place.line4,
        state_code=place.state,
        country_code=_country(place),
        postal_code=place.postcode,
        phone=place.phone_number or "",
    )
