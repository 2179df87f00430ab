"""Lines, discounts and taxes of a Shopify order, with the meaning that they have on every platform.

Where the shop's prices include tax, lines and discounts are brought to net by the tax rates that were charged
on them. What an edit removed was not sold; Shopify does not tell it from what was returned line by line, but
the two sums of quantities of the order do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from adapters.shopify.fields import ZERO, Money, count
from connector.model.errors import BadOrder
from connector.model.order import Discount, LineItem, TaxLine
from connector.sdk.amounts import PRICE_DECIMALS, rounded
from connector.sdk.fields import Part, part_of, rows_of, text

ONE = Decimal(1)


class Line(msgspec.Struct):
    """A line as it was sold: ``sold`` of ``quantity`` ordered units; amounts are divided by ``gross``."""

    body: Part
    quantity: int
    sold: int
    price: Decimal
    gross: Decimal


def lines_of(body: Part, money: Money) -> list[Line]:
    """The lines with what was sold of each.

    ``quantity`` counts what was returned and what an edit removed, ``currentQuantity`` neither. How many
    units were returned in all is the difference of the order's two sums; where units were removed besides,
    the returned ones are counted to the first lines that lack any.
    """
    gross = is_gross(body)
    listed = rows_of(body, "lineItems", "lineItems")
    found = [_line(row, money, gross) for row in listed]
    current = [count(row.get("currentQuantity"), "lineItems[].currentQuantity") for row in listed]
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


def is_gross(body: Part) -> bool:
    """Whether prices of the order include tax. Raises BadOrder."""
    included = body.get("taxesIncluded")
    if not isinstance(included, bool):
        raise BadOrder("taxesIncluded", "is neither true nor false")
    return included


def line_item(line: Line) -> LineItem:
    """The line as it is handed on, at its net price."""
    price = rounded(line.price / line.gross, PRICE_DECIMALS)
    name = text(line.body.get("name"))
    return LineItem(sku=text(line.body.get("sku")) or name, quantity=line.sold, price=price, name=name)


def discounts(lines: Sequence[Line], shipping_line: Part, money: Money, gross: bool) -> tuple[Discount, ...]:
    """What each code, automatic or manual discount took off, over all lines and the shipping.

    No field of the order says it: ``discountCodes`` has no amounts and holds titles of manual discounts, and
    ``discountApplications`` has only rules and cannot be part of a bulk operation.
    """
    sums: dict[int, list[Any]] = {}
    for line in lines:
        if line.sold:
            ordered = line.gross if line.sold == line.quantity else line.gross * line.quantity / line.sold
            _allocate(sums, line.body, ordered, money, "lineItems[].discountAllocations")
    of_shipping = _gross(shipping_line, money, "shippingLine.taxLines") if gross else ONE
    _allocate(sums, shipping_line, of_shipping, money, "shippingLine.discountAllocations")
    found = (Discount(code, money.rounded(total)) for _, (code, total) in sorted(sums.items()))
    return tuple(discount for discount in found if discount.amount)


def tax_lines(body: Part, shipping_line: Part, money: Money) -> tuple[TaxLine, ...]:
    """Taxes by name and rate, with those of the shipping.

    By Shopify's documentation ``Order.taxLines`` are those of the line items alone. Where they make up the
    whole tax of the order already, the shipping's are in them and are not added twice.
    """
    own = list(_taxes(body, money, "taxLines"))
    of_shipping = list(_taxes(shipping_line, money, "shippingLine.taxLines"))
    if of_shipping:
        whole = money.optional(body, "totalTaxSet")
        without = sum((tax for *_, tax in own), ZERO)
        with_it = sum((tax for *_, tax in of_shipping), without)
        if whole is None or abs(with_it - whole) <= abs(without - whole):
            own += of_shipping
    sums: dict[tuple[str, Any], Decimal] = {}
    for title, rate, tax in own:
        sums[title, rate] = sums.get((title, rate), ZERO) + tax
    return tuple(TaxLine(title, total) for (title, _), total in sums.items())


def _line(row: Part, money: Money, gross: bool) -> Line:
    quantity = count(row.get("quantity"), "lineItems[].quantity")
    return Line(
        body=row,
        quantity=quantity,
        sold=quantity,
        price=money.of(row, "originalUnitPriceSet", "lineItems[].originalUnitPriceSet"),
        gross=_gross(row, money, "lineItems[].taxLines") if gross else ONE,
    )


def _gross(part: Part, money: Money, place: str) -> Decimal:
    """What an amount with tax is divided by: one and the rates of the taxes that were really charged."""
    rates = (
        _rate(tax, place)
        for tax in rows_of(part, "taxLines", place)
        if money.of(tax, "priceSet", f"{place}[].priceSet")
    )
    return ONE + sum(rates, ZERO)


def _rate(tax: Part, place: str) -> Decimal:
    rate = tax.get("rate")
    if rate is None:
        return ZERO
    if isinstance(rate, bool) or not isinstance(rate, int | Decimal) or not 0 <= rate < 10:
        raise BadOrder(f"{place}[].rate", "is not a tax rate")
    return Decimal(rate)


def _allocate(sums: dict[int, list[Any]], part: Part, divisor: Decimal, money: Money, place: str) -> None:
    for allocation in rows_of(part, "discountAllocations", place):
        application = part_of(allocation, "discountApplication", f"{place}[].discountApplication")
        index = application.get("index")
        if not isinstance(index, int):
            raise BadOrder(f"{place}[].discountApplication.index", "is not a number")
        code = text(application.get("code")) or text(application.get("title"))
        taken = abs(money.of(allocation, "allocatedAmountSet", f"{place}[].allocatedAmountSet")) / divisor
        sums.setdefault(index, [code, ZERO])[1] += taken


def _taxes(part: Part, money: Money, place: str) -> Iterator[tuple[str, Decimal, Decimal]]:
    for tax in rows_of(part, "taxLines", place):
        yield text(tax.get("title")), _rate(tax, place), money.of(tax, "priceSet", f"{place}[].priceSet")
