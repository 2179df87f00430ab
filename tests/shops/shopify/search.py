"""Shopify's search syntax as far as orders need it, unknown fields and their silence included.

A filter that cannot be read is no error: it is left out, and only ``extensions.search`` tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.shops.shopify.orders import Order

_TERM = re.compile(r"""(?P<not>-?)(?P<field>[a-z_]+):(?P<sign>>=|<=|>|<|)(?P<value>'[^']*'|"[^"]*"|\S+)""")
TIMES: dict[str, Callable[[Order], datetime]] = {
    "created_at": lambda order: order.created_at,
    "updated_at": lambda order: order.updated_at,
    "processed_at": lambda order: order.processed_at or order.created_at,
}
_PAYMENTS = ("paid", "pending", "authorized", "partially_paid", "partially_refunded", "refunded", "voided")
_SHIPPING = {"UNFULFILLED": "unshipped", "FULFILLED": "shipped", "PARTIALLY_FULFILLED": "partial"}
_WORDS: dict[str, tuple[Callable[[Order], str], frozenset[str]]] = {
    "financial_status": (
        lambda order: (order.financial or "pending").lower(),
        frozenset((*_PAYMENTS, "expired")),
    ),
    "fulfillment_status": (
        lambda order: _SHIPPING.get(order.fulfillment, order.fulfillment.lower()),
        frozenset((*_SHIPPING.values(), "scheduled", "on_hold", "request_declined")),
    ),
    "test": (lambda order: str(order.test).lower(), frozenset(("true", "false"))),
}
_STATUSES: dict[str, Callable[[Order], bool]] = {
    "open": lambda order: order.closed_at is None and order.cancelled_at is None,
    "closed": lambda order: order.closed_at is not None,
    "cancelled": lambda order: order.cancelled_at is not None,
    "not_closed": lambda order: order.closed_at is None,
}


@dataclass
class Search:
    """A query that was read: bounds by field of time, tests of an order, and warnings."""

    text: str
    bounds: list[tuple[str, str, datetime]] = field(default_factory=list)  # (field, sign, moment)
    tests: list[Callable[[Order], bool]] = field(default_factory=list)
    warnings: list[dict[str, str]] = field(default_factory=list)

    def matches(self, order: Order, times: Mapping[str, datetime]) -> bool:
        """Whether the order is among those that were asked for; ``times`` are those the index knows."""
        return all(_compare(sign, times[name], at) for name, sign, at in self.bounds) and all(
            test(order) for test in self.tests
        )

    def report(self, path: str) -> dict[str, Any]:
        """An entry of ``extensions.search``."""
        return {"path": [path], "query": self.text, "parsed": {}, "warnings": self.warnings}


def read(text: str | None) -> Search:
    """Terms joined by blanks or AND; what OR, NOT and brackets mean is not known here and refused."""
    found = Search(text or "")
    rest = _TERM.sub("", found.text).replace("AND", "").strip()
    if rest:
        raise NotImplementedError(f"the stand-in cannot read {rest!r} in the search {text!r}")
    for term in _TERM.finditer(found.text):
        _take(found, term)
    return found


def _take(found: Search, term: re.Match[str]) -> None:
    name, sign, quoted = term["field"], term["sign"], term["value"]
    value = quoted.strip("'\"")
    if name in TIMES:
        moment = _moment(quoted)
        if moment is None or term["not"]:
            _warn(found, name, "Input value is not valid.", "invalid_value")
        else:
            found.bounds.append((name, sign or "=", moment))
        return
    test = _test(name, sign, value)
    if isinstance(test, str):
        _warn(found, name, *(
            ("Invalid search field for this query.", test) if test == "invalid_field"
            else ("Input value is not valid.", test)
        ))  # fmt: skip
    elif term["not"]:
        found.tests.append(lambda order: not test(order))
    else:
        found.tests.append(test)


def _test(name: str, sign: str, value: str) -> Callable[[Order], bool] | str:
    """What to ask of an order, or the code of a warning."""
    if name == "status":
        return _STATUSES.get(value, "invalid_value")
    if name in _WORDS:
        word, known = _WORDS[name]
        wanted = set(value.lower().split(","))
        return (lambda order: word(order) in wanted) if wanted <= known else "invalid_value"
    if name == "id":
        numbers = {int(one.rpartition("/")[2]) for one in value.split(",")}
        if sign:
            (number,) = numbers
            return lambda order: _compare(sign, order.id, number)
        return lambda order: order.id in numbers
    if name in ("source_name", "email", "name"):
        return lambda order: _text(order, name).lower() == value.lower()
    return "invalid_field"


def _text(order: Order, name: str) -> str:
    return {"source_name": order.source_name, "email": order.email, "name": f"#{order.number}"}[name] or ""


def _moment(quoted: str) -> datetime | None:
    """A time; one with colons must be quoted, else the search syntax takes them for its own."""
    value = quoted.strip("'\"")
    if ":" in value and value == quoted:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _compare(sign: str, left: Any, right: Any) -> bool:
    """``>`` behaves like ``>=``, as reported of the real search."""
    if sign in (">", ">="):
        return bool(left >= right)
    if sign == "<":
        return bool(left < right)
    return bool(left <= right if sign == "<=" else left == right)


def _warn(found: Search, name: str, message: str, code: str) -> None:
    found.warnings.append({"field": name, "message": message, "code": code})
