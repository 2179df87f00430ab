"""The lists of orders, by change and by placement.

Vendure's ``updatedAt`` does not move when an order is placed, and ``orderPlacedAt`` is set then, so there are
two feeds, one by each. Both times are shown in milliseconds, but PostgreSQL keeps microseconds. ``after`` and
``before`` are exclusive, ``between`` is inclusive.

A list is sorted by one key. Of two, Vendure sorts by the one that its schema names first: with ``updatedAt``
and ``id``, in whichever order they are sent, by the id. By the id alone they are asked for, in closed windows
of time: ``connector.sdk.keyset``.

All seen on Vendure 3.7.3, November 2026. Carts and drafts, which have no ``orderPlacedAt``, are not asked
for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.vendure.client import Client, Rows
from connector.model.errors import Unavailable
from connector.model.order import Document
from connector.sdk import keyset
from connector.sdk.fields import moment

MS = timedelta(milliseconds=1)
# A row is dated before its transaction ends, and a placement waits for the payment's provider inside one.
OVERLAP = timedelta(seconds=120)

FEEDS = {"orders": "updatedAt", "placed": "orderPlacedAt"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(9999, 12, 31, tzinfo=UTC)
_IDS = "query($options: OrderListOptions) { orders(options: $options) { items { id } } }"


class Orders:
    """One shop's orders. ``types`` are the order types that the store wants."""

    def __init__(self, api: Client, types: Sequence[str]) -> None:
        self._api = api
        self._types = list(types)

    def listed(self, time: str) -> keyset.List:
        """The list bounded by ``time``, a field of an order."""

        def options(ask: keyset.Ask) -> dict[str, Any]:
            end = _END if ask.high is None else ask.high
            span = {time: {"between": {"start": _text(ask.low), "end": _text(end)}}}
            wanted = {"_and": [span, {time: {"before": _text(end)}}]}
            return self._options(wanted, {"id": "ASC"}, ask.size, ask.start)

        async def fetch(ask: keyset.Ask) -> keyset.Rows:
            rows = await self._api.orders(options(ask))
            documents = [document(body) for body in rows.bodies]
            return keyset.Rows(documents=documents, count=rows.total, date=rows.date)

        async def locate(ask: keyset.Ask) -> str:
            orders = (await self._api.ask(_IDS, {"options": options(ask)})).data.get("orders")
            rows = orders.get("items") if isinstance(orders, dict) else None
            ids = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
            return ids[0] if len(ids) == 1 and isinstance(ids[0], str) else ""

        return keyset.List(
            fetch=fetch, time=time, resolution=MS, overlap=OVERLAP, locate=locate, one=self.order
        )

    async def order(self, ref: str) -> Document | None:
        """One order; None also for one of a type that this store does not read (a seller's part)."""
        body = await self._api.order(ref)
        return document(body) if body is not None and body.get("type") in self._types else None

    async def some(self, refs: Sequence[str]) -> Rows:
        """The orders with these ids."""
        options = self._options({"id": {"in": list(refs)}}, {"id": "ASC"}, len(refs))
        return await self._api.orders(options)

    async def newest(self) -> Rows:
        """One order, as a poll reads it."""
        return await self._api.orders(self._options({}, {"orderPlacedAt": "DESC"}, 1))

    def _options(
        self, wanted: Mapping[str, Any], sort: Mapping[str, str], size: int, start: int = 0
    ) -> dict[str, Any]:
        placed = {"orderPlacedAt": {"isNull": False}}
        conditions = [placed, {"type": {"in": self._types}}, *([wanted] if wanted else [])]
        return {"filter": {"_and": conditions}, "sort": sort, "take": size, "skip": start}


def document(body: dict[str, Any]) -> Document:
    """The row with its id and change time.

    The order's own ``updatedAt`` stands still while it is placed, paid, shipped and refunded; those of its
    payments, refunds and fulfilments move. Raises Unavailable for what cannot be told from other rows.
    """
    ref = body.get("id")
    if not isinstance(ref, str) or not ref:
        raise Unavailable("the shop answered nonsense: a row of its orders has no usable id", maybe_done=True)
    return Document(ref=ref, changed_at=max(_changes(body), default=_EPOCH), body=body)


def _changes(body: Mapping[str, Any]) -> Iterator[datetime]:
    payments = _rows(body, "payments")
    refunds = [refund for payment in payments for refund in _rows(payment, "refunds")]
    for part in (body, *payments, *refunds, *_rows(body, "fulfillments")):
        for name in ("updatedAt", "orderPlacedAt"):
            time = moment(part.get(name))
            if time is not None:
                yield time


def _rows(part: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = part.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
