"""Fields of Shopify's documents, read or refused by name: money, statuses, counts and ids."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connector.model.errors import BadOrder
from connector.sdk.amounts import amount, decimals, rounded
from connector.sdk.fields import Part, text

ZERO = Decimal(0)
_MOST = 10**9


class Money:
    """Reads amounts in the currency that is asked for, and steps of that currency."""

    def __init__(self, kind: str, currency: str) -> None:
        self._kind = f"{kind}Money"
        self._decimals = max(decimals(currency), 2)  # Shopify writes two where the currency has none

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
        return rounded(value, self._decimals)


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
