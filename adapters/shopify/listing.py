"""Pages of orders and single ones, no dearer than the shop allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from adapters.shopify import queries
from adapters.shopify.client import Client, Cost, TooDear
from adapters.shopify.documents import document
from connector.model.errors import AuthError, Hidden, Unavailable
from connector.model.order import Document
from connector.sdk import keyset
from connector.sdk.graphql import Answer

_ORDER = "gid://shopify/Order/"
_SHOWN = timedelta(days=59)  # 60, and a day to be sure
_NO_DATE = datetime(9999, 12, 31, tzinfo=UTC)


class Rows(msgspec.Struct, frozen=True):
    """A page. ``end`` continues after its last row. ``date``: Shopify's clock. ``wait``: seconds until the
    bucket holds enough points for another such page. ``gap`` is an order that could not be shown."""

    documents: list[Document]
    more: bool
    end: str | None
    date: datetime | None
    wait: float
    gap: keyset.Gap | None = None


class Listing:
    """A page is halved when it is too dear or too heavy for the shop, and grows back later; also down to one
    order at which Shopify fails, which is stepped over."""

    def __init__(self, client: Client, largest: int) -> None:
        self._client = client
        self._size = keyset.PageSize(largest)

    async def page(
        self, search: str, *, sort: str, reverse: bool, after: str | None, most: int = 250
    ) -> Rows:
        """The orders that ``search`` finds, from ``after`` on. Raises AuthError and Unavailable."""
        selection = await self._client.selection()
        variables = {"query": search, "sortKey": sort, "reverse": reverse, "after": after}
        variables["lines"] = queries.LINES
        fine = most
        while True:
            size = min(self._size.rows, fine)
            asked = {**variables, "first": size}
            try:
                rows = await keyset.twice(
                    partial(self._rows, selection, asked), partial(self._client.ask, queries.SCOPES)
                )
            except TooDear:
                if size == 1:
                    raise
                self._size.too_heavy(size)
            except keyset.Bad as bad:
                if size == 1:
                    return await self._stepped_over(asked, bad)
                if bad.error.heavy:
                    self._size.too_heavy(size)
                fine = size // 2
            else:
                self._size.good()
                return rows

    async def _rows(self, selection: queries.Selection, variables: Mapping[str, Any]) -> Rows:
        query = queries.orders(selection)
        answer = await self._client.ask(query, variables)
        found = _connection(answer, answer.data.get("orders"))
        cost = Cost.of(answer)
        return Rows(
            documents=[await self._whole(node, selection) for node in found.nodes],
            more=found.more,
            end=found.end,
            date=answer.reply.date,
            wait=cost.wait() if cost else 0.0,
        )

    async def _stepped_over(self, variables: Mapping[str, Any], bad: keyset.Bad) -> Rows:
        """The place behind the one order that cannot be shown, which can at least be named."""
        named = {name: value for name, value in variables.items() if name != "lines"}
        answer = await self._client.ask(queries.IDS, named)
        found = _connection(answer, answer.data.get("orders"))
        ref = "".join(str(node.get("legacyResourceId")) for node in found.nodes if isinstance(node, dict))
        if not ref.isdecimal():
            raise bad.error
        date = answer.reply.date
        gap = keyset.Gap(reason=keyset.reason_of(bad.error), ref=ref, tried=date)
        return Rows([], found.more, found.end, date, 0.0, gap)

    async def order(self, ref: str) -> Document | None:
        """One order, fresh; None when the shop has it no more.

        Raises AuthError, Unavailable, and Hidden where it may only be too old to be shown to us.
        """
        if not (ref.isascii() and ref.isdecimal()):
            return None
        selection = await self._client.selection()
        answer = await self._client.ask(
            queries.order(selection), {"id": f"{_ORDER}{ref}", "lines": queries.LINES}
        )
        if "order" not in answer.data:  # said to be gone is null; nonsense says nothing
            raise Unavailable(f"{answer.reply.url} answered without the order", maybe_done=True)
        node = answer.data["order"]
        if node is not None:
            return await self._whole(node, selection)
        if answer.faults:
            raise _withheld(answer)
        if await self._client.may("read_all_orders"):
            return None
        now = answer.reply.date
        raise Hidden(
            f"Shopify does not show order {ref}; without the scope read_all_orders it shows 60 days only",
            before=now - _SHOWN if now else _NO_DATE,
        )

    async def several(self, refs: Sequence[str]) -> list[Document]:
        """These orders, fresh, without those that are not shown. Raises AuthError and Unavailable."""
        selection = await self._client.selection()
        ids = [f"{_ORDER}{ref}" for ref in refs if ref.isascii() and ref.isdecimal()]
        try:
            answer = await self._client.ask(queries.several(selection), {"ids": ids, "lines": queries.LINES})
        except TooDear:
            if len(refs) == 1:
                raise
            half = len(refs) // 2
            return [*await self.several(refs[:half]), *await self.several(refs[half:])]
        nodes = answer.data.get("nodes")
        if not isinstance(nodes, list):
            raise Unavailable(f"{answer.reply.url} answered without a list of orders", maybe_done=True)
        return [await self._whole(node, selection) for node in nodes if node is not None]

    async def count(self, search: str) -> int:
        """How many orders ``search`` finds. Raises AuthError and Unavailable."""
        answer = await self._client.ask(queries.COUNT, {"query": search})
        found = answer.data.get("ordersCount")
        number = found.get("count") if isinstance(found, dict) else None
        if not isinstance(number, int):
            raise Unavailable(f"{answer.reply.url} does not say how many orders there are", maybe_done=True)
        return number

    async def _whole(self, node: Any, selection: queries.Selection) -> Document:
        """The document of a listed order, with the lines that did not fit."""
        if not isinstance(node, dict):
            raise AuthError("the shop withholds whole orders; let the app read protected customer data")
        connection = node.get("lineItems")
        lines: list[Any] = []
        while True:
            nodes = connection.get("nodes") if isinstance(connection, dict) else None
            info = connection.get("pageInfo") if isinstance(connection, dict) else None
            if not isinstance(nodes, list) or not isinstance(info, dict):
                raise Unavailable("the shop answered nonsense: an order without lineItems", maybe_done=True)
            lines += nodes
            if info.get("hasNextPage") is not True:
                return document(node, lines)
            variables = {"id": node.get("id"), "first": queries.MOST_LINES, "after": info.get("endCursor")}
            rest = await self._client.ask(queries.more_lines(selection), variables)
            order = rest.data.get("order")
            if not isinstance(order, dict):
                raise Unavailable("an order went away while its lines were read", maybe_done=True)
            connection = order.get("lineItems")


class _Connection(msgspec.Struct, frozen=True):
    nodes: list[Any]
    more: bool
    end: str | None


def _connection(answer: Answer, value: Any) -> _Connection:
    """A connection of the answer, which is never taken for empty when it is not there."""
    nodes = value.get("nodes") if isinstance(value, dict) else None
    info = value.get("pageInfo") if isinstance(value, dict) else None
    if not isinstance(nodes, list) or not isinstance(info, dict):
        if answer.faults:
            raise _withheld(answer)
        raise Unavailable(f"{answer.reply.url} answered without a list of orders", maybe_done=True)
    more, end = bool(info.get("hasNextPage")), info.get("endCursor")
    if more and not isinstance(end, str):
        raise Unavailable(f"{answer.reply.url} says that there is more, but not where", maybe_done=True)
    return _Connection(nodes, more, end)


def _withheld(answer: Answer) -> AuthError:
    return AuthError(f"{answer.reply.url} withholds orders: {answer.said}")
