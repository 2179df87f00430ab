"""Fields of Shopify's documents, read or refused by name: text, counts, money, parts and lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from connector.errors import BadOrder

ZERO = Decimal(0)
_LARGEST = Decimal(10) ** 15
_MOST = 10**9
_CENT, _TENTH = Decimal("0.01"), Decimal("0.001")
_IN_THOUSANDTHS = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))

Part = Mapping[str, Any]


class Money:
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


def rows(part: Part, name: str, place: str) -> Sequence[Part]:
    """A list of objects; none is an empty one. Raises BadOrder."""
    found = part.get(name) or []
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise BadOrder(place, "is not a list of objects")
    return found


def part_of(part: Part, name: str, place: str = "") -> Part:
    """An object; null is an empty one. Raises BadOrder."""
    found = part.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadOrder(place or name, "is not an object")
    return found


def word(body: Part, name: str) -> str:
    """A status; null is empty. Raises BadOrder."""
    found = body.get(name)
    if found is None:
        return ""
    if not isinstance(found, str) or not found:
        raise BadOrder(name, "is not a status")
    return found


def count(value: Any, place: str) -> int:
    """A quantity. Raises BadOrder."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MOST:
        raise BadOrder(place, "is not a quantity")
    return value


def digits(customer: Part, place: str) -> str:
    """A customer's id, empty when there is none. Raises BadOrder."""
    found = text(customer.get("legacyResourceId"))
    if found and not (found.isascii() and found.isdecimal()):
        raise BadOrder(place, "is not an id")
    return found


def text(value: Any) -> str:
    """Text without spaces around it; everything else is absence."""
    return value.strip() if isinstance(value, str) else ""
