"""Amounts and currencies as platforms write them, read alike everywhere, or refused by name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from connector.model.errors import BadOrder

PRICE_DECIMALS = 6  # of unit prices that had to be worked out: as many as Privy is sent

# ISO 4217, list one: the currencies whose smallest coin is not a hundredth.
_DECIMALS: Mapping[str, int] = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX"), 0),
    **dict.fromkeys(("UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
_SMALLEST = -30  # the power of ten below which an amount is none
_LONGEST_WHOLE = 40  # digits of a whole number
_LARGEST = Decimal(10) ** 15  # in the smallest coins of any currency still more than anybody pays


def amount(value: Any, field: str) -> Decimal:
    """An amount of money or another number, written as a number or as text. Raises BadOrder.

    Nothing is reckoned with before its size is known: beyond the range of decimal's context that would raise.
    """
    number = number_of(value)
    if number is None:
        raise BadOrder(field, "is not a number, nor one as text with a point, like 12.50")
    size = number.adjusted()  # as a power of ten
    if size < _SMALLEST or (not number and size > -_SMALLEST):
        return Decimal(0)
    if number and size >= _LARGEST.adjusted():
        raise BadOrder(field, "is an impossible number")
    return number


def number_of(value: Any) -> Decimal | None:
    """A finite number written as a number or as text, however large; None for anything else."""
    if isinstance(value, str):
        try:
            value = Decimal(value.strip())
        except InvalidOperation:
            return None
    elif isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return value if isinstance(value, Decimal) and value.is_finite() else None


def whole(value: Any) -> int | None:
    """A whole number, also written ``2.0`` or as text; None for anything else, and beyond 10^40."""
    number = number_of(value)
    if number is None or number.adjusted() > _LONGEST_WHOLE or number != number.to_integral_value():
        return None
    return int(number)


def currency(value: Any) -> str:
    """The currency's code in upper case, empty for none.

    Whether ISO 4217 has it is for the mapping, which may know another.
    """
    return value.strip().upper() if isinstance(value, str) else ""


def decimals(currency: str) -> int:
    """How many decimals the currency's smallest coin has."""
    return _DECIMALS.get(currency, 2)


def rounded(number: Decimal, places: int) -> Decimal:
    """At most so many decimals, half up; a number beyond any amount stays, for the mapping to refuse."""
    if number.adjusted() >= _LARGEST.adjusted():
        return number
    short = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return number if number == short else short
