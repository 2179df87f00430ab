"""One page of orders from the shop, no larger than the shop can stand."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec

from adapters.woocommerce.client import Answer
from connector.model.errors import Unavailable

_TRIES = 3
_CALM = 20  # good answers in a row after which a page may grow again


class Rows(msgspec.Struct, frozen=True):
    """What came. ``full``: more may match than was sent. ``date``: the shop's clock."""

    rows: list[Any]
    full: bool
    total: int | None
    pages: int | None
    date: datetime | None


class Get(Protocol):
    """``Client.get``."""

    def __call__(self, path: str, params: Mapping[str, str] | None = None) -> Awaitable[Answer]: ...


class Listing:
    """``GET /orders``. A page is halved when the shop chokes on it, and grows back later."""

    def __init__(self, get: Get, largest: int) -> None:
        self._get = get
        self._largest = largest
        self._calm = 0
        self.per_page = largest

    async def first(self, query: Mapping[str, str]) -> Rows:
        """The first page, tried again with smaller ones. Raises AuthError, Unavailable."""
        for tries_left in reversed(range(_TRIES)):
            size = self.per_page
            try:
                return await self.page(query, 1, size)
            except Unavailable:
                if not tries_left or self.per_page == size:
                    raise
        raise AssertionError("the last try returns or raises")

    async def page(self, query: Mapping[str, str], number: int, per_page: int) -> Rows:
        """One numbered page. Raises AuthError, Unavailable."""
        paging = {"dates_are_gmt": "true", "per_page": str(per_page), "page": str(number)}
        try:
            answer = await self._get("orders", {**query, **paging})
            if not isinstance(answer.value, list):
                raise Unavailable(
                    "the shop answered with something else than a list of orders", maybe_done=True
                )
        except Unavailable as error:
            # Time-outs, 5xx and cut-off bodies (maybe_done) are often a page too heavy for the shop.
            if error.maybe_done and error.retry_after is None:
                self.per_page = max(1, min(self.per_page, per_page) // 2)
                self._calm = 0
            raise
        self._calm += 1
        if self._calm >= _CALM and self.per_page < self._largest:
            self.per_page = min(self._largest, self.per_page * 2)
            self._calm = 0
        rows, total = answer.value, answer.number("x-wp-total")
        # Two signs, either is enough: a host may cap per_page, another hide or falsify the total.
        full = len(rows) >= per_page or (total or 0) > len(rows)
        return Rows(rows, full, total, answer.number("x-wp-totalpages"), answer.reply.date)
