"""The search index behind the lists of orders: it can lag behind the orders themselves."""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Sequence
from datetime import datetime
from itertools import count

from tests.shops.shopify.orders import Order
from tests.shops.shopify.search import TIMES, Search

Place = tuple[datetime, int]  # by time, then id


class Index:
    """Sorted by each time; an entry holds what was known when it was written."""

    def __init__(self) -> None:
        self._sorted: dict[str, list[Place]] = {name: [] for name in TIMES}
        self._entries: dict[int, dict[str, datetime]] = {}
        self._due: list[tuple[datetime, int, int]] = []
        self._writes = count()

    def put(self, order: Order) -> None:
        """Takes the order up as it is now."""
        self.drop(order.id)
        entry = {name: value(order) for name, value in TIMES.items()}
        self._entries[order.id] = entry
        for name, time in entry.items():
            insort(self._sorted[name], (time, order.id))

    def later(self, order: Order, due: datetime) -> None:
        """Takes the order up once ``take`` is called at or after ``due``."""
        heapq.heappush(self._due, (due, next(self._writes), order.id))

    def take(self, now: datetime | None, orders: dict[int, Order]) -> None:
        """Takes up what is due; without a time, everything."""
        while self._due and (now is None or self._due[0][0] <= now):
            _, _, id = heapq.heappop(self._due)
            if id in orders:
                self.put(orders[id])

    def drop(self, id: int) -> None:
        """Forgets an order."""
        for name, time in self._entries.pop(id, {}).items():
            places = self._sorted[name]
            del places[bisect_left(places, (time, id))]

    def found(self, name: str, search: Search, orders: dict[int, Order], since: datetime) -> Sequence[Place]:
        """Ascending by the time of this name: what matches and was created since then."""
        places = self._sorted[name]
        low, high = 0, len(places)
        for bounded, sign, at in search.bounds:
            if bounded == name and sign in (">", ">="):
                low = max(low, bisect_left(places, (at, 0)))
            elif bounded == name and sign == "<":
                high = min(high, bisect_left(places, (at, 0)))
        return [
            place
            for place in places[low : max(low, high)]
            if self._entries[place[1]]["created_at"] >= since
            and search.matches(orders[place[1]], self._entries[place[1]])
        ]
