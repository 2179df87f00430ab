"""Lists read from where the last page ended, never by offset.

Sorted by ``updated_at``, an offset loses rows: an order that is edited leaves its page, what follows moves
up, and the row on the border is never shown (seen). So each request asks from an instant on (``$gte``,
inclusive) and always at offset 0. Rows of a full page's last instant are left for the next page, which begins
with them; where one instant fills a page, a larger page is asked for.

A parameter that Medusa does not know, or one misspelt, is ignored in silence with status 200 and all orders
(seen), so every row is held against the bounds that were asked for.

*Payments.* A capture moves no order's ``updated_at``, and a refund for goods that came back moves neither the
order's nor the payment's: only the payment collection's (seen). Lists cannot be filtered by that, but sorted:
newest first, by offset, down to where the last round began. What moves goes to the top, so rows are repeated,
never lost; each page begins with the last row of the one before, to make sure that none went away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec

from adapters.medusa.client import FIELDS, MOST_IDS, Client, document
from connector.model.errors import Unavailable
from connector.model.order import Document
from connector.runtime import exact_json
from connector.sdk.contract import History, Page, Poll
from connector.sdk.fields import moment

# Times are written by the server before its transaction ends, and the clocks of several servers differ.
OVERLAP = timedelta(seconds=120)

NEWEST_PAYMENTS = {
    "order": "-payment_collection.updated_at",
    "fields": "id,payment_collection.updated_at,payment_collection.order.id",
}

_LARGEST_PAGE = 50_000
_NO_DATE = datetime(9999, 12, 31, tzinfo=UTC)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class PollCursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """``at``: from this instant on is to be read. ``began``, only within a round: the shop's clock then.

    Rows that the shop commits late are for the next round, which starts no later than ``began`` less the
    overlap, however long this round takes.
    """

    at: datetime
    began: datetime | None = None


class PaymentCursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """``at`` as above. Within a round: how many rows were read, the time of the first and of the last."""

    at: datetime
    began: datetime | None = None
    read: int = 0
    newest: datetime | None = None
    last: datetime | None = None


class HistoryCursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """``until``: up to and including this instant is to be read. ``total``: by the first answer."""

    until: datetime
    total: int


class Stretch(msgspec.Struct, frozen=True):
    """Rows in their order. ``rest`` is the instant with which the next page begins; None at the end."""

    rows: Sequence[dict[str, Any]]
    rest: datetime | None
    newest: datetime | None
    count: int
    date: datetime | None


async def poll_orders(read: Poll, client: Client, size: int) -> Page:
    """The next page of changed orders, oldest change first."""
    if read.cursor is None:
        cursor = PollCursor(_begin(read))
    else:
        cursor = msgspec.json.decode(read.cursor, type=PollCursor)
    low = cursor.at if cursor.began else cursor.at - OVERLAP
    stretch = await _stretch(client, "updated_at", {"updated_at[$gte]": _text(low)}, size)
    if any(time < low for time in _times(stretch.rows, "updated_at")):
        raise _ignored("updated_at")
    began = cursor.began or stretch.date or _NO_DATE
    if stretch.rest is None:
        rest = PollCursor(min(max(cursor.at, stretch.newest or cursor.at), began))
    else:
        rest = PollCursor(stretch.rest, began)
    return Page(
        documents=[document(row) for row in stretch.rows],
        cursor=exact_json.encode(rest).decode(),
        more=stretch.rest is not None,
        position=rest.at,
    )


async def poll_payments(read: Poll, client: Client) -> Page:
    """The orders of the next page of payments that moved. A payment of a cart that is no order has none."""
    if read.cursor is None:
        cursor = PaymentCursor(_begin(read))
    else:
        cursor = msgspec.json.decode(read.cursor, type=PaymentCursor)
    offset = max(cursor.read - 1, 0)
    answer = await client.get("payments", {**NEWEST_PAYMENTS, "limit": str(MOST_IDS), "offset": str(offset)})
    groups = [_part(row, "payment_collection") for row in answer.rows]
    times = _times(groups, "updated_at")
    _sorted(reversed(times), "payments", NEWEST_PAYMENTS["order"])
    if cursor.last and (not times or times[0] < cursor.last):  # one went away: what followed it moved up
        return _payments([], PaymentCursor(cursor.at), more=True)
    low = cursor.at - OVERLAP
    fresh = [group for group, time in zip(groups, times, strict=True) if time >= low]
    refs = dict.fromkeys(ref for group in fresh if (ref := _part(group, "order").get("id")))
    began = cursor.began or answer.date or _NO_DATE
    newest = cursor.newest or max([cursor.at, *times[:1]])
    seen = offset + len(times)
    if times and len(fresh) == len(times) and answer.count > seen:
        rest = PaymentCursor(cursor.at, began, seen, newest, times[-1])
    else:
        rest = PaymentCursor(min(newest, began))
    return _payments(await client.orders(list(refs)), rest, more=rest.read > 0)


async def history(read: History, client: Client, size: int) -> Page:
    """The next page of orders by the time they were created, newest first."""
    since = _text(read.since)
    if read.cursor is None:
        cursor = None
        bounds = {"created_at[$gte]": since, "created_at[$lt]": _text(read.until)}
    else:
        cursor = msgspec.json.decode(read.cursor, type=HistoryCursor)
        bounds = {"created_at[$gte]": since, "created_at[$lte]": _text(cursor.until)}
    stretch = await _stretch(client, "-created_at", bounds, size)
    newest = cursor.until if cursor else read.until
    if any(not read.since <= time <= newest for time in _times(stretch.rows, "created_at")):
        raise _ignored("created_at")
    total = cursor.total if cursor else stretch.count
    until = stretch.rest or read.since
    return Page(
        documents=[document(row) for row in stretch.rows],
        cursor=exact_json.encode(HistoryCursor(until, total)).decode(),
        more=stretch.rest is not None,
        position=until,
        total=total,
    )


def _begin(read: Poll) -> datetime:
    return max(read.since, _EARLIEST + OVERLAP).astimezone(UTC)


async def _stretch(client: Client, order: str, bounds: dict[str, str], size: int) -> Stretch:
    limit = size
    while True:
        query = {**bounds, "order": order, "limit": str(limit), "fields": FIELDS}
        answer = await client.get("orders", query)
        times = _times(answer.rows, order.removeprefix("-"))
        _sorted(reversed(times) if order.startswith("-") else times, "orders", order)
        newest = max(times, default=None)
        # Two signs that there is more, either is enough: something before the shop may cap the limit.
        if len(times) < limit and answer.count <= len(times):
            return Stretch(answer.rows, None, newest, answer.count, answer.date)
        if times and times[0] != times[-1]:
            rows = [row for row, time in zip(answer.rows, times, strict=True) if time != times[-1]]
            return Stretch(rows, times[-1], newest, answer.count, answer.date)
        if len(times) < limit or limit >= _LARGEST_PAGE:
            raise Unavailable(
                f"{answer.count} orders of one instant are more than the shop shows at once ({len(times)})"
            )
        limit *= 4


def _payments(documents: Sequence[Document], rest: PaymentCursor, *, more: bool) -> Page:
    return Page(documents=documents, cursor=exact_json.encode(rest).decode(), more=more, position=rest.at)


def _times(rows: Sequence[dict[str, Any]], name: str) -> list[datetime]:
    times = [time for time in (moment(row.get(name)) for row in rows) if time]
    if len(times) < len(rows):
        raise Unavailable(f"the shop answered nonsense: a row of a list has no {name}", maybe_done=True)
    return times


def _sorted(times: Iterable[datetime], kind: str, order: str) -> None:
    """Raises Unavailable: going on from the last of unsorted rows would lose some in silence."""
    if any(earlier > later for earlier, later in pairwise(times)):
        raise Unavailable(f"the shop does not sort its {kind} by time (order={order})", maybe_done=True)


def _part(row: dict[str, Any], name: str) -> dict[str, Any]:
    part = row.get(name)
    return part if isinstance(part, dict) else {}


def _ignored(name: str) -> Unavailable:
    return Unavailable(
        f"the shop ignores the bounds of {name} in its lists: it answered with rows outside of them; "
        "this adapter is for Medusa 2",
        maybe_done=True,
    )


def _text(time: datetime) -> str:
    """Medusa takes a zone of ``Z`` only in this form; without one the database's zone would count."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
