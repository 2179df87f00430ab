"""The shop's orders, and the lists in which they can be read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec

MOMENT = timedelta(microseconds=1)
FIRST_ID = 1001


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """``unit_price`` is before discounts, tax and delivery."""

    sku: str
    product: str
    name: str
    quantity: int
    unit_price: Decimal


class Voucher(msgspec.Struct, frozen=True):
    """A code that was redeemed; ``amount`` is positive."""

    code: str
    amount: Decimal


class Tax(msgspec.Struct, frozen=True):
    """One tax, delivery's part included."""

    title: str
    amount: Decimal


class Buyer(msgspec.Struct, frozen=True, kw_only=True):
    """``id`` is None for a guest; a consent is None when the buyer was not asked."""

    id: str | None
    email: str
    phone: str
    newsletter: bool | None = None
    text_messages: bool | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A postal address."""

    first_name: str
    last_name: str
    street: str
    city: str
    region: str
    postcode: str
    country: str


class ShopOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order, or a cart while ``placed_at`` is None.

    ``payment`` is awaiting, authorized, paid, void or expired; money that went back stands in ``refunded``.
    ``delivery`` is new, packing, on_hold, part_shipped, shipped, delivered, returned or cancelled. Times
    are aware UTC.
    """

    id: int
    number: str
    created_at: datetime
    changed_at: datetime
    placed_at: datetime | None
    payment: str
    delivery: str
    test: bool = False
    currency: str
    total: Decimal
    refunded: Decimal = Decimal(0)
    delivery_fee: Decimal
    lines: tuple[Line, ...]
    vouchers: tuple[Voucher, ...]
    taxes: tuple[Tax, ...]
    buyer: Buyer
    bill_to: Place | None
    ship_to: Place | None


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a list that holds ``total`` orders."""

    orders: list[ShopOrder]
    total: int


class Shop:
    """Orders by id. ``on_change`` is told of each order that is new or changed, ``on_visit`` of each call."""

    name = "The Sample Shop"
    address = "sample-shop.example"

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.clock = clock
        self.orders: dict[int, ShopOrder] = {}
        self.on_change: Callable[[ShopOrder], None] = lambda order: None
        self.on_visit: Callable[[], None] = lambda: None
        self._next_id = FIRST_ID
        self._changed_at = datetime.min.replace(tzinfo=UTC)

    def add(self, **fields: Any) -> ShopOrder:
        """A new order of ``ShopOrder``'s fields; without times of its own it is placed now."""
        now = self._stamp()
        times = {"created_at": now, "placed_at": now, "changed_at": now}
        order = ShopOrder(**{"id": self._next_id, "number": f"S-{self._next_id}", **times, **fields})
        self._next_id += 1
        self._changed_at = max(self._changed_at, order.changed_at)
        self.orders[order.id] = order
        self.on_change(order)
        return order

    def change(self, number: int, **fields: Any) -> ShopOrder:
        """Change an order; its change time becomes the newest of the shop."""
        order = msgspec.structs.replace(self.orders[number], changed_at=self._stamp(), **fields)
        self.orders[number] = order
        self.on_change(order)
        return order

    def place(self, number: int) -> ShopOrder:
        """Turn a cart into an order."""
        return self.change(number, placed_at=self._stamp())

    def listed(
        self, by: Literal["changed", "placed"], since: datetime, until: datetime, offset: int, limit: int
    ) -> Listed:
        """Orders changed or placed (carts: begun) from ``since`` on and before ``until``, by id."""

        def time(order: ShopOrder) -> datetime:
            return order.changed_at if by == "changed" else order.placed_at or order.created_at

        found = [order for _, order in sorted(self.orders.items()) if since <= time(order) < until]
        return Listed(orders=found[offset : offset + limit], total=len(found))

    def _stamp(self) -> datetime:
        """The present, but always later than the last change: a list that is read on misses nothing."""
        self._changed_at = max(self.clock(), self._changed_at + MOMENT)
        return self._changed_at
