"""One list of a shop: what an adapter declares of it, and how it is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any, TypeVar

import msgspec

from connector.model.errors import Unavailable
from connector.model.order import Document
from connector.sdk.fields import moment
from connector.sdk.keyset.page_size import PageSize

T = TypeVar("T")

NEVER = datetime(9000, 1, 1, tzinfo=UTC)  # no order is of that time or later


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of a time from ``low`` on, before ``high`` (aware UTC; None: no end), **ascending by their ids**.

    Of these the ones from position ``start`` (a multiple of ``size``) on, ``size`` at most.
    """

    low: datetime
    high: datetime | None
    start: int
    size: int


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What came. ``count`` is how many rows there are in all, if the shop says; ``date`` its clock."""

    documents: Sequence[Document]
    count: int | None
    date: datetime | None


class List(msgspec.Struct, frozen=True, kw_only=True):
    """A list of orders.

    ``time`` is the field of a row by which the list is bounded, in ``zone`` where it is written without one.
    ``resolution`` is the smallest step of that time. ``overlap``: rows become visible later than they are
    dated, by no more than this. ``fetch`` raises AuthError and Unavailable. ``needs`` says what a shop that
    ignores bounds may lack. ``order`` makes of a ref what ids are compared by. ``stretch``: the shortest
    stretch around an instant both ends of which can be sent as bounds, where that is not ``resolution``.
    ``locate`` tells the ref of the one row that an Ask is about, where the shop can show as much of a row
    that it cannot show whole; ``one`` fetches the order of a ref.
    """

    fetch: Callable[[Ask], Awaitable[Rows]]
    time: str
    resolution: timedelta
    overlap: timedelta
    needs: str = ""
    zone: tzinfo | None = None
    order: Callable[[str], Any] = lambda ref: by_id(ref)
    stretch: Callable[[datetime], tuple[datetime, datetime]] | None = None
    locate: Callable[[Ask], Awaitable[str]] | None = None
    one: Callable[[str], Awaitable[Document | None]] | None = None

    def time_of(self, document: Document) -> datetime | None:
        """When the row was, aware UTC; None when it cannot be read."""
        return moment(document.body.get(self.time), self.zone)

    def floor(self, time: datetime) -> datetime:
        """The latest bound that is no later than ``time``."""
        since_epoch = min(max(time, _EARLIEST), NEVER) - _EARLIEST
        whole = _EARLIEST + since_epoch // self.resolution * self.resolution
        return whole if self.stretch is None else self.stretch(whole)[0]

    def ceiling(self, time: datetime) -> datetime:
        """The earliest bound that is no earlier than ``time``."""
        whole = self.floor(time)
        if whole == min(time, NEVER):
            return whole
        end = whole + self.resolution
        return end if self.stretch is None else self.stretch(whole)[1]


class Bad(Exception):
    """The shop answers, but not this: twice in a row it failed at the same part of the list."""

    def __init__(self, error: Unavailable) -> None:
        super().__init__(str(error))
        self.error = error


async def twice(attempt: Callable[[], Awaitable[T]], another: Callable[[], Awaitable[object]]) -> T:
    """What ``attempt`` gives. Raises AuthError, Unavailable, and Bad.

    A fault that may lie in the rows themselves is tried once more when the shop answers to ``another``, a
    cheap question: nearly every passing fault ends there, and a shop that is down is asked twice, not more.
    """
    try:
        return await attempt()
    except Unavailable as error:
        if not _may_be_the_rows(error):
            raise
        try:
            await another()
        except Unavailable:
            raise error from None
    try:
        return await attempt()
    except Unavailable as error:
        if not _may_be_the_rows(error):
            raise
        raise Bad(error) from None


class Listing:
    """Asks a shop for parts of one list; ``size`` is shared by all lists of the shop."""

    def __init__(self, listed: List, size: PageSize) -> None:
        self.list = listed
        self.size = size

    async def rows(self, ask: Ask) -> Rows:
        """A part of the list, each row once. Raises AuthError, Unavailable, and Bad."""

        async def attempt() -> Rows:
            return self._checked(await self.list.fetch(ask), ask)

        return await twice(attempt, lambda: self.list.fetch(Ask(low=NEVER, high=None, start=0, size=1)))

    def _checked(self, rows: Rows, ask: Ask) -> Rows:
        self.size.good()
        times = [time for document in rows.documents if (time := self.list.time_of(document))]
        strange = sum(
            time < ask.low - self.list.resolution or (ask.high is not None and time >= ask.high)
            for time in times
        )
        # A single row may show an older time than that by which the shop found it: it comes out of a cache.
        if strange * 2 > len(times):
            raise Unavailable(
                f"the shop ignores the bounds of {self.list.time} in its list of orders: it answered with "
                f"orders outside of them{'; ' if self.list.needs else ''}{self.list.needs}"
            )
        once = {document.ref: document for document in rows.documents}
        count = rows.count if rows.count is None or rows.count >= len(once) else None
        return Rows(documents=list(once.values()), count=count, date=rows.date)


def must_be_sorted(listed: List, rows: Rows) -> None:
    """Raise Unavailable unless they ascend by id: reading on would then lose some in silence."""
    keys = [listed.order(document.ref) for document in rows.documents]
    if any(earlier > later for earlier, later in pairwise(keys)):
        raise Unavailable(
            "the shop does not sort its orders by id as it was asked to; does a plugin interfere?"
        )


def by_id(ref: str) -> tuple[int, int, str]:
    """Numbers as numbers, anything else as text."""
    return (0, int(ref), "") if ref.isascii() and ref.isdecimal() and len(ref) < 100 else (1, 0, ref)


def _may_be_the_rows(error: Unavailable) -> bool:
    return (error.maybe_done or error.heavy) and error.retry_after is None


_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
