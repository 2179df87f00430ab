"""A Shopify order as an Order. Pure.

Amounts mean what they mean on every platform. ``totalPriceSet`` is what was sold: after edits, before
refunds. Where the shop's prices include tax (``taxesIncluded``), lines and discounts are brought to net by
the tax rates that were charged on them. What an edit removed was not sold; Shopify does not tell it from what
was returned line by line, but the two sums of quantities of the order do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import msgspec

from adapters.shopify import statuses
from adapters.shopify.documents import moment
from connector.errors import BadOrder
from connector.order import Address, Consent, Discount, Document, LineItem, Order, Phone, TaxLine

ORIGINS: Mapping[str, str] = {
    "order_id": "legacyResourceId",
    "total": "totalPriceSet",
    "currency": "currencyCode",
    "order_date": "createdAt",
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
_SUBSCRIBED = "SUBSCRIBED"
_NOT_SUBSCRIBED = frozenset({"NOT_SUBSCRIBED", "NEVER_SUBSCRIBED", "UNSUBSCRIBED", "PENDING"})

_ZERO = Decimal(0)
_ONE = Decimal(1)
_LARGEST = Decimal(10) ** 15
_PRICE_STEP = Decimal("0.000001")
_CENT, _TENTH = Decimal("0.01"), Decimal("0.001")
_IN_THOUSANDTHS = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))
_CURRENCY = re.compile(r"[A-Z]{3}")
_NOT_A_DIGIT = re.compile(r"\D")

Part = Mapping[str, Any]


class _Line(msgspec.Struct):
    """A line as it was sold: ``sold`` of ``quantity`` ordered units; amounts are divided by ``gross``."""

    body: Part
    quantity: int
    sold: int
    price: Decimal
    gross: Decimal


class _Money:
    """Reads amounts in the currency that is asked for, and steps of that currency."""

    def __init__(self, kind: str, currency: str) -> None:
        self._kind = f"{kind}Money"
        self._step = _TENTH if currency in _IN_THOUSANDTHS else _CENT

    def of(self, part: Part, name: str, place: str) -> Decimal:
        """The amount of a money bag. Raises BadOrder."""
        bag = part.get(name)
        money = bag.get(self._kind) if isinstance(bag, dict) else None
        return amount(money.get("amount") if isinstance(money, dict) else None, place)

    def optional(self, part: Part, name: str) -> Decimal | None:
        """The amount where the shop says one. Raises BadOrder."""
        return None if part.get(name) is None else self.of(part, name, name)

    def rounded(self, value: Decimal) -> Decimal:
        """A net amount, which division has made long, in the currency's own steps."""
        return value if value == value.quantize(self._step) else value.quantize(self._step, ROUND_HALF_UP)


def parse(document: Document, kind: str) -> Order:
    """The order in our words; ``kind`` of money is shop or presentment. Raises BadOrder naming the field."""
    body = document.body
    if body.get("legacyResourceId") != document.ref:
        raise BadOrder("legacyResourceId", "is not the id under which the shop listed the order")
    currency = _currency(body, "currencyCode" if kind == "shop" else "presentmentCurrencyCode")
    money = _Money(kind, currency)
    shipping_line = _part(body, "shippingLine")
    lines = _lines(body, money)
    cancelled = body.get("cancelledAt") is not None
    financial = statuses.financial(
        _word(body, "displayFinancialStatus"),
        cancelled=cancelled,
        outstanding=money.optional(body, "totalOutstandingSet") or _ZERO,
    )
    fulfillment = statuses.fulfillment(
        _word(body, "displayFulfillmentStatus"), _rows(body, "fulfillments", "fulfillments")
    )
    customer = _part(body, "customer")
    billing, shipping = _part(body, "billingAddress"), _part(body, "shippingAddress")
    known_email = _part(customer, "defaultEmailAddress")
    own_email, email = _text(body.get("email")), _text(known_email.get("emailAddress"))
    phones, sms_consent = _phones(body, billing, shipping, _part(customer, "defaultPhoneNumber"))
    origins = ORIGINS if kind == "shop" else _OF_PRESENTMENT
    return Order(
        ref=document.ref,
        number=_text(body.get("name")),
        placed_at=_placed_at(body),
        changed_at=document.changed_at,
        currency=currency,
        total=money.of(body, "totalPriceSet", "totalPriceSet"),
        financial=financial,
        fulfillment=fulfillment,
        test=body.get("test") is True,
        settled=statuses.is_settled(
            financial, fulfillment, cancelled=cancelled, ships=body.get("requiresShipping") is not False
        ),
        subtotal=money.rounded(sum((line.sold * line.price / line.gross for line in lines), _ZERO)),
        discounts=_discounts(lines, shipping_line, money, _is_gross(body)),
        tax_lines=_tax_lines(body, shipping_line, money),
        line_items=tuple(_line_item(line) for line in lines if line.sold),
        email=own_email or email,
        phones=phones,
        customer_id=_digits(customer, "customer.legacyResourceId"),
        billing=_address(billing),
        shipping=_address(shipping),
        email_consent=_email_consent(known_email, own_email, email),
        sms_consent=sms_consent,
        origins=origins if own_email or not email else {**origins, **_OF_CUSTOMER},
    )


def amount(value: Any, place: str) -> Decimal:
    """A ``Decimal`` of Shopify's, which is text. Raises BadOrder."""
    try:
        found = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        found = None
    if found is None or not found.is_finite():
        raise BadOrder(place, "is not an amount of money")
    if abs(found) >= _LARGEST:
        raise BadOrder(place, "is an impossible amount of money")
    return found


def _placed_at(body: Part) -> datetime:
    """When the order was created; ``processedAt`` can be set at will, and an old order would pass for new."""
    placed_at = moment(body.get("createdAt"))
    if placed_at is None:
        raise BadOrder("createdAt", "is not a time")
    return placed_at


def _currency(body: Part, field: str) -> str:
    code = body.get(field)
    if not isinstance(code, str) or not _CURRENCY.fullmatch(code):
        raise BadOrder(field, "is not a currency code")
    return code


def _lines(body: Part, money: _Money) -> list[_Line]:
    """The lines with what was sold of each.

    ``quantity`` counts what was returned and what an edit removed, ``currentQuantity`` neither. How many
    units were returned in all is the difference of the order's two sums; where units were removed besides,
    the returned ones are counted to the first lines that lack any.
    """
    gross = _is_gross(body)
    rows = _rows(body, "lineItems", "lineItems")
    found = [_line(row, money, gross) for row in rows]
    current = [_count(row.get("currentQuantity"), "lineItems[].currentQuantity") for row in rows]
    missing = [line.quantity - left for line, left in zip(found, current, strict=True)]
    if not any(missing):
        return found
    before, after = body.get("subtotalLineItemsQuantity"), body.get("currentSubtotalLineItemsQuantity")
    returned = sum(missing)
    if isinstance(before, int) and isinstance(after, int):
        returned = before - after
    for line, left, lacking in zip(found, current, missing, strict=True):
        back = max(0, min(lacking, returned))
        returned -= back
        line.sold = left + back
    return found


def _line(row: Part, money: _Money, gross: bool) -> _Line:
    quantity = _count(row.get("quantity"), "lineItems[].quantity")
    return _Line(
        body=row,
        quantity=quantity,
        sold=quantity,
        price=money.of(row, "originalUnitPriceSet", "lineItems[].originalUnitPriceSet"),
        gross=_gross(row, money, "lineItems[].taxLines") if gross else _ONE,
    )


def _gross(part: Part, money: _Money, place: str) -> Decimal:
    """What an amount with tax is divided by: one and the rates of the taxes that were really charged."""
    rates = (
        _rate(tax, place)
        for tax in _rows(part, "taxLines", place)
        if money.of(tax, "priceSet", f"{place}[].priceSet")
    )
    return _ONE + sum(rates, _ZERO)


def _rate(tax: Part, place: str) -> Decimal:
    rate = tax.get("rate")
    if rate is None:
        return _ZERO
    if isinstance(rate, bool) or not isinstance(rate, int | Decimal) or not 0 <= rate < 10:
        raise BadOrder(f"{place}[].rate", "is not a tax rate")
    return Decimal(rate)


def _line_item(line: _Line) -> LineItem:
    price = line.price if line.gross == 1 else (line.price / line.gross).quantize(_PRICE_STEP, ROUND_HALF_UP)
    name = _text(line.body.get("name"))
    return LineItem(sku=_text(line.body.get("sku")) or name, quantity=line.sold, price=price, name=name)


def _discounts(
    lines: Sequence[_Line], shipping_line: Part, money: _Money, gross: bool
) -> tuple[Discount, ...]:
    """What each code, automatic or manual discount took off, over all lines and the shipping.

    No field of the order says it: ``discountCodes`` has no amounts and holds titles of manual discounts, and
    ``discountApplications`` has only rules and cannot be part of a bulk operation.
    """
    sums: dict[int, list[Any]] = {}
    for line in lines:
        if line.sold:
            ordered = line.gross if line.sold == line.quantity else line.gross * line.quantity / line.sold
            _allocate(sums, line.body, ordered, money, "lineItems[].discountAllocations")
    of_shipping = _gross(shipping_line, money, "shippingLine.taxLines") if gross else _ONE
    _allocate(sums, shipping_line, of_shipping, money, "shippingLine.discountAllocations")
    found = (Discount(code, money.rounded(total)) for _, (code, total) in sorted(sums.items()))
    return tuple(discount for discount in found if discount.amount)


def _allocate(sums: dict[int, list[Any]], part: Part, divisor: Decimal, money: _Money, place: str) -> None:
    for allocation in _rows(part, "discountAllocations", place):
        application = _part(allocation, "discountApplication", f"{place}[].discountApplication")
        index = application.get("index")
        if not isinstance(index, int):
            raise BadOrder(f"{place}[].discountApplication.index", "is not a number")
        code = _text(application.get("code")) or _text(application.get("title"))
        taken = abs(money.of(allocation, "allocatedAmountSet", f"{place}[].allocatedAmountSet")) / divisor
        sums.setdefault(index, [code, _ZERO])[1] += taken


def _tax_lines(body: Part, shipping_line: Part, money: _Money) -> tuple[TaxLine, ...]:
    """Taxes by name and rate, with those of the shipping.

    By Shopify's documentation ``Order.taxLines`` are those of the line items alone. Where they make up the
    whole tax of the order already, the shipping's are in them and are not added twice.
    """
    own = list(_taxes(body, money, "taxLines"))
    of_shipping = list(_taxes(shipping_line, money, "shippingLine.taxLines"))
    if of_shipping:
        whole = money.optional(body, "totalTaxSet")
        without = sum((tax for *_, tax in own), _ZERO)
        with_it = sum((tax for *_, tax in of_shipping), without)
        if whole is None or abs(with_it - whole) <= abs(without - whole):
            own += of_shipping
    sums: dict[tuple[str, Any], Decimal] = {}
    for title, rate, tax in own:
        sums[title, rate] = sums.get((title, rate), _ZERO) + tax
    return tuple(TaxLine(title, total) for (title, _), total in sums.items())


def _taxes(part: Part, money: _Money, place: str) -> Iterator[tuple[str, Decimal, Decimal]]:
    for tax in _rows(part, "taxLines", place):
        yield _text(tax.get("title")), _rate(tax, place), money.of(tax, "priceSet", f"{place}[].priceSet")


def _email_consent(known: Part, own: str, email: str) -> Consent | None:
    """What the customer's own address says; where the order has another one, nobody asked its owner."""
    if not email or (own and own.lower() != email.lower()):
        return None
    return _consent(known.get("marketingState"), "customer.defaultEmailAddress.marketingState")


def _phones(
    body: Part, billing: Part, shipping: Part, known: Part
) -> tuple[tuple[Phone, ...], Consent | None]:
    """The order's own number first, then the addresses', which may be somebody else's, then the customer's.

    Consent to texts is for the customer's number: when given, that number goes first.
    """
    countries = [_text(address.get("countryCodeV2")) for address in (billing, shipping)]
    country = countries[0] or countries[1]
    own = Phone(_text(known.get("phoneNumber")), country, "customer.defaultPhoneNumber.phoneNumber")
    found = [
        Phone(_text(body.get("phone")), country, "phone"),
        Phone(_text(shipping.get("phone")), countries[1] or country, "shippingAddress.phone"),
        Phone(_text(billing.get("phone")), country, "billingAddress.phone"),
        own,
    ]
    phones = [phone for phone in found if phone.text]
    consent = _sms_consent(_part(known, "smsMarketingConsent"))
    if not own.text or consent is None:
        return tuple(phones), None
    if consent.given:
        return (own, *(phone for phone in phones if phone is not own)), consent
    return tuple(phones), consent if _same_number(phones[0].text, own.text) else None


def _sms_consent(part: Part) -> Consent | None:
    return _consent(part.get("state"), "customer.defaultPhoneNumber.smsMarketingConsent.state")


def _consent(state: Any, origin: str) -> Consent | None:
    """Given, or not given (also while a double opt-in waits); erased and invalid ones say nothing."""
    if state == _SUBSCRIBED:
        return Consent(given=True, origin=origin)
    if isinstance(state, str) and state in _NOT_SUBSCRIBED:
        return Consent(given=False, origin=origin)
    return None


def _same_number(one: str, other: str) -> bool:
    """Numbers as typed and in E.164: the shorter one's digits end the longer one's, less a leading zero."""
    short, long = sorted((_NOT_A_DIGIT.sub("", text).lstrip("0") for text in (one, other)), key=len)
    return bool(short) and long.endswith(short)


def _address(part: Part) -> Address:
    return Address(
        first_name=_text(part.get("firstName")),
        last_name=_text(part.get("lastName")),
        company=_text(part.get("company")),
        address1=_text(part.get("address1")),
        address2=_text(part.get("address2")),
        city=_text(part.get("city")),
        state_code=_text(part.get("provinceCode")),
        country_code=_text(part.get("countryCodeV2")),
        postal_code=_text(part.get("zip")),
        phone=_text(part.get("phone")),
    )


def _is_gross(body: Part) -> bool:
    included = body.get("taxesIncluded")
    if not isinstance(included, bool):
        raise BadOrder("taxesIncluded", "is neither true nor false")
    return included


def _rows(part: Part, name: str, place: str) -> Sequence[Part]:
    rows = part.get(name) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadOrder(place, "is not a list of objects")
    return rows


def _part(part: Part, name: str, place: str = "") -> Part:
    found = part.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadOrder(place or name, "is not an object")
    return found


def _word(body: Part, name: str) -> str:
    word = body.get(name)
    if word is None:
        return ""
    if not isinstance(word, str) or not word:
        raise BadOrder(name, "is not a status")
    return word


def _count(value: Any, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadOrder(place, "is not a whole number")
    return value


def _digits(customer: Part, place: str) -> str:
    text = _text(customer.get("legacyResourceId"))
    if text and not (text.isascii() and text.isdecimal()):
        raise BadOrder(place, "is not an id")
    return text


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
