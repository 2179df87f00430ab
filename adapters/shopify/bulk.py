"""History by a bulk operation: Shopify prepares all orders as one report, at the cost of two small requests.

The cursor holds the operation's id and how many of its orders have been read. After a kill the report is
downloaded again and read on from there; when it can no longer be had (its address lives for seven days), or
the operation was cancelled, a new one is started for what is still missing. A failed operation's partial
report is not used: any order in it may lack lines. Then, where Shopify refuses to start one, and where a
report holds fewer orders than the shop counts, history is read page by page (https://shopify.dev/docs/api/usage/bulk-operations/queries).
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import msgspec

from adapters.shopify import orders, queries
from adapters.shopify.client import Client
from adapters.shopify.listing import Listing
from adapters.shopify.orders import HistoryCursor, written
from adapters.shopify.report import Report
from connector.model.errors import Unavailable
from connector.runtime.http import refusal
from connector.sdk.contract import History, Page
from connector.sdk.fields import moment

PAGE = 100  # orders of a report that are handed on at once
MOST_TRIES = 3  # operations that are started for one history
FIRST_LOOK = 1.0  # seconds after the start
LOOK = 5.0  # seconds between looks at an operation under way
MOST_REPORTS = 2  # kept at a time: a backfill's and a reconcile's

_UNDER_WAY = ("CREATED", "RUNNING", "CANCELING")


class Operation(msgspec.Struct, frozen=True):
    """A bulk operation as Shopify has it. ``orders`` is how many it found so far."""

    id: str
    status: str
    created_at: datetime | None
    orders: int
    url: str


class BulkHistory:
    """Reads history, by a bulk operation where that pays."""

    def __init__(self, client: Client, listing: Listing, above: int) -> None:
        self._client = client
        self._listing = listing
        self._above = above
        self._reports: dict[str, Report] = {}

    async def read(self, read: History) -> Page:
        """The next page, newest first. Raises AuthError and Unavailable."""
        if read.cursor is None:
            cursor = await self._beginning(read)
        else:
            cursor = msgspec.json.decode(read.cursor, type=HistoryCursor)
        if cursor.operation:
            return await self._look(read, cursor)
        if not cursor.paged:
            cursor = await self._start(read, cursor)
            if cursor.operation:
                return _waiting(cursor, FIRST_LOOK)
        return await orders.history(read, cursor, self._listing)

    async def _beginning(self, read: History) -> HistoryCursor:
        """The count shows as well whether the filter is understood: a bulk operation would not say."""
        before = orders.second(read.until)
        total = await self._listing.count(orders.placed_between(read.since, before))
        return HistoryCursor(before=before, total=total, paged=read.few or total <= self._above)

    async def _start(self, read: History, cursor: HistoryCursor) -> HistoryCursor:
        if cursor.tries >= MOST_TRIES:
            return _by_pages(cursor)
        selection = await self._client.selection()
        query = queries.bulk(selection, orders.placed_between(read.since, cursor.before))
        answer = await self._client.ask(queries.START_BULK, {"query": query})
        payload = answer.data.get("bulkOperationRunQuery")
        operation = _operation(payload.get("bulkOperation") if isinstance(payload, dict) else None)
        if operation is None:  # too many are under way, or Shopify does not want to
            return _by_pages(cursor)
        tries = cursor.tries + 1
        return msgspec.structs.replace(cursor, operation=operation.id, line=0, tries=tries)

    async def _look(self, read: History, cursor: HistoryCursor) -> Page:
        answer = await self._client.ask(queries.BULK, {"id": cursor.operation})
        operation = _operation(answer.data.get("bulkOperation"))
        if operation is not None and operation.status in _UNDER_WAY:
            return _waiting(cursor, LOOK)
        if operation is not None and operation.status == "COMPLETED":
            if not operation.url and not operation.orders:
                if await self._counted(read, cursor):
                    return _waiting(_by_pages(cursor), 0.0)
                return Page(documents=[], cursor=written(cursor), more=False, total=cursor.total)
            if await self._has(operation):
                if cursor.line or await self._is_whole(read, cursor, operation):
                    return await self._page(read, cursor, operation)
                self._reports.pop(operation.id).close()
                return _waiting(_by_pages(cursor), 0.0)
        if operation is not None and operation.status == "FAILED":
            return _waiting(_by_pages(cursor), 0.0)
        # Cancelled by Shopify, expired, forgotten, or its report is gone.
        return _waiting(_anew(cursor), 0.0)

    async def _page(self, read: History, cursor: HistoryCursor, operation: Operation) -> Page:
        report = self._reports[operation.id]
        documents = await asyncio.to_thread(report.page, cursor.line, PAGE)
        times = [str(document.body.get("createdAt")) for document in documents]
        # Only in this order is everything before the last one read; a new operation would begin there.
        sorted_so = times == sorted(times, reverse=True)
        reached = orders.oldest(documents, cursor.before) if sorted_so else cursor.before
        line = cursor.line + PAGE
        more = line < report.orders
        if not more:
            self._reports.pop(operation.id).close()
        return Page(
            documents=orders.placed_within(documents, read),
            cursor=written(msgspec.structs.replace(cursor, line=line, before=reached)),
            more=more,
            position=reached,
            total=cursor.total,
            as_of=operation.created_at,
        )

    async def _is_whole(self, read: History, cursor: HistoryCursor, operation: Operation) -> bool:
        """Sorted bulk operations were seen to leave out records (GitHub, estuary/connectors, #4679)."""
        return self._reports[operation.id].orders >= await self._counted(read, cursor)

    async def _counted(self, read: History, cursor: HistoryCursor) -> int:
        return await self._listing.count(orders.placed_between(read.since, cursor.before))

    async def _has(self, operation: Operation) -> bool:
        """Whether the report is at hand now; false when Shopify has it no more. Raises Unavailable."""
        if operation.id in self._reports:
            return True
        if not self._client.trusts(operation.url):
            return False
        report = Report()
        try:
            reply = await self._client.http.download(operation.url, report.file)
            if reply.status in (400, 401, 403, 404, 410):  # signed addresses end so
                report.close()
                return False
            if reply.status != 200:
                raise refusal(reply)
            await asyncio.to_thread(report.index)
            if report.orders < operation.orders:
                raise Unavailable(
                    f"the bulk operation's report holds {report.orders} of {operation.orders} orders",
                    maybe_done=True,
                )
        except BaseException:
            report.close()
            raise
        while len(self._reports) >= MOST_REPORTS:
            self._reports.pop(next(iter(self._reports))).close()
        self._reports[operation.id] = report
        return True


def _operation(value: Any) -> Operation | None:
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        return None
    count = str(value.get("rootObjectCount") or "0")
    return Operation(
        id=value["id"],
        status=str(value.get("status") or ""),
        created_at=moment(value.get("createdAt")),
        orders=int(count) if count.isdecimal() else 0,
        url=str(value.get("url") or ""),
    )


def _waiting(cursor: HistoryCursor, seconds: float) -> Page:
    return Page(documents=[], cursor=written(cursor), more=True, wait=seconds, total=cursor.total)


def _anew(cursor: HistoryCursor) -> HistoryCursor:
    return msgspec.structs.replace(cursor, operation="", line=0)


def _by_pages(cursor: HistoryCursor) -> HistoryCursor:
    return msgspec.structs.replace(cursor, operation="", line=0, paged=True)
