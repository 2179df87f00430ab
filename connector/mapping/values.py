"""Values on their way into payload fields: checked and brought to the field's type, or refused.

What a store's expressions and defaults give has any type and is converted first (``convert``); what goes out,
wherever it came from, passes the checks. Everything raises BadOrder naming the field, with the type that was
found, never the value: it can be a buyer's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

import msgspec
import pycountry

from connector.mapping.addresses import PARTS, one_line, printable
from connector.model.errors import BadOrder
from connector.model.order import Address, Discount, FinancialStatus, FulfillmentStatus, LineItem, TaxLine
from connector.model.payload import MAX_ORDER_ID
from connector.sdk import timestamps

E = TypeVar("E", bound=StrEnum)

_LARGEST = Decimal(10**12)
_CENT = Decimal("0.01")
_FINEST = Decimal("0.000001")
_ZERO = Decimal("0.00")
_MOST_ITEMS = 10**9
_LARGEST_EXTRA = 2**63  # of numbers that Privy only echoes: exact for every reader of JSON that has integers
_DEEPEST = 5
LINE_KEYS = tuple(name for name in LineItem.__struct_fields__ if name != "extra")
_DECIMAL_TEXT = re.compile(r"\s*[+-]?\d{1,30}(\.\d{1,30})?\s*", re.ASCII)

NO_ZONE = "the time says no time zone, and Privy takes UTC"

# Old orders keep the currency they were paid in: codes that ISO 4217 withdrew since there are shops online.
# Whether Privy takes them is not known; what it refuses is that order's failure, which names the field.
_WITHDRAWN_CODES = """
AFA ANG ATS AZM BEF BGL BGN BYB BYR CSD CUC CYP DEM EEK ESP FIM FRF GHC GRD GWP HRK IEP ITL LTL LUF
LVL MGF MRO MTL MZM NLG PTE ROL RUR SDD SIT SKK SLL SRG STD TMM TPE TRL UAK VEB VEF XEU YUM ZMK ZWD
ZWL ZWN ZWR
"""
_WITHDRAWN = frozenset(_WITHDRAWN_CODES.split())


def convert(field: str, value: Any) -> Any:
    """The value as the type of the payload's field; None stays None, which means: not known.

    Lists become tuples of the order's own types, so that what an expression says is treated like what the
    adapter says. Raises BadOrder.
    """
    return None if value is None else _CONVERSIONS[field](field, value)


def money(field: str, amount: Decimal | None) -> Decimal:
    """The amount with two to six decimals. Raises BadOrder unless it is there, finite and below 10^12."""
    if amount is None:
        raise BadOrder(field, "there is no amount")
    if not amount.is_finite():
        raise BadOrder(field, "the amount is not a finite number")
    if not -_LARGEST < amount < _LARGEST:
        raise BadOrder(field, "the amount is not below 10^12")
    if not amount:
        return _ZERO
    exponent = amount.as_tuple().exponent
    if exponent == -2:
        return amount
    if isinstance(exponent, int) and exponent < -2:
        amount = amount.quantize(_FINEST, ROUND_HALF_UP).normalize()
        exponent = amount.as_tuple().exponent
    return amount.quantize(_CENT) if isinstance(exponent, int) and exponent > -2 else amount


def currency(code: str | None) -> str:
    """The ISO 4217 code in upper case. Raises BadOrder for any other text."""
    known = (code or "").strip().upper()
    if known in currencies():
        return known
    said = f"{known!r} is no" if len(known) == 3 and known.isascii() else "there is no"
    raise BadOrder("currency", f"{said} ISO 4217 code")


def order_date(moment: datetime | None) -> datetime:
    """The time in UTC. Raises BadOrder without a time zone, or outside the years 1990 to 2199."""
    if moment is None:
        raise BadOrder("order_date", "there is no time")
    if moment.tzinfo is None:
        raise BadOrder("order_date", NO_ZONE)
    if not 1990 <= moment.year < 2200:
        raise BadOrder("order_date", f"the year {moment.year} cannot be right")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def item_count(field: str, count: int) -> int:
    """A quantity. Raises BadOrder beyond a milliard: Privy takes an integer, and something is broken."""
    if -_MOST_ITEMS <= count <= _MOST_ITEMS:
        return count
    raise BadOrder(field, "the number of items cannot be right")


def total_items(items: tuple[LineItem, ...]) -> int:
    """How many pieces were sold, by the quantities of the lines.

    A line below zero is goods taken back within the order (a swap at the till), so it is taken off; where
    more came back than went out, nothing was sold: 0, for a number of items below zero is none.
    """
    return item_count("total_items", max(0, sum(line.quantity for line in items)))


def lines(items: tuple[LineItem, ...]) -> tuple[dict[str, Any], ...]:
    """The lines as Privy takes them; one without SKU is known by its variant, product or name."""
    made: list[dict[str, Any]] = []
    for index, line in enumerate(items):
        name = one_line(line.name)
        variant_id, product_id = printable(line.variant_id), printable(line.product_id)
        body = {
            "sku": printable(line.sku) or variant_id or product_id or name or "-",
            "quantity": item_count(f"line_items[{index}].quantity", line.quantity),
            "price": money(f"line_items[{index}].price", line.price),
        }
        more = {"name": name, "product_id": product_id, "variant_id": variant_id}
        made.append({**body, **{key: text for key, text in more.items() if text}, **line.extra})
    return tuple(made)


def discounts(items: tuple[Discount, ...]) -> tuple[Discount, ...]:
    """The discounts with clean codes and amounts."""
    return tuple(
        Discount(one_line(each.code), money(f"discounts[{index}].amount", each.amount))
        for index, each in enumerate(items)
    )


def tax_lines(items: tuple[TaxLine, ...]) -> tuple[TaxLine, ...]:
    """The taxes with clean titles and amounts."""
    return tuple(
        TaxLine(one_line(each.title), money(f"tax_lines[{index}].amount", each.amount))
        for index, each in enumerate(items)
    )


@cache
def currencies() -> frozenset[str]:
    """The codes of ISO 4217, the withdrawn ones of the last decades too."""
    return frozenset(entry.alpha_3 for entry in pycountry.currencies) | _WITHDRAWN


def _found(value: Any) -> str:
    """The type in JSON's words."""
    names = {bool: "true or false", str: "text", list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), "a number")


def _text(field: str, value: Any) -> str:
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_ORDER_ID:
        return str(value)
    raise BadOrder(field, f"expected text or a whole number, found {_found(value)}")


def _amount(field: str, value: Any) -> Decimal:
    if isinstance(value, str) and _DECIMAL_TEXT.fullmatch(value):
        return Decimal(value.strip())
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    raise BadOrder(field, f"expected a number, found {_found(value)}{_unlike(value)}")


def _moment(field: str, value: Any) -> datetime:
    if isinstance(value, datetime):  # YAML has times of its own
        return value
    if isinstance(value, str):
        try:
            return timestamps.iso(value)
        except timestamps.NoZone:
            raise BadOrder(field, NO_ZONE) from None
        except ValueError:
            pass
    raise BadOrder(field, f"expected an ISO 8601 time with its zone, found {_found(value)}{_unlike(value)}")


def _count(field: str, value: Any) -> int:
    if (
        isinstance(value, Decimal)
        and value.is_finite()
        and -_LARGEST < value < _LARGEST
        and value == int(value)
    ):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise BadOrder(field, f"expected a whole number, found {_found(value)}")


def _consent(field: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise BadOrder(
        field,
        f"expected true, false or null (not known), found {_found(value)}; compare it, like optin == 'yes'",
    )


def _status(kind: type[E]) -> Callable[[str, Any], E]:
    def status(field: str, value: Any) -> E:
        try:
            return kind(value)
        except ValueError:
            raise BadOrder(
                field, f"expected one of {', '.join(kind)}; found {_found(value)}{_unlike(value)}"
            ) from None

    return status


def _structs(kind: Any) -> Callable[[str, Any], Any]:
    def structs(field: str, value: Any) -> Any:
        try:
            return msgspec.convert(_without_nulls(value), kind)
        except (msgspec.ValidationError, ValueError) as error:
            # The message names the place and the types.
            raise BadOrder(field, str(error)) from None

    return structs


def _with_extra(kind: Any, known: tuple[str, ...]) -> Callable[[str, Any], Any]:
    """Like ``_structs``, for one or more objects whose other keys Privy stores as they are."""
    structs = _structs(kind)

    def sorted_out(field: str, value: Any) -> Any:
        if isinstance(value, list):
            value = [_sorted_out(f"{field}[{index}]", row, known) for index, row in enumerate(value)]
        return structs(field, _sorted_out(field, value, known))

    return sorted_out


def _sorted_out(field: str, value: Any, known: tuple[str, ...]) -> Any:
    if not isinstance(value, dict):
        return value
    others = ((printable(key), item) for key, item in value.items() if key not in known and item is not None)
    extra = {key: _plain(f"{field}.{key}", item) for key, item in others if key not in known}
    return {key: item for key, item in value.items() if key in known} | {"extra": extra}


def _plain(field: str, value: Any, depth: int = 1) -> Any:
    """A value as JSON can say it everywhere. Raises BadOrder."""
    if isinstance(value, str):
        return printable(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | Decimal):
        finite = isinstance(value, int) or value.is_finite()
        if finite and -_LARGEST_EXTRA < value < _LARGEST_EXTRA:
            return value
        raise BadOrder(field, "is an impossible number")
    if isinstance(value, list | tuple | dict) and depth < _DEEPEST:
        if isinstance(value, dict):
            return {printable(str(key)): _plain(field, item, depth + 1) for key, item in value.items()}
        return [_plain(field, item, depth + 1) for item in value]
    raise BadOrder(field, f"cannot be sent: it is nested more than {_DEEPEST} deep, or no value of JSON")


def _without_nulls(value: Any) -> Any:
    """JMESPath's ``{company: billing.company}`` says null for what is not there."""
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if item is not None}
    return value


def _unlike(value: Any) -> str:
    return " that is none" if isinstance(value, str) else ""


_CONVERSIONS: dict[str, Callable[[str, Any], Any]] = {
    "total": _amount,
    "currency": _text,
    "order_date": _moment,
    "email": _text,
    "phone": _text,
    "customer_id": _text,
    "subtotal": _amount,
    "discounts": _structs(tuple[Discount, ...]),
    "tax_lines": _structs(tuple[TaxLine, ...]),
    "total_items": _count,
    "financial_status": _status(FinancialStatus),
    "fulfillment_status": _status(FulfillmentStatus),
    "line_items": _with_extra(tuple[LineItem, ...], LINE_KEYS),
    "billing_address": _with_extra(Address, PARTS),
    "shipping_address": _with_extra(Address, PARTS),
    "accepts_email_marketing": _consent,
    "accepts_sms_marketing": _consent,
}
