"""Lists of orders that skip nothing: by time, and by page inside a millisecond that holds too many.

Vendure's ``updatedAt`` does not move when an order is placed, and ``orderPlacedAt`` is set then, so there are
two feeds, one by each. Both times are shown in milliseconds, but PostgreSQL keeps microseconds: a bound
(``after``, ``before``, both exclusive) lies in front of the shown millisecond, and ids are no help because
they cannot be compared. So rows of the last millisecond are read again, and when one millisecond fills a
page it is *drained*: asked for as a closed window, by page, the last page first. Rows can only leave it (by
an edit, which the poll meets later), and then what follows moves to a page still to be read.

A list is sorted by one key. Of two, Vendure sorts by the one that its schema names first: with ``updatedAt``
and ``id``, in whichever order they are sent, by the id (seen); going on from the last row would skip orders.

All seen on Vendure 3.7.3. Carts and drafts, which have no ``orderPlacedAt``, are not asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec

from adapters.vendure.api import Api, Rows
from adapters.vendure.documents import document
from connector.model.errors import Unavailable
from connector.runtime import exact_json
from connector.sdk.contract import History, Page, Poll
from connector.sdk.fields import moment

MS = timedelta(milliseconds=1)
# A row is dated before its transaction ends, and a placement waits for the payment's provider inside one.
OVERLAP = timedelta(seconds=120)

_NO_DATE = datetime(9999, 12, 31, tzinfo=UTC)

FEEDS = {"orders": "updatedAt", "placed": "orderPlacedAt"}


class Drain(msgspec.Struct, frozen=True):
    """The millisecond ``at`` on its way from its last page to its first. ``left`` None: not counted yet."""

    at: datetime
    left: int | None = None


class Cursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``bound``: where the next request begins, exclusive. The rest exists only within a round or history.

    ``began`` is the shop's clock at the round's first answer: the next round starts no later than that less
    the overlap, however long this one takes.
    """

    bound: datetime
    began: datetime | None = None
    total: int | None = None
    drain: Drain | None = None


class Lists:
    """One shop's lists. ``types`` are the order types that the store wants."""

    def __init__(self, api: Api, types: tuple[str, ...], page_size: int) -> None:
        self._api = api
        self._types = list(types)
        self._size = page_size

    async def poll(self, read: Poll) -> Page:
        """The next page of changes, oldest first."""
        name = FEEDS[read.feed]
        cursor = _cursor(read.cursor, Cursor(bound=_floor(read.since) - MS))
        if cursor.drain is not None:
            rows, rest = await self._drained(cursor.drain, name)
            bound = cursor.bound if rest else cursor.drain.at + MS
            return _page(rows, Cursor(bound=bound, began=cursor.began, drain=rest), more=True)
        low = cursor.bound if cursor.began else cursor.bound - OVERLAP
        rows = await self._rows({name: {"after": _text(low)}}, {name: "ASC"})
        began = cursor.began or rows.date or _NO_DATE
        times = _sorted(_times(rows, name), name)
        if not self._full(rows) or not times:
            return _page(rows, Cursor(bound=min(max([cursor.bound, *times]), began)), more=False)
        bound = times[-1] - MS
        if bound > low:
            return _page(rows, Cursor(bound=bound, began=began), more=True)
        return _page(rows, Cursor(bound=low, began=began, drain=Drain(times[-1])), more=True)

    async def history(self, read: History) -> Page:
        """The next page of orders by the time they were placed, newest first."""
        name = FEEDS["placed"]
        cursor = _cursor(read.cursor, Cursor(bound=_floor(read.until) + MS))
        if cursor.drain is not None:
            rows, rest = await self._drained(cursor.drain, name)
            bound = cursor.bound if rest else cursor.drain.at
            following = Cursor(bound=bound, total=cursor.total, drain=rest)
            return _page(_within(rows, read), following, more=True)
        span = {"after": _text(_floor(read.since) - MS)}
        bounds = {"_and": [{name: span}, {name: {"before": _text(cursor.bound)}}]}
        rows = await self._rows(bounds, {name: "DESC"})
        total = rows.total if cursor.total is None else cursor.total
        times = _sorted(_times(rows, name)[::-1], name)[::-1]
        following = Cursor(bound=cursor.bound, total=total)
        full = self._full(rows) and bool(times)
        if full:
            bound = times[-1] + MS
            drain = Drain(times[-1]) if bound >= cursor.bound else None
            following = Cursor(bound=min(bound, cursor.bound), total=total, drain=drain)
        return _page(_within(rows, read), following, more=full)

    async def some(self, refs: list[str]) -> Rows:
        """The orders with these ids."""
        return await self._rows({"id": {"in": refs}}, {"id": "ASC"}, size=len(refs))

    async def newest(self) -> Rows:
        """One order, as a poll reads it."""
        return await self._rows({}, {"orderPlacedAt": "DESC"}, size=1)

    async def _drained(self, drain: Drain, name: str) -> tuple[Rows, Drain | None]:
        """One page of a closed window and what is left of it."""
        window = {name: {"between": {"start": _text(drain.at), "end": _text(drain.at + MS)}}}
        skip = drain.left or 0
        rows = await self._rows(window, {"id": "ASC"}, skip=skip)
        left = skip - self._size
        if drain.left is None:  # page one is read again at the end: rows may have moved to it meanwhile
            left = (rows.total - 1) // self._size * self._size or left
        return rows, Drain(drain.at, left) if left >= 0 else None

    async def _rows(
        self, wanted: Mapping[str, Any], sort: Mapping[str, str], *, size: int = 0, skip: int = 0
    ) -> Rows:
        placed = {"orderPlacedAt": {"isNull": False}}
        conditions = [placed, {"type": {"in": self._types}}, *([wanted] if wanted else [])]
        return await self._api.orders(
            {
                "filter": {"_and": conditions},
                "sort": sort,
                "take": size or self._size,
                "skip": skip,
            }
        )

    def _full(self, rows: Rows) -> bool:
        return len(rows.bodies) >= self._size or rows.total > len(rows.bodies)


def _page(rows: Rows, cursor: Cursor, *, more: bool) -> Page:
    return Page(
        documents=[document(body) for body in rows.bodies],
        cursor=exact_json.encode(cursor).decode(),
        more=more,
        position=cursor.bound,
        total=cursor.total,
    )


def _within(rows: Rows, read: History) -> Rows:
    """Bounds are sent in milliseconds: what lies outside of what was asked for is dropped here."""
    bodies = [
        body
        for body in rows.bodies
        if (placed := moment(body.get("orderPlacedAt"))) is None or read.since <= placed < read.until
    ]
    return Rows(bodies, rows.total, rows.date)


def _cursor(text: str | None, beginning: Cursor) -> Cursor:
    return msgspec.json.decode(text, type=Cursor) if text else beginning


def _times(rows: Rows, name: str) -> list[datetime]:
    return [time for body in rows.bodies if (time := moment(body.get(name))) is not None]


def _sorted(times: list[datetime], name: str) -> list[datetime]:
    """Raises Unavailable unless they ascend: else going on from the last would lose some in silence."""
    if any(earlier > later for earlier, later in pairwise(times)):
        raise Unavailable(f"the shop does not sort its orders by {name}", maybe_done=True)
    return times


def _floor(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(microsecond=time.microsecond // 1000 * 1000)


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
